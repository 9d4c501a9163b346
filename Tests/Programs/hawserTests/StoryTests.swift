import ControlAPIModel
import Testing
import VolumeModel

@testable import hawser

@Suite struct StoryTests {
    private let id = AttachmentID(UUIDValue(high: 0, low: 1))

    private func moment(_ seconds: Int64) -> Instant { Instant(nanoseconds: seconds * 1_000_000_000) }

    private func story() throws -> Story {
        let volume = VolumeID(UUIDValue(high: 0, low: 2))
        let machine = MachineID(UUIDValue(high: 0, low: 3))
        let drift = Drift(world: .cloudStack, kind: .notAttached, wanted: "attached", observed: "detached")
        let events = [
            EventRecord(
                at: moment(9), attachment: id, name: "a", severity: .normal, reason: "Ready", message: "all agree"),
            EventRecord(
                at: moment(2), attachment: id, name: "a", severity: .warning, reason: "NotAttached",
                message: "it is gone"),
        ]
        let operation = OperationRecord(
            intent: IntentID(UUIDValue(high: 0, low: 4)), attachment: id, action: .attachVolume(volume, to: machine),
            job: nil, startedAt: moment(3), phase: .ended(.failed(.limitReached, "no slot")), changedAt: moment(7),
            evidence: "no slot", because: "attached nowhere")
        return Story(
            events: events.map { WireEvent($0) }, operations: [WireOperation(operation)],
            drifts: [
                WireDriftRecord(
                    DriftRecord(
                        attachment: id, name: "a", drift: drift, seenAt: moment(1), endedAt: moment(8),
                        repairedBy: "attach"))
            ])
    }

    @Test func `all that happened stands in the order of time, with why it was begun and how it ended`() throws {
        #expect(
            try story().entries.map(\.line) == [
                "1970-01-01T00:00:01.000Z  drift     NotAttached (cloudstack): wanted attached, observed detached",
                "1970-01-01T00:00:02.000Z  event     NotAttached: it is gone",
                "1970-01-01T00:00:03.000Z  attach    begun: attached nowhere",
                "1970-01-01T00:00:07.000Z  attach    failed after 4.0s: no slot",
                "1970-01-01T00:00:08.000Z  repair    NotAttached gone after 7.0s, by attach",
                "1970-01-01T00:00:09.000Z  event     Ready: all agree",
            ])
        #expect(try story().entries.filter(\.isWarning).map(\.what) == ["drift", "event", "attach"])
    }

    @Test func `a time and a number of lines narrow it, the newest last`() throws {
        var story = try story()
        story.keep(since: moment(3), last: nil)
        #expect(story.entries.count == 4)
        story.keep(since: nil, last: 1)
        #expect(story.entries.map(\.what) == ["event"])
        story.keep(since: nil, last: 0)
        #expect(story.entries == [])
    }
}
