/// How many attachments one call may take away: one, until the brake on bulk removals (BRAKE) exists, which will ask a
/// person instead.
enum RemovalLimit {
    struct Exceeded: Error, Equatable, CustomStringConvertible {
        var verb: String
        var names: [String]
        /// What to do instead.
        var advice: String

        var description: String {
            let shown = names.prefix(10).joined(separator: ", ") + (names.count > 10 ? ", …" : "")
            return "cannot \(verb) \(names.count) attachments at once (\(shown)); nothing was changed: \(advice)"
        }
    }

    /// The names, each once, when there is at most one.
    static func check(
        _ names: [String], verb: String, advice: String = "delete them one at a time, such as 'hawser delete NAME'"
    ) throws(Exceeded) {
        let distinct = Set(names).sorted()
        guard distinct.count <= 1 else { throw Exceeded(verb: verb, names: distinct, advice: advice) }
    }
}
