/// A device-mapper device that stands on just one other block device and is as large as that, as the kernel's
/// `/sys/block/dm-N` shows it (Documentation/ABI/testing/sysfs-block-dm).
public struct DeviceMapperLayer: Sendable, Equatable {
    /// As `dmsetup` names it.
    public var name: String
    public var major: UInt64
    public var minor: UInt64
    /// The device below it.
    public var lowerMajor: UInt64
    public var lowerMinor: UInt64

    /// All that there are.
    ///
    /// - Parameter directory: where the kernel shows block devices.
    public static func all(in directory: String = "/sys/block") -> [DeviceMapperLayer] {
        // Where the kernel shows none there are none.
        guard let devices = try? directoryEntries(directory) else { return [] }
        return devices.filter { $0.hasPrefix("dm-") }.compactMap { layer(at: "\(directory)/\($0)") }
    }

    private static func layer(at base: String) -> DeviceMapperLayer? {
        guard let name = line("\(base)/dm/name"), let own = number("\(base)/dev"),
            // What ends at this moment has no directory any more.
            let lower = try? directoryEntries("\(base)/slaves"), lower.count == 1,
            let below = number("\(base)/slaves/\(lower[0])/dev"),
            let size = line("\(base)/size"), size == line("\(base)/slaves/\(lower[0])/size")
        else { return nil }
        return DeviceMapperLayer(
            name: name, major: own.0, minor: own.1, lowerMajor: below.0, lowerMinor: below.1)
    }

    private static func number(_ path: String) -> (UInt64, UInt64)? {
        let parts = line(path)?.split(separator: ":").map { UInt64($0) } ?? []
        guard parts.count == 2, let major = parts[0], let minor = parts[1] else { return nil }
        return (major, minor)
    }

    private static func line(_ path: String) -> String? {
        (try? readTextFile(path, limit: 4_096)).map { String($0.prefix { !$0.isNewline }) }
    }
}
