import Glibc
import LinuxCalls
import Testing
import Udev

@Suite struct BlockDeviceEventsTests {
    @Test(.enabled(if: access("/sys/class/block", R_OK) == 0, "needs /sys"))
    func `the first thing that is told is all there is`() async throws {
        var events = try BlockDeviceEvents.stream().makeAsyncIterator()
        guard case .enumerated(let devices)? = await events.next() else {
            Issue.record("no enumeration came first")
            return
        }
        let names = Set(devices.map(\.kernelName))
        // Devices of other tests come and go; those of the machine stay.
        for name in try directoryEntries("/sys/block") where !name.hasPrefix("loop") { #expect(names.contains(name)) }
    }
}
