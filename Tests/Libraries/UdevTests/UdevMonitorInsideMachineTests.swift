import Glibc
import LinuxCalls
import Testing

@testable import Udev

/// Needs a udevd that sends events: a private machine's.
@Suite(.enabled(if: getenv("HAWSER_TEST_MACHINE") != nil, "is run by PrivateMachineRunTests"))
struct UdevMonitorInsideMachineTests {
    /// Everything of libudev happens within this one call, in one thread.
    @Test func `events that were dropped are told as lost, and the monitor goes on`() throws {
        let directory = try TemporaryDirectory(prefix: "hawser-udev-test")
        let file = "\(directory.path)/disk.img"
        try writeFile(file, bytes: [UInt8](repeating: 0, count: 1 << 20))
        let disk = try LoopDevice.create(backedBy: file)
        let context = try UdevContext()
        let monitor = try context.monitor(bufferSizeInBytes: 1)
        // Nobody reads while these arrive, and the buffer holds a few of them.
        for _ in 0..<200 { try disk.announce("change") }
        #expect(settle())
        var sawLoss = false
        var afterwards = 0
        reading: while true {
            switch monitor.receive() {
            case .eventsLost: sawLoss = true
            case .event, .other: continue
            case .nothing: break reading
            }
        }
        #expect(sawLoss)
        // Events of other tests may fill the small buffer once more: then the next one gets through.
        for _ in 0..<50 where afterwards == 0 {
            try disk.announce("change")
            #expect(settle())
            reading: while true {
                switch monitor.receive() {
                case .event(.changed(let device, _)) where device.kernelName == disk.kernelName: afterwards += 1
                case .event, .other, .eventsLost: continue
                case .nothing: break reading
                }
            }
        }
        #expect(afterwards > 0)
        try disk.unbind()
        #expect(settle())
        try disk.remove()
    }

    /// Waits until udevd has nothing left to do, in this very thread, since that is the monitor's.
    private func settle() -> Bool {
        var process: pid_t = 0
        let words: [UnsafeMutablePointer<CChar>?] = ["udevadm", "settle", "--timeout", "10"].map { (word: String) in
            strdup(word)
        }
        defer { for word in words { free(word) } }
        guard posix_spawnp(&process, "udevadm", nil, nil, words + [nil], environ) == 0 else { return false }
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0 { if errno != EINTR { return false } }
        return status == 0
    }
}
