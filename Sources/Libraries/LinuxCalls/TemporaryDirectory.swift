import Glibc

/// A directory of one's own under `$TMPDIR` or /tmp, mode 0700, removed with all in it when the value is released.
public final class TemporaryDirectory: Sendable {
    /// The absolute path, without a slash at its end.
    public let path: String
    private let keeps: Bool

    /// - Parameters:
    ///   - prefix: how the name starts; it says whose it is.
    ///   - keeps: leaves the directory where it is, for somebody who wants to look at it afterwards.
    public init(prefix: String, keeps: Bool = false) throws(SystemCallError) {
        let base = getenv("TMPDIR").map { String(cString: $0) }.flatMap { $0.hasPrefix("/") ? $0 : nil } ?? "/tmp"
        var template = Array("\(base)/\(prefix).XXXXXX".utf8CString)
        let made = template.withUnsafeMutableBufferPointer { buffer -> Bool in
            guard let start = buffer.baseAddress else { return false }
            return mkdtemp(start) != nil
        }
        guard made else { throw SystemCallError("make a temporary directory in", base, errno: errno) }
        self.path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        self.keeps = keeps
    }

    deinit {
        guard !keeps else { return }
        // Nobody is left who could act on a failure, and the system clears its temporary files by itself.
        try? removeTree(path)
    }
}
