import ControlAPIModel
import Testing
import VolumeModel

@testable import hawser

/// BRAKE, as long as there is none: one removal at a time.
@Suite struct RemovalTests {
    private func object(_ name: String, file: String, labels: [String: String] = [:]) throws -> WireObject {
        WireObject(
            name: try #require(ObjectName(name)), labels: labels, volume: .named("v", zone: .named("z")),
            machine: .thisMachine, export: nil, detach: DetachPolicy(), file: file)
    }

    @Test func `BRAKE: one name is let through, also when it stands twice; two are refused with what to do instead`()
        throws
    {
        try RemovalLimit.check([], verb: "delete")
        try RemovalLimit.check(["a", "a"], verb: "delete")
        let error = #expect(throws: RemovalLimit.Exceeded.self) { try RemovalLimit.check(["b", "a"], verb: "delete") }
        #expect(
            error?.description
                == "cannot delete 2 attachments at once (a, b); nothing was changed: "
                + "delete them one by one, beginning with 'hawser delete a'")
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
