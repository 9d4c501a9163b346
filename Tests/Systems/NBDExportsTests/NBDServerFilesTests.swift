import Glibc
import LinuxCalls
import NBD
import Testing
import VolumeModel

@testable import NBDExports

/// The files that nbd-server reads: their form, their marker, and what the real program takes.
@Suite struct NBDServerFilesTests {
    private let directory: TemporaryDirectory
    private let records: SessionRecords

    init() throws {
        directory = try TemporaryDirectory(prefix: "hawser-nbd-server-files")
        records = try SessionRecords(directory: "\(directory.path)/sessions", writableFor: nil)
    }

    private func file(_ name: String, path: String = "/var/lib/hawser/exports/rw/x") throws -> ExportFile {
        ExportFile(
            name: try #require(ExportName(name)), volume: VolumeID(UUIDValue(high: 1, low: 2)), isReadOnly: false,
            path: path, records: records)
    }

    @Test func `a file reads back as what it was made from, and any changed byte is noticed`() throws {
        let file = try file("orders")
        #expect(ExportFile(text: file.text, records: records) == file)
        #expect(ExportFile.volume(markedIn: file.text) == file.volume)
        let bytes = Array(file.text.utf8)
        for index in bytes.indices {
            var changed = bytes
            changed[index] = changed[index] == UInt8(ascii: "x") ? UInt8(ascii: "y") : UInt8(ascii: "x")
            let text = String(decoding: changed, as: UTF8.self)
            // Another path, name or volume is another file of the same form; everything else is none of Hawser's making.
            if let read = ExportFile(text: text, records: records) { #expect(read.text == text && read != file) }
        }
        #expect(ExportFile(text: file.text + "\n", records: records) == nil)
        #expect(ExportFile(text: file.text + "sync=true\n", records: records) == nil)
    }

    @Test(arguments: [
        "", "[orders]\nexportname=/dev/null\n", "# Made by Hawser for volume x. Edit desired state, not this file.\n",
        " # Made by Hawser for volume 00000000-0000-0001-0000-000000000002. Edit desired state, not this file.\n",
        "# Made by Hawser for volume 00000000-0000-0001-0000-000000000002 and others\n",
    ])
    func `MINE-ONLY: only the whole marker in the first line makes a file Hawser's`(_ text: String) {
        #expect(ExportFile.volume(markedIn: text) == nil)
    }

    @Test(arguments: [
        "relative", "/a b", "/a\nexportname=/dev/sda", "/a%s", "/a\\n", "/a;reboot", "/a$(reboot)", "/a'", "/a\"",
        "/a`x`",
        "/ä", "/a\u{0}b", "/a|b", "/a&b", "/a>b", "/a#b", "",
    ])
    func `what could be taken for more than a path is not written into a file`(_ path: String) {
        #expect(!ServerPath.isSafe(path))
    }

    @Test(arguments: ["/var/lib/hawser/exports", "/tmp/run.8Xk_2", "/dev/disk/by-id/virtio-a7f2@1:2,3=4+5"])
    func `usual paths are safe`(_ path: String) { #expect(ServerPath.isSafe(path)) }

    @Test func `a directory that nbd-server could misread is refused before anything is made`() throws {
        let root = "\(directory.path)/with $(space)"
        #expect(throws: (any Error).self) {
            try NBDServerExports(
                NBDServerConfiguration(
                    root: root, configFile: "\(directory.path)/config", includeDirectory: "\(directory.path)/conf.d",
                    style: .perConnection, program: "nbd-server", address: .tcp(host: "127.0.0.1", port: 0)))
        }
        #expect(!exists(root))
    }

    @Test(arguments: ["127.0.0.1\n[x]", "a b", "%s", "::1\\n"])
    func `what could be taken for more than a host is not written into a file`(_ host: String) {
        #expect(!ServerPath.isSafe(.tcp(host: host, port: 1)))
        #expect(ServerPath.isSafe(.tcp(host: "127.0.0.1", port: 1)) && ServerPath.isSafe(.tcp(host: "::1", port: 1)))
    }

    /// A trial that was slow had files set aside that nothing was wrong with.
    @Test func `a server that says nothing, or cannot be started, has not judged the files`() throws {
        let main = "\(directory.path)/config"
        try writeFile(main, bytes: Array("[generic]\nport = 10809\nincludedir = /nowhere\n".utf8))
        let read = try MainFile(reading: main)
        let good = try file("a")
        let files = [IncludeDirectory.File(name: good.fileName, bytes: Array(good.text.utf8))]
        // It ends at once, and not with a failure.
        #expect(throws: SystemCallError.self) {
            try Trial(program: "/bin/true", staging: directory.path).objection(to: files, main: read)
        }
        #expect(throws: SystemCallError.self) {
            try Trial(program: "/nonexistent/nbd-server", staging: directory.path).objections(to: files, main: read)
        }
    }

    @Test func `a person's main file keeps all but what is set`() throws {
        let path = "\(directory.path)/config"
        try writeFile(
            path,
            bytes: Array("# mine\n[generic]\n\tuser = nbd\nport=10809\nallowlist = false\n[d]\nexportname=/x\n".utf8))
        let main = try MainFile(reading: path)
        #expect(main.user == "nbd")
        #expect(
            main.text(changing: [("port", "0"), ("allowlist", "true"), ("user", nil)])
                == "[generic]\nport = 0\nallowlist = true\n[d]\nexportname=/x\n")
        #expect(main.exportGroups.map(\.name) == ["d"])
    }

    @Test(.enabled(if: NBDServerFixture.isAvailable, "needs nbd-server"))
    func `the same files are tried once with one nbd-server, and again with another or when anything differs`() throws {
        let main = "\(directory.path)/config"
        try writeFile(main, bytes: Array("[generic]\nport = 10809\nincludedir = /nowhere\n".utf8))
        let program = "\(directory.path)/nbd-server"
        let runs = "\(directory.path)/runs"
        let script = "#!/bin/sh\necho >> \(runs)\nexec \(NBDServerFixture.program) \"$@\"\n"
        try writeFile(program, bytes: Array(script.utf8), mode: 0o755)
        let trial = Trial(program: program, staging: directory.path)
        let files = try ["a", "b"].map { try file($0) }.map {
            IncludeDirectory.File(name: $0.fileName, bytes: Array($0.text.utf8))
        }
        func runsAfterTrying(_ files: [IncludeDirectory.File]) throws -> Int {
            #expect(try trial.objection(to: files, main: MainFile(reading: main)) == nil)
            return try readFile(runs).count
        }
        #expect(try runsAfterTrying(files) == 1)
        #expect(try runsAfterTrying(files.reversed()) == 1)
        #expect(try runsAfterTrying([files[0]]) == 2)
        #expect(try runsAfterTrying(files) == 3, "only what was taken last is remembered")
        try writeFile(main, bytes: Array("[generic]\nport = 10810\nincludedir = /nowhere\n".utf8))
        #expect(try runsAfterTrying(files) == 4)
        try writeFileAtomically(program, bytes: Array(script.utf8), mode: 0o755)
        #expect(try runsAfterTrying(files) == 5)
        let bad = IncludeDirectory.File(name: "bad.conf", bytes: Array("[half".utf8))
        for runs in 6...7 {
            #expect(try trial.objection(to: files + [bad], main: MainFile(reading: main)) != nil)
            #expect(try readFile("\(directory.path)/runs").count == runs, "what was not taken is tried again")
        }
    }

    @Test(.enabled(if: NBDServerFixture.isAvailable, "needs nbd-server"))
    func `the real nbd-server tells which files it does not take, and why`() throws {
        let main = "\(directory.path)/config"
        try writeFile(main, bytes: Array("[generic]\nport = 10809\nincludedir = /nowhere\n".utf8))
        let trial = Trial(program: NBDServerFixture.program, staging: directory.path)
        let good = try ["a", "b", "c", "d", "e"].map { try file($0) }.map {
            IncludeDirectory.File(name: $0.fileName, bytes: Array($0.text.utf8))
        }
        func bad(_ name: String, _ text: String) -> IncludeDirectory.File {
            IncludeDirectory.File(name: name, bytes: Array(text.utf8))
        }
        let ill = [
            bad("flag.conf", "[flag]\nexportname=/dev/null\nreadonly=True\n"),
            bad("path.conf", "[path]\nreadonly=true\n"),
            bad("half.conf", "[half"), bad("escape.conf", "[escape]\nexportname=/dev/nu\\ll\n"),
        ]
        let read = try MainFile(reading: main)
        #expect(try trial.objection(to: good, main: read) == nil)
        #expect(try trial.objection(to: [], main: read) == nil)
        // As hawserd names it unless told otherwise.
        #expect(try Trial(program: "nbd-server", staging: directory.path).objection(to: good, main: read) == nil)
        let objections = try trial.objections(to: good + ill, main: read)
        #expect(Set(objections.map(\.file)) == Set(ill))
        #expect(objections.first { $0.file.name == "flag.conf" }?.reason.contains("readonly") == true)
        #expect(objections.allSatisfy { !$0.reason.contains(directory.path) }, "\(objections.map(\.reason))")
        let twice = try IncludeDirectory.File(name: "z.conf", bytes: Array(file("a").text.utf8))
        #expect(try trial.objection(to: good + [twice], main: read)?.contains("more than once") == true)
        #expect(try directoryEntries(directory.path) == ["config", "sessions"])
    }

    /// Read by characters, an end of line of two bytes was none, and a sign with an accent was another sign.
    @Test(arguments: ["[a]\r\nexportname=/x\r\n", "#\u{301}\n[a]\n\texportname \t= /x"])
    func `a key file is read by bytes, as GLib does`(_ text: String) throws {
        let group = try #require(KeyFile(text)?.groups.first)
        #expect(group.name == "a" && group.values == ["exportname": "/x"])
        #expect(KeyFile("[a]\nexportname=\u{301}")?.groups.first?.values == ["exportname": "\u{301}"])
    }
}
