import Glibc
import LinuxCalls
import VolumeModel

/// Looks up where paths of the tables and files lead.
public struct LegacyPlaces: Sendable {
    private let blockDevices: String

    /// - Parameter blockDevices: where the kernel shows block devices.
    public init(blockDevices: String = "/sys/block") {
        self.blockDevices = blockDevices
    }

    /// - Returns: where each leads that leads anywhere. What is no absolute path leads nowhere.
    public func places(of paths: some Sequence<String>) -> [String: LegacyPlace] {
        let layers = layers()
        var found: [String: LegacyPlace] = [:]
        for path in Set(paths) where path.utf8.first == UInt8(ascii: "/") && !path.utf8.contains(0) {
            guard let disk = diskNumber(of: path) else {
                if exists(path) { found[path] = .other("something that is no disk") }
                continue
            }
            let number = DeviceNumber(major: disk.major, minor: disk.minor)
            found[path] = layers[number] ?? .device(number)
        }
        return found
    }

    /// Layers of the old daemon's own making: named `vol` and eight hexadecimal digits, over the whole of one device. What is over
    /// part of a device, or over several, is somebody else's, whatever its name.
    private func layers() -> [DeviceNumber: LegacyPlace] {
        var found: [DeviceNumber: LegacyPlace] = [:]
        for layer in DeviceMapperLayer.all(in: blockDevices)
        where layer.name.hasPrefix("vol") && layer.name.utf8.count == 11
            && layer.name.dropFirst(3).allSatisfy(\.isHexDigit)
        {
            let number = DeviceNumber(major: layer.major, minor: layer.minor)
            found[number] = .layer(
                name: layer.name, number: number,
                over: DeviceNumber(major: layer.lowerMajor, minor: layer.lowerMinor))
        }
        return found
    }
}

extension LegacyTables {
    /// Every path that stands in the tables.
    public var paths: [String] {
        mappings.map(\.devicePath) + exports.compactMap(\.devicePath) + machineExports.map(\.devicePath)
            + volumes.compactMap(\.devicePath)
    }
}
