import Glibc
import LinuxCalls

/// What a process uses, by the kernel's own books (proc(5)).
struct ProcessMeter: Sendable {
    static let own = ProcessMeter(process: getpid())

    private let process: Int32
    private var directory: String { "/proc/\(process)" }

    init(process: Int32) {
        self.process = process
    }

    /// `VmRSS`.
    func residentBytes() throws -> Int {
        try number("VmRSS", in: "\(directory)/status") * 1_024
    }

    /// How often each of its threads gave up the processor by itself: each time something woke it up again.
    func wakeUps() throws -> [String: Int] {
        try threads().reduce(into: [:]) { counts, thread in
            // A thread that ended meanwhile wakes up no more.
            counts[thread] = try? number("voluntary_ctxt_switches", in: "\(directory)/task/\(thread)/status")
        }
    }

    /// How many wake-ups came after an earlier count. Those of threads that have ended since are lost.
    func wakeUps(since before: [String: Int]) throws -> Int {
        try wakeUps().reduce(0) { $0 + $1.value - (before[$1.key] ?? 0) }
    }

    /// Processor time of all threads, those that have ended too, in seconds (clock_getcpuclockid(3)).
    func processorSeconds() throws -> Double {
        var clock = clockid_t()
        var time = timespec()
        guard clock_getcpuclockid(process, &clock) == 0, clock_gettime(clock, &time) == 0 else {
            throw SystemCallError("read the processor time of process", "\(process)", errno: errno)
        }
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    private func threads() throws -> [String] { try directoryEntries("\(directory)/task") }

    private func number(_ field: String, in file: String) throws -> Int {
        for line in try readTextFile(file).split(separator: "\n") where line.hasPrefix("\(field):") {
            let words = line.dropFirst(field.count + 1).split { $0 == " " || $0 == "\t" }
            if let value = words.first.flatMap({ Int($0) }) { return value }
        }
        throw Broken("\(file) says nothing of \(field)")
    }
}
