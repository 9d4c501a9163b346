/// How many attachments one call may take away: one, until the brake on bulk removals (BRAKE) exists, which will ask a
/// person instead.
enum RemovalLimit {
    struct Exceeded: Error, Equatable, CustomStringConvertible {
        var verb: String
        var names: [String]

        var description: String {
            let shown = names.prefix(10).joined(separator: ", ") + (names.count > 10 ? ", …" : "")
            let instead = verb == "prune" ? "apply without --prune, then delete" : "delete"
            return "cannot \(verb) \(names.count) attachments at once (\(shown)); nothing was changed: "
                + "\(instead) them one by one, beginning with 'hawser delete \(names.first ?? "")'"
        }
    }

    /// - Throws: ``Exceeded`` when there is more than one name; one that stands twice is one.
    static func check(_ names: [String], verb: String) throws(Exceeded) {
        let distinct = Set(names).sorted()
        guard distinct.count <= 1 else { throw Exceeded(verb: verb, names: distinct) }
    }
}
