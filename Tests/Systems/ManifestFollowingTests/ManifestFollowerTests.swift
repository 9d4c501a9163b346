import Glibc
import LinuxCalls
import ManifestFollowing
import Reconciliation
import Store
import Testing
import VolumeModel

/// A followed directory, with a real store and real files.
@Suite final class ManifestFollowerTests {
    private let directory: TemporaryDirectory
    private let manifests: String
    private let store: SQLStore
    private let troubles: AsyncStream<String?>
    private let task: Task<Void, Never>

    init() throws {
        directory = try TemporaryDirectory(prefix: "hawser-follower-test")
        manifests = "\(directory.path)/manifests"
        try createDirectories(manifests)
        let store = try SQLStore.embedded(path: "\(directory.path)/hawser.db")
        self.store = store
        let (stream, continuation) = AsyncStream<String?>.makeStream()
        troubles = stream
        let follower = ManifestFollower(directory: manifests, store: store) { continuation.yield($0) }
        task = Task { await follower.run() }
    }

    deinit { task.cancel() }

    private func text(_ name: String, _ number: Int, export: String? = nil) -> String {
        """
        apiVersion: hawser/v1
        kind: VolumeAttachment
        metadata: {name: \(name)}
        spec:
          volume: {id: a7f226a7-95a0-43b6-942e-acc909ef0c0\(number)}
          vm: self
        """ + (export.map { "\n  export: {name: \($0)}\n" } ?? "\n")
    }

    private func write(_ file: String, _ text: String) throws {
        try writeFile("\(manifests)/\(file)", bytes: Array(text.utf8))
    }

    private func objects() async throws -> [DesiredAttachment] {
        try await store.desiredState().entries.compactMap { if case .valid(let object) = $0 { object } else { nil } }
    }

    /// Waits until the objects are as they should be, and the test's own time limit at the longest.
    private func until(_ holds: ([DesiredAttachment]) -> Bool) async throws {
        for await _ in await store.desiredChanges() where holds(try await objects()) { return }
    }

    private func trouble(_ holds: (String?) -> Bool) async -> String? {
        for await trouble in troubles where holds(trouble) { return trouble }
        return nil
    }

    @Test(.timeLimit(.minutes(1))) func `edits converge without a command, and one removal is taken over`() async throws
    {
        try write("one.yaml", text("one", 1))
        try write("two.yaml", text("two", 2))
        try await until { $0.map(\.name.text) == ["one", "two"] }
        try write("two.yaml", text("two", 2, export: "second"))
        try await until { $0.last?.export?.name.text == "second" }
        unlink("\(manifests)/one.yaml")
        try await until { $0.first?.isDeparting == true }
        #expect(try await objects().last?.isDeparting == false)
    }

    @Test(.timeLimit(.minutes(1)))
    func `a wrong file changes nothing and is said so, with its place, until it is right`() async throws {
        try write("one.yaml", text("one", 1))
        try await until { $0.count == 1 }
        try write("two.yaml", text("two", 2) + "  exprt: {name: x}\n")
        try write("one.yaml", text("one", 1, export: "changed"))
        let told = await trouble { $0?.contains("exprt") == true }
        #expect(told?.contains("\(manifests)/two.yaml:7:3") == true, "\(told ?? "")")
        #expect(try await objects().map(\.export) == [nil])
        try write("two.yaml", text("two", 2))
        try await until { $0.count == 2 && $0.first?.export != nil }
        _ = await trouble { $0 == nil }
    }

    @Test(.timeLimit(.minutes(1))) func `a file that is still being written changes nothing until it is closed`()
        async throws
    {
        try write("one.yaml", text("one", 1, export: "kept"))
        try await until { $0.count == 1 }
        // Cut off in the middle it is a valid manifest without an export, which would take the export down.
        do {
            let file = try FileDescriptor(opening: "\(manifests)/one.yaml", flags: O_WRONLY | O_TRUNC)
            try file.write(Array(text("one", 1).utf8))
            let told = await trouble { $0?.hasSuffix("is being written") == true }
            try #require(told != nil)
            #expect(try await objects().first?.export?.name.text == "kept")
            try file.write(Array("  export: {name: changed}\n".utf8))
        }
        try await until { $0.first?.export?.name.text == "changed" }
        #expect(try await objects().first?.generation == 2, "the half-written file was never taken over")
    }

