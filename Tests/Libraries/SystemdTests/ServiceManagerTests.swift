import Glibc
import LinuxCalls
import Testing

@testable import Systemd

/// A datagram socket that plays the service manager's part.
private final class Listener {
    private let directory: TemporaryDirectory
    private let descriptor: Int32
    let path: String

    init() throws {
        directory = try TemporaryDirectory(prefix: "hawser-notify-test")
        path = "\(directory.path)/notify"
        descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let bound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        try #require(bound == 0)
    }

    deinit { close(descriptor) }

    func receive() -> String {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
        return String(decoding: buffer.prefix(max(count, 0)), as: UTF8.self)
    }
}

/// One after the other, since the environment is the whole process's.
@Suite(.serialized) struct ServiceManagerTests {
    @Test func `what is told arrives as one datagram`() throws {
        let listener = try Listener()
        setenv("NOTIFY_SOCKET", listener.path, 1)
        defer { unsetenv("NOTIFY_SOCKET") }
        #expect(try ServiceManager.tell([.ready, .status("two\nlines")]))
        #expect(listener.receive() == "READY=1\nSTATUS=two lines")
        #expect(try ServiceManager.tell([.alive]))
        #expect(listener.receive() == "WATCHDOG=1")
        #expect(try ServiceManager.tell([.stopping]))
        #expect(listener.receive() == "STOPPING=1")
    }

    @Test func `without a service manager nothing is said, and that is no error`() throws {
        unsetenv("NOTIFY_SOCKET")
        #expect(try !ServiceManager.tell([.ready]))
        #expect(ServiceManager.watchdogInterval == nil)
    }

    @Test func `a socket that is gone is an error that says what failed`() {
        setenv("NOTIFY_SOCKET", "/nonexistent/socket", 1)
        defer { unsetenv("NOTIFY_SOCKET") }
        #expect(throws: SystemdError(operation: "notify the service manager", errorNumber: ENOENT)) {
            try ServiceManager.tell([.ready])
        }
    }

    @Test func `the watchdog's time is the one that systemd set for this process`() {
        setenv("WATCHDOG_USEC", "30000000", 1)
        setenv("WATCHDOG_PID", "\(getpid())", 1)
        defer {
            unsetenv("WATCHDOG_USEC")
            unsetenv("WATCHDOG_PID")
        }
        #expect(ServiceManager.watchdogInterval == .seconds(30))
        setenv("WATCHDOG_PID", "1", 1)
        #expect(ServiceManager.watchdogInterval == nil)
    }

    @Test(arguments: [
        ("VOLUME", true), ("VOLUME_2", true), ("_TRANSPORT", false), ("volume", false), ("2", false), ("", false),
        ("A=B", false),
    ])
    func `only names that journald takes are field names`(_ name: String, _ isOne: Bool) {
        #expect(Journal.isFieldName(name) == isOne)
    }
}
