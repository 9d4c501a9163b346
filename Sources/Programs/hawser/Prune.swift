import ControlAPIModel

/// What `hawser apply --prune` takes away: objects that `hawser apply` made, and that the files do not name any more.
enum Prune {
    /// - Parameters:
    ///   - objects: all of desired state. What has another source than `hawser apply` names no file, and is left alone.
    ///   - departing: the names of objects that are on their way out already.
    ///   - named: what the files name, whether it is chosen by the selector or not: it is never pruned.
    static func candidates(
        _ objects: [WireObject], departing: Set<String>, named: Set<String>, selector: LabelSelector?
    ) -> [String] {
        objects.filter { object in
            !object.file.isEmpty && !departing.contains(object.name) && !named.contains(object.name)
                && selector?.matches(object.labels) ?? true
        }.map(\.name)
    }
}
