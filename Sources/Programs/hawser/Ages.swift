import VolumeModel

/// Durations as kubectl prints them: `5s`, `3m`, `2h`, `4d`.
enum Ages {
    static func text(_ duration: Duration) -> String {
        let seconds = max(0, duration.components.seconds)
        switch seconds {
        case ..<120: return "\(seconds)s"
        case ..<600: return seconds % 60 == 0 ? "\(seconds / 60)m" : "\(seconds / 60)m\(seconds % 60)s"
        case ..<7_200: return "\(seconds / 60)m"
        case ..<172_800: return "\(seconds / 3_600)h"
        default: return "\(seconds / 86_400)d"
        }
    }

    /// How long something took: tenths of seconds while they matter.
    static func took(_ duration: Duration) -> String {
        let milliseconds = duration / .milliseconds(1)
        if milliseconds < 60_000 { return "\(Int(milliseconds) / 1_000).\(Int(milliseconds) / 100 % 10)s" }
        return text(duration)
    }
}
