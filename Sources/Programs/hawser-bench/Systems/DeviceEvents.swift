import FoundationEssentials
import Glibc
import LinuxCalls
import LinuxDevices
import Reconciliation
import Rig
import Udev
import VolumeModel

extension Benchmark {
    static let deviceEvents = Benchmark(
        name: "device", summary: "from a device's event to the identified device, with udisksd beside it"
    ) {
        if let obstacle = PrivateMachine.obstacle { throw LeftOut(description: "no private machine: \(obstacle)") }
        let outcome = try await ChildProcess.run(
            .init(
                try BuiltPrograms.path(of: "hawser-demo"), ["--run-inside", try ownProgramPath(), DeviceEvents.word]))
        guard let line = outcome.output.split(separator: "\n").last(where: { $0.hasPrefix("{") }) else {
            throw Broken("the private machine said: \(outcome.output)\(outcome.errors)")
        }
        let delays = try JSONDecoder().decode(DeviceEvents.Delays.self, from: Data(line.utf8))
        let identified = Samples(delays.identified)
        let bare = Samples(delays.bare)
        let extra = Samples(zip(delays.identified, delays.bare).map { max(0, $0 - $1) })
        let udisks = Samples(delays.udisks)
        return [
            Figure(
                "device event to identified device: 99th percentile", extra.percentile(0.99), .seconds,
                target: .atMost(1e-3), note: "later than a bare listener of libudev in the same process"),
            Figure(
                "disk resized to identified device: median", identified.median, .seconds,
                peers: [.init(name: "bare libudev", value: bare.median, unit: .seconds)]
                    + (delays.udisks.isEmpty ? [] : [.init(name: "udisksd", value: udisks.median, unit: .seconds)]),
                note: delays.udisks.isEmpty ? "udisksd: \(delays.withoutUdisks)" : "most of it is udevd, at its rules"),
        ]
    }
}

/// Resizes a loop device in a private machine with a udevd of its own, time after time, and notes when each resize was seen
/// by Hawser's devices, by a bare listener of libudev, and by a client of udisksd.
enum DeviceEvents {
    static let word = "--measure-device-events"

    /// In seconds from the resize, one of each for every resize.
    struct Delays: Codable, Sendable {
        var identified: [Double] = []
        var bare: [Double] = []
        var udisks: [Double] = []
        var withoutUdisks = ""
    }

    /// What the process in the private machine does.
    static func say() async throws {
        let directory = try PrivateMachine.disksDirectory()
        try createDirectories(directory)
        let file = "\(directory)/0123456789abcdef0123.img"
        try writeFile(file, bytes: [])
        try grow(file, to: size(0))
        let device = try LoopDevice.create(backedBy: file)
        var delays = Delays()
        do {
            delays = try await measure(device, file: file, resizes: 1...200, udisks: nil)
            // After it and not beside it: udisksd would take the processor from what is measured.
            if let client = try Udisks.start(&delays.withoutUdisks) {
                delays.udisks = try await measure(device, file: file, resizes: 201...260, udisks: client).udisks
            }
        } catch {
            try? device.unbind()
            throw error
        }
        try device.unbind()
        print(String(decoding: try JSONEncoder().encode(delays), as: UTF8.self))
    }

    private static func size(_ number: Int) -> Int { (64 + number) << 20 }

    private static func grow(_ file: String, to size: Int) throws {
        guard truncate(file, size) == 0 else { throw SystemCallError("grow", file, errno: errno) }
    }

    private static func measure(
        _ device: LoopDevice, file: String, resizes: ClosedRange<Int>, udisks: AsyncStream<String>?
    ) async throws -> Delays {
        let journal = Journal()
        let bare = try BlockDeviceEvents.stream()
        let watchers = [
            Task {
                for await event in await UdevDevices(buses: [.loopByRule]).events() {
                    if case .present(let record) = event {
                        await journal.note(.identified, size: Int(record.sizeInBytes))
                    }
                }
            },
            Task {
                for await event in bare {
                    if case .changed(let changed, _) = event {
                        await journal.note(.bare, size: Int(changed.sizeInBytes))
                    }
                }
            },
            Task {
                guard let udisks else { return }
                for await line in udisks {
                    // `  Size:                 67108864` among the properties that changed.
                    let words = line.split(separator: " ")
                    if words.first == "Size:", let size = words.last.flatMap({ Int($0) }) {
                        await journal.note(.udisks, size: size)
                    }
                }
            },
        ]
        defer { for watcher in watchers { watcher.cancel() } }
        // All listen by then; what none has seen is not counted.
        try await Task.sleep(for: .seconds(1))
        var started: [Int: ContinuousClock.Instant] = [:]
        for number in resizes {
            try grow(file, to: size(number))
            started[size(number)] = .now
            try device.takeSizeOfFile()
            try await Task.sleep(for: .milliseconds(25))
        }
        try await Task.sleep(for: .seconds(1))
        return await journal.delays(since: started)
    }

    /// Who saw which size first at what time.
    private actor Journal {
        enum Watcher { case identified, bare, udisks }

        private var seen: [Watcher: [Int: ContinuousClock.Instant]] = [:]

        func note(_ watcher: Watcher, size: Int) {
            let now = ContinuousClock.now
            if seen[watcher]?[size] == nil { seen[watcher, default: [:]][size] = now }
        }

        func delays(since started: [Int: ContinuousClock.Instant]) -> Delays {
            var delays = Delays()
            for (size, start) in started {
                guard let identified = seen[.identified]?[size], let bare = seen[.bare]?[size] else { continue }
                delays.identified.append((identified - start).inSeconds)
                delays.bare.append((bare - start).inSeconds)
                if let udisks = seen[.udisks]?[size] { delays.udisks.append((udisks - start).inSeconds) }
            }
            return delays
        }
    }
}

/// udisksd with a bus of its own. Both end with the private machine.
private enum Udisks {
    /// - Parameter obstacle: why there is none.
    /// - Returns: what its client prints when something changes.
    static func start(_ obstacle: inout String) throws -> AsyncStream<String>? {
        let daemon = "/usr/libexec/udisks2/udisksd"
        guard access(daemon, X_OK) == 0, access("/usr/bin/dbus-daemon", X_OK) == 0 else {
            obstacle = "not installed"
            return nil
        }
        try createDirectories("/run/dbus")
        _ = try ChildProcess(
            starting: .init(
                "dbus-daemon", ["--system", "--nofork", "--nopidfile"], output: .discarded, errors: .discarded))
        usleep(500_000)
        _ = try ChildProcess(starting: .init(daemon, ["--no-debug"], output: .discarded, errors: .discarded))
        usleep(2_000_000)
        let client = try ChildProcess(
            starting: .init("stdbuf", ["-oL", "udisksctl", "monitor"], output: .lines, errors: .discarded))
        return client.outputLines
    }
}
