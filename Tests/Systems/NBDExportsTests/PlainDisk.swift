import LinuxCalls
import Testing
import VolumeModel

/// A disk of 1 MiB that is a plain file and filled with one byte, and the volume that it is.
func plainDisk(
    _ number: UInt64, filledWith byte: UInt8, in directory: String
) throws -> (VolumeID, DeviceRecord) {
    let volume = VolumeID(UUIDValue(high: number, low: number))
    let path = "\(directory)/\(number).img"
    try writeFile(path, bytes: [UInt8](repeating: byte, count: 1 << 20))
    let found = try #require(diskNumber(of: path))
    return (
        volume,
        DeviceRecord(
            kernelName: "file\(number)", number: DeviceNumber(major: found.major, minor: found.minor), path: path,
            byIDLinks: [], serial: DiskSerial(of: volume), diskSequence: nil, sizeInBytes: 1 << 20, isReadOnly: false)
    )
}
