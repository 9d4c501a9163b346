import Glibc
import LinuxCalls

/// The machine that measured, as far as one has to know it to read the numbers.
struct Machine: Sendable {
    var cores: Int
    var processor: String
    var kernel: String

    static func read() throws -> Machine {
        let lines = try readTextFile("/proc/cpuinfo").split(separator: "\n")
        let model = lines.first { $0.hasPrefix("model name") }?.split(separator: ":").last
        return Machine(
            cores: Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))),
            processor: model.map { String($0.drop { $0 == " " }) } ?? "unknown",
            kernel: try readTextFile("/proc/sys/kernel/osrelease").filter { !$0.isNewline })
    }

    /// How many processes wanted to run in the last minute: more than there are cores means that we had to wait.
    static func load() throws -> String {
        try readTextFile("/proc/loadavg").split(separator: " ").first.map(String.init) ?? "?"
    }
}
