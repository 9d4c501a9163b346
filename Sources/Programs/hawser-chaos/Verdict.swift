import ControlAPIModel
import Rig

/// What CloudStack's own log says about what must never be.
struct Verdict {
    private(set) var wrong: [String] = []

    mutating func judge(_ actions: [DemoWorld.Action], sessions: [String: [ClosedRange<Int64>]]) {
        var isAttached: [String: Bool] = [:]
        for action in actions {
            guard let volume = action.volume else { continue }
            switch (action.kind, action.command) {
            case ("hazard", _): wrong.append("hazard: \(action.detail)")
            case ("effect", "attachVolume"):
                if isAttached[volume] == true {
                    wrong.append("ONE-HOLDER: \(volume) was attached twice: \(action.detail)")
                }
                isAttached[volume] = true
            case ("effect", "detachVolume"): isAttached[volume] = false
            case ("call", "detachVolume"):
                let cut = sessions[volume]?.first { $0.lowerBound < action.at && action.at < $0.upperBound }
                if cut != nil { wrong.append("IN-USE: \(volume) was detached while a client wrote") }
            default: break
            }
        }
    }

    mutating func add(_ more: [String]) { wrong += more }

    mutating func require(_ holds: Bool, _ text: String) {
        if !holds { wrong.append(text) }
    }
}
