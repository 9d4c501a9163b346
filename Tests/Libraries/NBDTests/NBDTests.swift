import Glibc
import LinuxCalls
import NBD
import Testing

@Suite struct NBDTests {
    @Test func `a server that is not there is an error that names the address`() throws {
        let directory = try TemporaryDirectory(prefix: "hawser-nbd-test")
        let error = #expect(throws: NBDError.self) {
            try ExportListing.names(offeredBy: .unix("\(directory.path)/none.sock"))
        }
        #expect(error?.description.contains("none.sock") == true)
    }

    @Test func `a server that says nothing is given up in time`() throws {
        let directory = try TemporaryDirectory(prefix: "hawser-nbd-test")
        let path = "\(directory.path)/mute.sock"
        let mute = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(mute) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let bound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(mute, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        #expect(bound == 0 && listen(mute, 1) == 0)
        let error = #expect(throws: NBDError.self) {
            try ExportListing.names(offeredBy: .unix(path), patience: .milliseconds(100))
        }
        #expect(error?.errorNumber == ETIMEDOUT)
    }

    @Test(arguments: [
        (NBDAddress.tcp(host: "127.0.0.1", port: 10809), "nbd://127.0.0.1:10809/"),
        (.tcp(host: "::1", port: 1), "nbd://[::1]:1/"),
        (.unix("/run/x.sock"), "nbd+unix:///?socket=/run/x.sock"),
    ])
    func `an address has a URI`(_ address: NBDAddress, _ uri: String) {
        #expect(address.uri == uri)
    }
}
