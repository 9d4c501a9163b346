import Glibc
import LinuxCalls

/// A file of lines that only grows, until it is emptied. One owner, one thread at a time.
struct GrowingFile: ~Copyable {
    let path: String
    private let file: FileDescriptor
    private(set) var sizeInBytes: Int

    /// Opens it, or makes it and lets its directory know; a last line that was only half written is cut off.
    ///
    /// - Parameter read: is given the whole lines that are there, without their ends, in order.
    init(_ path: String, read: ([UInt8].SubSequence) throws -> Void) throws {
        let isNew = !exists(path)
        let file = try FileDescriptor(opening: path, flags: O_RDWR | O_CREAT | O_APPEND, mode: 0o600)
        if isNew { try synchroniseDirectory(parentDirectory(of: path)) }
        let bytes = try readFile(path, limit: 1 << 32)
        let size = bytes.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        if size < bytes.count { try Self.cut(file, to: size, path) }
        for line in bytes[..<size].split(separator: UInt8(ascii: "\n")) { try read(line) }
        self.path = path
        self.file = file
        sizeInBytes = size
    }

    /// Adds a line, or several that end with a line feed.
    mutating func append(_ bytes: [UInt8]) throws(SystemCallError) {
        if bytes.isEmpty { return }
        try file.write(bytes)
        sizeInBytes += bytes.count
    }

    /// Makes durable what was added.
    func synchronise() throws(SystemCallError) { try Self.synchronise(file, path) }

    mutating func empty() throws(SystemCallError) {
        try Self.cut(file, to: 0, path)
        sizeInBytes = 0
    }

    private static func synchronise(_ file: borrowing FileDescriptor, _ path: String) throws(SystemCallError) {
        guard fdatasync(file.number) == 0 else { throw SystemCallError("synchronise", path, errno: errno) }
    }

    private static func cut(_ file: borrowing FileDescriptor, to size: Int, _ path: String) throws(SystemCallError) {
        guard ftruncate(file.number, size) == 0 else { throw SystemCallError("cut", path, errno: errno) }
        try synchronise(file, path)
    }
}
