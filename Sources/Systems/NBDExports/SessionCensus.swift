import Glibc
import LinuxCalls
import NBD
import VolumeModel

/// Who is connected at one moment, by disk: a session is an open descriptor of a process of the server.
///
/// A count of none is a licence to detach (IN-USE), so it is given only when every process that can serve a client was
/// seen and read. A server that somebody can reach, or a connection that somebody has, whose process cannot be seen,
/// leaves every disk in doubt.
struct SessionCensus {
    private var processesByDisk: [DeviceNumber: [Int32]] = [:]
    /// Why no count can be trusted; nil when all could be looked at.
    private(set) var doubt: String?

    private let layers = OldLayer.all()

    /// - Parameter program: the name of the server's program, by which those are found that listen no longer.
    init(of addresses: [NBDAddress], program: String) {
        do throws(SystemCallError) {
            var processes: Set<Int32> = []
            let services = try ProcessInspection.services(at: addresses.map(\.endpoint))
            for (address, service) in zip(addresses, services) {
                let (listeners, sessions) = (service.listeners, service.connected)
                processes.formUnion(listeners.processes)
                processes.formUnion(sessions.processes)
                if listeners.ownerlessSockets > 0 {
                    doubt = "the process that listens on \(address) cannot be looked into"
                } else if sessions.ownerlessSockets > 0 {
                    doubt = "the process that serves a client of \(address) cannot be looked into"
                } else if listeners.isNobody, let reason = Self.unseenServer(at: address) {
                    doubt = reason
                }
            }
            // One that listens no longer may still have sessions.
            processes.formUnion(try ProcessInspection.processes(running: program))
            for process in processes { try count(process) }
        } catch {
            doubt = error.description
        }
    }

    private mutating func count(_ process: Int32) throws(SystemCallError) {
        do throws(SystemCallError) {
            for disk in try ProcessInspection.openDisks(of: process) {
                processesByDisk[DeviceNumber(major: disk.major, minor: disk.minor), default: []].append(process)
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
        // Who has a layer of the old daemon's open has the disk below it open.
        let disks = [device] + layers.filter { $0.lower == device }.map(\.layer)
        return .known(disks.reduce(0) { $0 + processesByDisk[$1, default: []].count })
    }
}

extension NBDAddress {
    var endpoint: ProcessInspection.Endpoint {
        switch self {
        case .tcp(let host, let port): .tcp(port: port, address: host)
        case .unix(let path): .unix(path)
        }
    }
}
