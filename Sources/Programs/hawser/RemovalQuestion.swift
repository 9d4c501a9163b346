import Arguments
import Glibc

/// BRAKE: what a call takes away is said before it is done. One removal that a person names is approved by that; several are
/// approved by their number or by an answer. Where nobody can be asked they count toward the brake.
enum RemovalQuestion {
    static let option = CommandOption(
        "approve-removals", value: .required("N"),
        help: "approve so many removals; when there are more, nothing is changed")

    struct Refused: Error, Equatable, CustomStringConvertible {
        var description: String
    }

    /// - Parameters:
    ///   - names: what is taken away.
    ///   - given: how many the command line approves.
    ///   - ask: puts a question to the person; nil where nobody can be asked.
    /// - Returns: whether all of them are approved.
    /// - Throws: ``Refused`` when nothing is to be changed.
    static func isApproved(
        _ names: [String], given: Int?, ask: ((String) -> Bool)?
    ) throws(Refused) -> Bool {
        let names = Set(names).sorted()
        if let given {
            guard names.count <= given else {
                throw Refused(
                    description: "cannot go on: this leads to \(text(names)), and \(given) were approved; "
                        + "nothing was changed")
            }
            return !names.isEmpty
        }
        guard names.count > 1, let ask else { return false }
        guard ask("This leads to \(text(names)). Approve them? [y/N] ") else {
            throw Refused(description: "nothing was changed")
        }
        return true
    }

    /// Tells of removals that nobody has approved.
    static func warn(_ names: [String], isApproved: Bool) {
        guard !isApproved, Set(names).count > 1 else { return }
        complain("\(text(Set(names).sorted())) without approval: 'hawser brake' shows what of it is on hold")
    }

    static func text(_ names: [String]) -> String {
        let shown = names.prefix(10).joined(separator: ", ") + (names.count > 10 ? ", …" : "")
        return "\(names.count) removal\(names.count == 1 ? "" : "s") (\(shown))"
    }

    /// Asks on the terminal; nil where there is none at either end.
    static var onTerminal: ((String) -> Bool)? {
        guard isatty(STDIN_FILENO) == 1, isatty(STDERR_FILENO) == 1 else { return nil }
        return { question in
            say(question, on: STDERR_FILENO, terminator: "")
            return ["y", "yes"].contains(readLine()?.lowercased() ?? "")
        }
    }
}
