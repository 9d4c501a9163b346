import Testing
import VolumeModel

@testable import Reconciliation

@Suite struct SerialIndexTests {
    private let serial = DiskSerial(of: VolumeID(UUIDValue(high: 7, low: 0xABCD << 48)))
    private let other = DiskSerial(of: VolumeID(UUIDValue(high: 7, low: 0xABCE << 48)))

    @Test func `the rows of a serial come in the order in which they were added`() {
        var index = SerialIndex()
        #expect(index[serial].isEmpty)
        index.add(3, to: serial)
        index.add(1, to: serial)
        index.add(2, to: serial)
        index.add(9, to: other)
        #expect(Array(index[serial]) == [3, 1, 2])
        #expect(Array(index[other]) == [9])
    }

    @Test func `whichever row goes, the others stay`() {
        for gone in 1...3 {
            var index = SerialIndex()
            for slot in 1...3 { index.add(slot, to: serial) }
            index.remove(gone, from: serial)
            #expect(Array(index[serial]) == (1...3).filter { $0 != gone })
            for slot in 1...3 { index.remove(slot, from: serial) }
            #expect(index[serial].isEmpty)
        }
    }
}
