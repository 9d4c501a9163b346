import Glibc
import LinuxCalls
public import Reconciliation
public import VolumeModel

extension UdevDevices: Examinable {
    /// Whether udevd runs, and whether the links under `/dev/disk/by-id` lead to the devices that udev says they do.
    public func examine() -> [Finding] {
        [Self.udevd, links(), serials()]
    }

    /// udevd listens on this socket for as long as it runs (systemd-udevd.service(8), systemd-udevd-control.socket).
    private static var udevd: Finding {
        if access("/run/udev/control", F_OK) == 0 { return Finding("udev", .good, "udevd runs") }
        return Finding(
            "udev", .bad, "there is no /run/udev/control: udevd does not run",
            remedy: "start systemd-udevd; without it devices are neither named nor announced")
    }

    private func links() -> Finding {
        let subject = "by-id links"
        var wrong: [String] = []
        var count = 0
        for record in known.values.sorted(by: { $0.kernelName < $1.kernelName }) {
            for link in record.byIDLinks {
                count += 1
                guard let resolved = realpath(link, nil) else {
                    wrong.append("\(link) is missing")
                    continue
                }
                defer { free(resolved) }
                let found = String(cString: resolved)
                if found != record.path { wrong.append("\(link) leads to \(found), not to \(record.path)") }
            }
        }
        if wrong.isEmpty { return Finding(subject, .good, "\(count) links lead where udev says") }
        return Finding(
            subject, .bad, wrong.joined(separator: "; "),
            remedy: "udevadm trigger --subsystem-match=block; nothing is exported through a link that lies")
    }

    private func serials() -> Finding {
        let subject = "disk serials"
        let disks = known.values.filter { $0.serial != nil }
        let twice = Dictionary(grouping: disks) { $0.serial }.values.filter { $0.count > 1 }
        guard twice.isEmpty else {
            let names = twice.map { $0.map(\.kernelName).sorted().joined(separator: " and ") }.sorted()
            return Finding(
                subject, .bad, "\(names.joined(separator: "; ")) give the same serial",
                remedy: "detach the disk that is not the volume; neither is exported meanwhile")
        }
        return Finding(subject, .good, "\(disks.count) disks give a volume's serial, each another")
    }
}
