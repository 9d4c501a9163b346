import Glibc
import MountTable
import Testing

@Suite struct MountTableTests {
    @Test func `the own mounts hold the root and proc`() throws {
        let places = try Mounts.mounts().entries.map(\.place)
        #expect(places.contains("/"))
        #expect(places.contains("/proc"))
    }

    @Test func `a mount carries the number of its file system`() throws {
        var status = stat()
        #expect(stat("/proc", &status) == 0)
        let proc = try #require(try Mounts.mounts().entries.last { $0.place == "/proc" })
        #expect(UInt64(proc.minor) == UInt64(status.st_dev) & 0xff)
    }

    @Test func `the swap areas can be read, also where there are none`() throws {
        _ = try Mounts.swaps()
    }

    @Test func `a process that is not there is an error that names its table`() {
        #expect(throws: MountTableError.self) { try Mounts.mounts(of: "999999999") }
    }
}