    @Test(.timeLimit(.minutes(1))) func `BRAKE: several objects that are gone at once depart by no person's approval`()
        async throws
    {
        for number in 1...3 { try write("\(number).yaml", text("object-\(number)", number)) }
        try await until { $0.count == 3 }
        unlink("\(manifests)/1.yaml")
        unlink("\(manifests)/2.yaml")
        try await until { $0.filter(\.isDeparting).count == 2 }
        #expect(try await objects().allSatisfy { !$0.isRemovalApproved })
        #expect(try await objects().last?.isDeparting == false)
    }

    @Test(.timeLimit(.minutes(1)))
    func `BRAKE: what a truncated file lost departs by no approval, and comes back with the file while it is held`()
        async throws
    {
        let whole = (1...3).map { text("object-\($0)", $0) }.joined(separator: "---\n")
        try write("all.yaml", whole)
        try await until { $0.count == 3 }
        try write("all.yaml", text("object-1", 1))
        try await until { $0.filter(\.isDeparting).count == 2 }
        let held = try await objects().filter(\.isDeparting)
        #expect(held.allSatisfy { !$0.isRemovalApproved })
        // As the loop does when the brake holds them.
        try await store.save(
            held.map { object in
                AttachmentDetail(
                    report: AttachmentReport(
                        attachment: object.id, name: object.name.text, generation: object.generation, volume: nil,
                        machine: nil, isHere: true, isDeparting: true, readiness: .notReady(.braked("held")),
                        since: Instant(nanoseconds: 0), cloudWord: "attached", deviceWord: "vdb", exportWord: "live",
                        clients: .known(0), drifts: [], next: nil, nextAt: nil), conditions: [], volume: nil,
                    device: nil, export: nil)
            })
        try write("all.yaml", whole)
        try await until { $0.allSatisfy { !$0.isDeparting } }
    }

    @Test(.timeLimit(.minutes(1))) func `BRAKE, NO-SURPRISE-DELETE: an emptied directory takes nothing away`()
        async throws
    {
        for number in 1...3 { try write("\(number).yaml", text("object-\(number)", number)) }
        try await until { $0.count == 3 }
        try removeTree(manifests)
        _ = await trouble { $0?.contains("No such file") == true }
        #expect(try await objects().allSatisfy { !$0.isDeparting })
        try createDirectories(manifests)
        let told = await trouble { $0?.contains("holds no manifest any more") == true }
        #expect(told?.contains("'object-1', 'object-2', 'object-3'") == true, "\(told ?? "")")
        #expect(try await objects().allSatisfy { !$0.isDeparting })
        // The directory comes back, as a mount does; what is in it holds.
        for number in 1...3 { try write("\(number).yaml", text("object-\(number)", number, export: "e\(number)")) }
        try await until { $0.allSatisfy { $0.export != nil && !$0.isDeparting } }
    }

    @Test(.timeLimit(.minutes(1))) func `an object that was applied by hand is not the directory's`() async throws {
        let edit = DesiredEdit(
            name: try #require(ObjectName("one")), labels: [:],
            volume: .id(try #require(VolumeID("a7f226a7-95a0-43b6-942e-acc909ef0c01"))), machine: .thisMachine,
            export: nil, detach: DetachPolicy(), source: .manifest(file: "-"))
        _ = try await store.apply([edit], dryRun: false)
        try write("one.yaml", text("one", 1, export: "x"))
        let told = await trouble { $0 != nil }
        #expect(told?.contains("not written in the followed directory") == true, "\(told ?? "")")
        #expect(try await objects().first?.export == nil)
    }
}
