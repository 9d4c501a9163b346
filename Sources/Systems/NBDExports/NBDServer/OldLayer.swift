import LinuxCalls
import VolumeModel

/// Device-mapper layers that the old daemon once made, so that a disk had a name that stays: `/dev/mapper/vol` and the first eight
/// digits of the volume's id, over the whole of the volume's disk. Who has the layer open has the volume open.
enum OldLayer {
    /// The device below, when this one is such a layer.
    static func below(_ number: DeviceNumber) -> DeviceNumber? {
        // Most devices are none, and that costs one look.
        guard exists("/sys/dev/block/\(number)/dm") else { return nil }
        return all().first { $0.layer == number }?.lower
    }

    /// Such layers, each with the device below it.
    static func all() -> [(layer: DeviceNumber, lower: DeviceNumber)] {
        DeviceMapperLayer.all().filter(isOld).map { layer in
            (
                DeviceNumber(major: layer.major, minor: layer.minor),
                DeviceNumber(major: layer.lowerMajor, minor: layer.lowerMinor)
            )
        }
    }

    private static func isOld(_ layer: DeviceMapperLayer) -> Bool {
        layer.name.utf8.count == 11 && layer.name.hasPrefix("vol") && layer.name.dropFirst(3).allSatisfy(\.isHexDigit)
    }
}
