internal import CNBD
import Glibc

/// One connection to one export, for probes, tests and the demo. Its calls block: use it on a thread of your own.
public final class NBDClient: Sendable {
    private let handle: NBDHandle

    public let sizeInBytes: Int64
    public let isReadOnly: Bool
    /// Whether the server offers to make writes durable: by a flush, and by each write itself (FUA).
    public let canFlush: Bool
    public let canForceUnitAccess: Bool
    public let canTrim: Bool

    /// Connects to an export, which makes the server open its device.
    ///
    /// - Throws: ``NBDError``; the server's reason when it refuses the name.
    public init(export name: String, at address: NBDAddress, patience: Duration = .seconds(5)) throws(NBDError) {
        handle = try NBDHandle()
        guard nbd_set_export_name(handle.pointer, name) == 0 else { throw NBDError.last("name export '\(name)'") }
        try handle.connect(to: address, until: .now + patience)
        let size = nbd_get_size(handle.pointer)
        let readOnly = nbd_is_read_only(handle.pointer)
        guard size >= 0, readOnly >= 0 else { throw NBDError.last("read the size of export '\(name)'") }
        sizeInBytes = size
        isReadOnly = readOnly == 1
        canFlush = nbd_can_flush(handle.pointer) == 1
        canForceUnitAccess = nbd_can_fua(handle.pointer) == 1
        canTrim = nbd_can_trim(handle.pointer) == 1
    }

    public func read(count: Int, at offset: Int64) throws(NBDError) -> [UInt8] {
        var result: Int32 = -1
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            result = nbd_pread(handle.pointer, buffer.baseAddress, count, UInt64(clamping: offset), 0)
            initialized = result == 0 ? count : 0
        }
        guard result == 0 else { throw NBDError.last("read \(count) bytes at \(offset)") }
        return bytes
    }

    /// Writes; durable only after ``flush()``.
    public func write(_ bytes: [UInt8], at offset: Int64) throws(NBDError) {
        let result = bytes.withUnsafeBytes {
            nbd_pwrite(handle.pointer, $0.baseAddress, $0.count, UInt64(clamping: offset), 0)
        }
        guard result == 0 else { throw NBDError.last("write \(bytes.count) bytes at \(offset)") }
    }

    public func flush() throws(NBDError) {
        guard nbd_flush(handle.pointer, 0) == 0 else { throw NBDError.last("flush") }
    }

    /// Ends the session as the protocol says; releasing the value ends it too.
    public func disconnect() {
        // A server that is gone needs no goodbye.
        _ = nbd_shutdown(handle.pointer, 0)
    }
}
