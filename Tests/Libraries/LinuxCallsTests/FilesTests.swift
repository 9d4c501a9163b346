import Glibc
import LinuxCalls
import Testing

@Suite struct FilesTests {
    @Test func `this process tells what it uses`() throws {
        let usage = try ProcessUsage.now()
        #expect(usage.residentBytes > 1 << 20 && usage.processorSeconds > 0)
        #expect(usage.openDescriptors > 2 && usage.openDescriptors < usage.descriptorLimit)
        var more = (0..<32).map { _ in open("/dev/null", O_RDONLY | O_CLOEXEC) }
        defer { for descriptor in more { close(descriptor) } }
        more.removeAll { $0 < 0 }
        #expect(more.count == 32)
        // Other tests open and close files meanwhile.
        #expect(try ProcessUsage.now().openDescriptors > 32)
    }

    @Test func `a replaced file has the new bytes and leaves nothing beside it`() throws {
        let directory = try TemporaryDirectory(prefix: "hawser-files-test")
        let path = "\(directory.path)/state"
        try writeFileAtomically(path, bytes: Array("old".utf8))
        try writeFileAtomically(path, bytes: Array("new".utf8))
        #expect(try readTextFile(path) == "new")
        #expect(try directoryEntries(directory.path) == ["state"])
    }

    @Test func `a file that cannot be replaced leaves nothing beside it`() throws {
        let directory = try TemporaryDirectory(prefix: "hawser-files-test")
        let path = "\(directory.path)/taken"
        try createDirectories("\(path)/inside")
        #expect(throws: SystemCallError.self) { try writeFileAtomically(path, bytes: [1]) }
        #expect(try directoryEntries(directory.path) == ["taken"])
    }

    @Test func `a temporary directory goes with its owner, links in it are not followed`() throws {
        let outside = try TemporaryDirectory(prefix: "hawser-files-test")
        try writeFile("\(outside.path)/precious", bytes: [1])
        var path = ""
        do {
            let directory = try TemporaryDirectory(prefix: "hawser-files-test")
            path = directory.path
            try createDirectories("\(path)/a/b/c")
            try replaceLink("\(path)/a/link", target: outside.path)
            #expect(try linkTarget("\(path)/a/link") == outside.path)
        }
        #expect(!exists(path))
        #expect(exists("\(outside.path)/precious"))
    }

    @Test func `a file that is too large is refused, not read`() {
        #expect(throws: SystemCallError("read", "/dev/zero", errno: EFBIG)) {
            try readFile("/dev/zero", limit: 1 << 20)
        }
    }

    @Test func `the second to lock is told who holds it, and gets it when the holder is gone`() async throws {
        let directory = try TemporaryDirectory(prefix: "hawser-lock-test")
        let path = "\(directory.path)/lock"
        // Another process, since locks of one process on two open files exclude each other too but prove less.
        let holder = try ChildProcess(
            starting: .init(
                "sh", ["-c", "exec 9<>\"$0\"; flock 9; echo $$ >&9; echo held; exec sleep 60", path], output: .lines))
        for await line in holder.outputLines where line == "held" { break }
        switch try FileLock.acquire(path) {
        case .acquired: Issue.record("two hold one lock")
        case .heldBy(let pid): #expect(pid == holder.processID)
        }
        holder.send(signal: SIGKILL)
        _ = await holder.waitForExit()
        switch try FileLock.acquire(path) {
        case .acquired(let lock): #expect(try readTextFile(lock.path) == "\(getpid())\n")
        case .heldBy(let pid): Issue.record("still held by \(String(describing: pid))")
        }
    }
}
