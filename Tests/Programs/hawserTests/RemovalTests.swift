import ControlAPIModel
import Testing
import VolumeModel

@testable import hawser

/// BRAKE at the command line: what a call takes away is asked for before it is done.
@Suite struct RemovalTests {
    private func object(_ name: String, file: String, labels: [String: String] = [:]) throws -> WireObject {
        WireObject(
            name: try #require(ObjectName(name)), labels: labels, volume: .named("v", zone: .named("z")),
            machine: .thisMachine, export: nil, detach: DetachPolicy(), file: file)
    }

    @Test
    func
        `BRAKE: one removal, also when it stands twice, is not asked for; where nobody can be asked several are not approved`()
        throws
    {
        func unasked(_ question: String) -> Bool {
            Issue.record("asked: \(question)")
            return true
        }
        #expect(try !RemovalQuestion.isApproved([], given: nil, ask: unasked))
        #expect(try !RemovalQuestion.isApproved(["a", "a"], given: nil, ask: unasked))
        #expect(try !RemovalQuestion.isApproved(["a", "b"], given: nil, ask: nil))
    }

    @Test func `BRAKE: several removals are approved by an answer, and nothing is done without it`() throws {
        var asked = ""
        let yes = try RemovalQuestion.isApproved(["b", "a"], given: nil) {
            asked = $0
            return true
        }
        #expect(yes)
        #expect(asked == "This leads to 2 removals (a, b). Approve them? [y/N] ")
        #expect(throws: RemovalQuestion.Refused(description: "nothing was changed")) {
            try RemovalQuestion.isApproved(["b", "a"], given: nil) { _ in false }
        }
    }

    @Test func `BRAKE: a number approves so many and no more`() throws {
        #expect(try RemovalQuestion.isApproved(["a", "b"], given: 2, ask: nil))
        let error = #expect(throws: RemovalQuestion.Refused.self) {
            try RemovalQuestion.isApproved(["c", "a", "b"], given: 2, ask: { _ in true })
        }
        #expect(
            error?.description
                == "cannot go on: this leads to 3 removals (a, b, c), and 2 were approved; nothing was changed")
    }

    @Test func `BRAKE: what is on hold is shown with each reason and with the word that lets it go`() {
        let held = WireBrake(
            batch: "3f9a1c07be",
            items: [.init(name: "a", volume: "v-1", reason: "the object was deleted: detach volume v-1")], allowed: 0,
            volumes: 7, windowSeconds: 600)
        let text = BrakeCommand.lines(held).joined(separator: "\n")
        #expect(text.contains("the object was deleted: detach volume v-1"))
        #expect(text.contains("hawser brake approve 3f9a1c07be"))
    }

    @Test func `MINE-ONLY: only what apply made and no file names is pruned`() throws {
        let objects = [
            try object("applied", file: "a.yaml"), try object("row", file: ""), try object("leaving", file: "a.yaml"),
            try object("named", file: "a.yaml"), try object("labelled", file: "-", labels: ["app": "x"]),
        ]
        func candidates(_ selector: String?) throws -> [String] {
            Prune.candidates(
                objects, departing: ["leaving"], named: ["named"],
                selector: try selector.map { (text) in try LabelSelector(text) })
        }
        #expect(try candidates(nil) == ["applied", "labelled"])
        #expect(try candidates("app=x") == ["labelled"])
        #expect(try candidates("app=y") == [])
    }
}
