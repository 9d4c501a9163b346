/// The serial that a CloudStack volume's disk carries: the first 20 hexadecimal digits of the volume's id.
///
/// The hypervisor removes the hyphens and cuts, because virtio-blk holds only 20 bytes (CloudStack's
/// `LibvirtComputingResource.diskUuidToSerial`; `VIRTIO_BLK_ID_BYTES`). Two volumes can share a serial: then neither
/// can be told from the other in the guest, and both are refused (RIGHT-DISK).
public struct DiskSerial: Hashable, Sendable {
    /// The first sixteen digits.
    public let high: UInt64
    /// The last four digits.
    public let low: UInt16

    public init(of volume: VolumeID) {
        high = volume.value.high
        low = UInt16(truncatingIfNeeded: volume.value.low >> 48)
    }

    /// Reads exactly 20 hexadecimal digits, in either case.
    public init?(_ text: some StringProtocol) {
        var high: UInt64 = 0
        var low: UInt16 = 0
        var position = 0
        for byte in text.utf8 {
            guard position < 20, let digit = HexDigits.value(of: byte) else { return nil }
            if position < 16 { high = high << 4 | UInt64(digit) } else { low = low << 4 | UInt16(digit) }
            position += 1
        }
        guard position == 20 else { return nil }
        self.high = high
        self.low = low
    }
}

extension DiskSerial: Comparable {
    public static func < (left: DiskSerial, right: DiskSerial) -> Bool {
        (left.high, left.low) < (right.high, right.low)
    }
}

extension DiskSerial: CustomStringConvertible {
    public var description: String { HexDigits.text(high, digits: 16) + HexDigits.text(UInt64(low), digits: 4) }
}
