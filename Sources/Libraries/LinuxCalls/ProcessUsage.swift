internal import CLinux
import Glibc

/// What this process uses, by the kernel's own books (proc(5), getrusage(2)).
public struct ProcessUsage: Sendable, Equatable {
    public var residentBytes: Int
    /// Of all threads, in user and in kernel mode.
    public var processorSeconds: Double
    public var openDescriptors: Int
    /// How many it may have open.
    public var descriptorLimit: Int

    /// As it is now.
    public static func now() throws(SystemCallError) -> ProcessUsage {
        let fields = try readTextFile("/proc/self/statm", limit: 256).split(separator: " ")
        guard fields.count > 1, let pages = Int(fields[1]) else {
            throw SystemCallError("read the memory of this process in", "/proc/self/statm", errno: EINVAL)
        }
        var time = timespec()
        var limit = rlimit()
        guard clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time) == 0, getrlimit(Int32(RLIMIT_NOFILE.rawValue), &limit) == 0
        else { throw SystemCallError("read what this process uses", "", errno: errno) }
        return ProcessUsage(
            residentBytes: pages * sysconf(Int32(_SC_PAGESIZE)),
            processorSeconds: Double(time.tv_sec) + Double(time.tv_nsec) / 1e9,
            // Reading the directory opens it.
            openDescriptors: try directoryEntries("/proc/self/fd").count - 1,
            descriptorLimit: Int(clamping: limit.rlim_cur))
    }
}
