import Reconciliation
import Testing
import VolumeModel

@testable import ServiceStatus

@Suite struct StatusLineTests {
    private func standing(_ readiness: [AttachmentReport.Readiness], _ causes: [Cause] = []) -> NodeStanding {
        var tally = ReadinessTally()
        for one in readiness { tally.count(one, by: 1) }
        return NodeStanding(revision: 1, tally: tally, causes: causes)
    }

    @Test func `the status line counts what is ready and names what is wrong with the node`() {
        #expect(
            ServiceReporter.statusLine(of: standing([.ready, .notReady(.rootVolume), .departed]))
                == "1 of 2 attachments ready")
        #expect(
            ServiceReporter.statusLine(of: standing([.ready], [.storeUnavailable("disk full")]))
                == "1 of 1 attachment ready; " + Cause.storeUnavailable("disk full").message)
    }
}
