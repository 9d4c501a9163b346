import LinuxCalls

/// What a process uses, by the kernel's own books (proc(5)).
struct ProcessMeter: Sendable {
    static let own = ProcessMeter(directory: "/proc/self")

    private let directory: String

    init(process: Int32) {
        directory = "/proc/\(process)"
    }

    private init(directory: String) {
        self.directory = directory
    }

    /// `VmRSS`.
    func residentBytes() throws -> Int {
        try number("VmRSS", in: "\(directory)/status") * 1_024
    }

    /// How often its threads gave up the processor by themselves, in all: each time something woke one up again.
    func wakeUps() throws -> Int {
        try threads().reduce(0) { sum, thread in
            // A thread that ended meanwhile wakes up no more.
            sum + ((try? number("voluntary_ctxt_switches", in: "\(directory)/task/\(thread)/status")) ?? 0)
        }
    }

    /// Processor time of all threads, in seconds. From `schedstat`, in nanoseconds: `stat` counts in hundredths of a second.
    func processorSeconds() throws -> Double {
        try threads().reduce(0.0) { sum, thread in
            let text = (try? readTextFile("\(directory)/task/\(thread)/schedstat")) ?? ""
            return sum + (text.split(separator: " ").first.flatMap { Double($0) } ?? 0) / 1e9
        }
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
