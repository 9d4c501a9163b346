import Reconciliation
import Testing
import VolumeModel

@testable import ServiceStatus

@Suite struct StatusLineTests {
    private func report(_ number: UInt8, _ readiness: AttachmentReport.Readiness) -> AttachmentReport {
        AttachmentReport(
            attachment: AttachmentID(UUIDValue(high: 0, low: UInt64(number))), name: "a\(number)", generation: 1,
            volume: nil, machine: nil, isHere: true, isDeparting: false, readiness: readiness,
            since: Instant(nanoseconds: 0), cloudWord: "", deviceWord: "", exportWord: "", clients: nil, drifts: [],
            next: nil, nextAt: nil)
    }

    private func overview(_ reports: [AttachmentReport], _ causes: [Cause] = []) -> Overview {
        Overview(
            revision: 1, at: Instant(nanoseconds: 0), here: MachineID(UUIDValue(high: 0, low: 1)), reports: reports,
            unmanaged: [], nodeCauses: causes)
    }

    @Test func `the status line counts what is ready and names what is wrong with the node`() {
        let reports = [report(1, .ready), report(2, .notReady(.rootVolume)), report(3, .departed)]
        #expect(ServiceReporter.statusLine(of: overview(reports)) == "1 of 2 attachments ready")
        #expect(
            ServiceReporter.statusLine(of: overview([report(1, .ready)], [.storeUnavailable("disk full")]))
                == "1 of 1 attachment ready; " + Cause.storeUnavailable("disk full").message)
    }
}
