import Glibc
import LinuxCalls
import NBD
import VolumeModel

/// Who is connected at one moment, by disk: a session of nbdkit is an open descriptor of its process.
///
/// A count of none is a licence to detach (IN-USE), so it is given only when every process that can serve a client was
/// seen and read. A server that somebody can reach, and whose process cannot be seen, leaves every disk in doubt.
struct SessionCensus {
    private var counts: [DeviceNumber: Int] = [:]
    /// Why no count can be trusted; nil when all could be looked at.
    private(set) var doubt: String?

    init(of servers: [NBDKitServer]) {
        do throws(SystemCallError) {
            var processes: Set<Int32> = []
            for server in servers {
                let owners = try ProcessInspection.owners(of: server.endpoint)
                processes.formUnion(owners.processes)
                if owners.ownerlessSockets > 0 {
                    doubt = "the process that listens on \(server.address) cannot be looked into"
                } else if owners.isNobody, let reason = Self.unseenServer(at: server.address) {
                    doubt = reason
                }
            }
            // One that listens no longer may still have sessions.
            processes.formUnion(try ProcessInspection.processes(running: "nbdkit"))
            for process in processes { try count(process) }
        } catch {
            doubt = error.description
        }
    }

    private mutating func count(_ process: Int32) throws(SystemCallError) {
        do throws(SystemCallError) {
            for disk in try ProcessInspection.openDisks(of: process) {
                counts[DeviceNumber(major: disk.major, minor: disk.minor), default: 0] += 1
            }
        } catch {
            // A process that ended in the meantime has no sessions.
            if error.errorNumber != ENOENT { throw error }
        }
    }

    /// What makes one think that a server is reached where nothing of this network namespace listens: another host's, or
    /// another namespace's behind a unix socket. nil when the kernel says that there is none.
    private static func unseenServer(at address: NBDAddress) -> String? {
        do throws(NBDError) {
            _ = try ExportListing.names(offeredBy: address, patience: .seconds(1))
            return "\(address) is served from elsewhere, where processes cannot be looked into"
        } catch {
            let nobody = error.errorNumber == ECONNREFUSED || error.errorNumber == ENOENT
            return nobody ? nil : "whether \(address) is served is not known: \(error)"
        }
    }

    func sessions(on device: DeviceNumber) -> ClientCount {
        if let doubt { return .unknown(doubt) }
        return .known(counts[device, default: 0])
    }
}
