import CloudStackModel
import LinuxCalls
import Testing

@testable import CloudStackSimulator

/// What a kill, or a disk that was full, may leave of the files.
@Suite struct StateDirectoryTests {
    private let directory: TemporaryDirectory
    private var journal: String { directory.path + "/journal.jsonl" }

    init() throws {
        directory = try TemporaryDirectory(prefix: "hawser-state-")
    }

    private func read() throws -> CloudWorld? {
        var world: CloudWorld?
        _ = try StateDirectory(path: directory.path, world: &world)
        return world
    }

    /// Keeps a world and as many changes of it: each makes one volume of this name.
    private func keep(_ names: [String]) throws {
        var none: CloudWorld?
        var state = try StateDirectory(path: directory.path, world: &none)
        var world = none ?? DefaultWorld.make(now: 1_000)
        try state.fold(&world)
        for name in names {
            let parameters = [
                "name": name, "zoneid": DefaultWorld.zone, "diskofferingid": DefaultWorld.fixedOffering,
            ]
            _ = world.call("createVolume", parameters, by: world.accounts[0], now: 2_000)
            if let change = world.takeChange() { try state.keep(change) }
        }
    }

    private func names(_ world: CloudWorld?) -> [String] {
        (world?.volumes.values ?? []).filter { $0.type == "DATADISK" }.map(\.name)
    }

    /// Around each end of a line, and here and there within: each costs a few syncs, and other tests want to run.
    private func cuts(of bytes: [UInt8]) -> [Int] {
        let ends = bytes.indices.filter { bytes[$0] == UInt8(ascii: "\n") }
        let near = ends.flatMap { [$0 - 1, $0, $0 + 1, $0 + 2] }.filter { (0...bytes.count).contains($0) }
        return Set(near + Array(stride(from: 0, to: bytes.count, by: 997))).sorted()
    }

    @Test func `a journal that was cut anywhere gives the world up to its last whole line`() async throws {
        try keep(["a", "b", "c"])
        let whole = try readFile(journal)
        let ends = whole.indices.filter { whole[$0] == UInt8(ascii: "\n") }.map { $0 + 1 }
        #expect(ends.count == 3)
        for size in cuts(of: whole) {
            await Task.yield()
            try writeFile(journal, bytes: Array(whole.prefix(size)))
            let count = ends.count { $0 <= size }
            #expect(names(try read()) == Array(["a", "b", "c"].prefix(count)), "cut to \(size) bytes")
            #expect(try readFile(journal).count == (ends.last { $0 <= size } ?? 0))
        }
    }

    /// Killed after the world was renamed into place and before the journal was emptied.
    @Test func `changes that the world has already are passed over`() throws {
        try keep(["a", "b"])
        let old = try readFile(journal)
        try keep([])
        #expect(try readFile(journal).isEmpty)
        try writeFile(journal, bytes: old)
        #expect(names(try read()) == ["a", "b"])
        try keep(["c"])
        #expect(names(try read()) == ["a", "b", "c"])
    }

    @Test func `a journal with a hole is refused, and not guessed over`() throws {
        try keep(["a", "b", "c"])
        let lines = try readFile(journal).split(separator: UInt8(ascii: "\n"))
        try writeFile(journal, bytes: Array(lines[0]) + [UInt8(ascii: "\n")] + Array(lines[2]) + [UInt8(ascii: "\n")])
        #expect { try read() } throws: { "\($0)" == "change 2 is missing before change 3" }
    }

    @Test func `actions that a kill kept from the log are added from the journal, each once`() async throws {
        try keep(["a", "b", "c"])
        let path = directory.path + "/actions.jsonl"
        let whole = try readFile(path)
        for size in cuts(of: whole) {
            await Task.yield()
            try writeFile(path, bytes: Array(whole.prefix(size)))
            _ = try read()
            #expect(try readFile(path) == whole, "cut to \(size) bytes")
        }
    }
}
