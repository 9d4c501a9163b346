package import Reconciliation
package import VolumeModel

/// Sorts what CloudStack says is wrong by what to do next. Codes alone do not tell: 431 is a missing parameter, a vanished
/// volume and a busy machine alike, so the text decides within a code (texts of CloudStack 4.20).
package enum ErrorSorting {
    /// For an error answer to a call, and for a job's result.
    package static func remedy(code: Int, text: String) -> CloudRemedy {
        switch code {
        case 401, 531: return .notAllowed
        case 405: return .wrongRequest
        case 429, 503, 533, 534: return .retryLater
        case 430: return .wrongRequest
        case 431, 432: return ofParameterError(text)
        case 530: return ofServerError(text)
        case 532, 535: return .limitReached
        case 500, 502, 504: return .retryLater
        default: return code >= 500 ? .retryLater : .wrongRequest
        }
    }

    /// Whether a call that was answered with this error can have had its effect. 530 is CloudStack's word for anything
    /// unforeseen, also after it has queued the job.
    package static func effect(code: Int, changes: Bool) -> CloudError.Effect {
        changes && code == 530 ? .unknown : .none
    }

    private static func ofParameterError(_ text: String) -> CloudRemedy {
        if has(text, "entity does not exist") || has(text, "Unable to find volume") { return .notThere }
        if has(text, "maximum number of data disks") || has(text, "maximum size allowed") { return .limitReached }
        let isPassing = [
            "not attached to any VM", "is not attached to a VM", "either running or stopped", "Volume state must be",
            "should be in ready or allocated", "VM snapshots", "snapshot operations", "has backups", "any backups",
            "already exists so can't create", "not destroyed",
        ].contains { has(text, $0) }
        return isPassing ? .lookAgain : .wrongRequest
    }

    private static func ofServerError(_ text: String) -> CloudRemedy {
        if has(text, "already attached") || has(text, "is used by vm") { return .lookAgain }
        if has(text, "No more available PCI slots") || has(text, "All device Ids are used") { return .limitReached }
        if has(text, "does not have permission") { return .notAllowed }
        return .retryLater
    }

    private static func has(_ text: String, _ part: String) -> Bool {
        text.lowercased().contains(part.lowercased())
    }

    /// The wait that a 429 asks for: `please retry after [N] ms`. It is about the rest of the throttle's interval, of seconds;
    /// more than an hour is nothing to obey, since for so long nothing at all would be done.
    static func wait(in text: String) -> Duration? {
        guard let open = text.lastIndex(of: "["), let close = text.lastIndex(of: "]"), open < close,
            let wait = Int64(text[text.index(after: open)..<close])
        else { return nil }
        return .milliseconds(min(max(wait, 0), 3_600_000))
    }
}
