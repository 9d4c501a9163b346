import Glibc
import LinuxCalls
import Rig
import Testing

/// The simulator's faults before the real hawserd: whatever CloudStack does to an attach or a detach, it is done once, and all
/// is well afterwards.
@Suite(.enabled(if: access("/usr/bin/nbdkit", X_OK) == 0, "needs nbdkit"))
struct CloudFaultTests {
    private static let orders = "a7f226a7-95a0-43b6-942e-acc909ef0c08"

    /// What goes wrong, and how many calls it then takes. Under `staleList` CloudStack's exact reads deny what its own jobs
    /// have done: then it may be asked again, and has nothing to do.
    private struct Trouble {
        var fault: String
        var calls = 1...1
    }

    private func count(_ kind: String, _ command: String, in world: DemoWorld) async throws -> Int {
        try await world.actions().count { $0.kind == kind && $0.command == command && $0.volume == Self.orders }
    }

    private func expectOnce(
        _ command: String, _ trouble: Trouble, in world: DemoWorld, _ body: () async throws -> Void
    ) async throws {
        let calls = try await count("call", command, in: world)
        let effects = try await count("effect", command, in: world)
        try await world.addFault(trouble.fault)
        try await body()
        try await wait(for: "\(trouble.fault) to have struck") { try await world.faultsLeft() == 0 }
        _ = try await world.untilAllReady()
        let actions = try await world.actions()
        let story = actions.suffix(12).map { "\($0.number) \($0.at) \($0.kind) \($0.command): \($0.detail)" }
        let called = try await count("call", command, in: world) - calls
        #expect(trouble.calls.contains(called), "\(trouble.fault): \(story)")
        #expect(try await count("effect", command, in: world) == effects + 1, "\(trouble.fault): \(story)")
        #expect(actions.allSatisfy { $0.kind != "hazard" }, "\(trouble.fault): \(story)")
    }

    @Test func `NO-BLIND-REPEAT and CONVERGES: an attach under each fault is had once`() async throws {
        let troubles = [
            Trouble(fault: #"{"kind":"dropBefore","command":"attachVolume","count":1}"#),
            Trouble(fault: #"{"kind":"dropAfter","command":"attachVolume","count":1}"#),
            Trouble(fault: #"{"kind":"throttle","command":"attachVolume","milliseconds":300,"count":1}"#),
            Trouble(fault: #"{"kind":"jobLost","command":"attachVolume","count":1}"#),
            Trouble(fault: #"{"kind":"jobWithoutResult","command":"attachVolume","count":1}"#),
            Trouble(
                fault: #"{"kind":"jobFails","command":"attachVolume","code":530,"text":"busy","count":1}"#, calls: 2...2
            ),
            Trouble(fault: #"{"kind":"dropAfter","command":"queryAsyncJobResult","count":2}"#),
            Trouble(fault: #"{"kind":"staleList","command":"listVolumes","count":3}"#, calls: 1...4),
            Trouble(fault: #"{"kind":"shortPage","command":"listVolumes","count":2}"#),
        ]
        try await expectOnce("attachVolume", under: troubles)
    }

    @Test func `NO-BLIND-REPEAT and CONVERGES: a detach under each fault is had once`() async throws {
        let troubles = [
            Trouble(fault: #"{"kind":"dropBefore","command":"detachVolume","count":1}"#),
            Trouble(fault: #"{"kind":"dropAfter","command":"detachVolume","count":1}"#),
            Trouble(fault: #"{"kind":"jobLost","command":"detachVolume","count":1}"#),
            Trouble(fault: #"{"kind":"jobWithoutResult","command":"detachVolume","count":1}"#),
            Trouble(fault: #"{"kind":"staleList","command":"listVolumes","count":2}"#, calls: 1...3),
        ]
        try await expectOnce("detachVolume", under: troubles)
    }

    /// A person takes the volume away and wants it again, which repairs nothing and so is never contested.
    private func expectOnce(_ command: String, under troubles: [Trouble]) async throws {
        try await AppliedDemo.run { demo in
            for trouble in troubles {
                try await expectOnce(command, trouble, in: demo.world) {
                    #expect(try await demo.hawser("delete", "orders").status.isSuccess)
                    let waited = try await demo.hawser("wait", "orders", "--for=detached", "--timeout=60s")
                    #expect(waited.status.isSuccess, "\(trouble.fault): \(waited.output)\(waited.errors)")
                    let applied = try await demo.hawser(
                        "apply", "-f", "\(AppliedDemo.root)/manifests/demo", "--wait=60s")
                    #expect(applied.status.isSuccess, "\(trouble.fault): \(applied.output)\(applied.errors)")
                }
            }
        }
    }
}
