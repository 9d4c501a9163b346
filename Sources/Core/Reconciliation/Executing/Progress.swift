/// How it goes on with something that takes more than one call.
enum Progress<Outcome: Sendable>: Sendable {
    case call(SystemCall)
    case ended(Outcome)
}

/// An answer that does not belong to the call: the shell, or a simulated world, is wrong.
func unexpected(_ answer: SystemAnswer, to what: String) -> Never {
    preconditionFailure("'\(answer)' is no answer to \(what)")
}
