import Testing
import VolumeModel

@Suite struct IdentityTests {
    @Test func `a UUID is read in either case and written in lower case`() {
        let text = "a7f226a7-95a0-43b6-942e-acc909ef0c08"
        #expect(UUIDValue(text)?.description == text)
        #expect(UUIDValue(text.uppercased())?.description == text)
    }

    @Test(arguments: [
        "", "a7f226a7-95a0-43b6-942e-acc909ef0c0", "a7f226a7-95a0-43b6-942e-acc909ef0c088",
        "a7f226a795a043b6942eacc909ef0c08", "{a7f226a7-95a0-43b6-942e-acc909ef0c08}",
        "g7f226a7-95a0-43b6-942e-acc909ef0c08", "a7f226a7-95a0-43b6-942e_acc909ef0c08",
    ]) func `what is no UUID is refused`(text: String) {
        #expect(UUIDValue(text) == nil)
    }

    @Test func `RIGHT-DISK: a serial is the first 20 digits of the volume's id`() throws {
        let volume = try #require(VolumeID("c6ef61d1-300f-442a-86e5-000000000000"))
        #expect(DiskSerial(of: volume).description == "c6ef61d1300f442a86e5")
        #expect(DiskSerial("c6ef61d1300f442a86e5") == DiskSerial(of: volume))
        #expect(DiskSerial("c6ef61d1300f442a86e") == nil)
        #expect(DiskSerial("c6ef61d1300f442a86e50") == nil)
    }

    @Test(arguments: [
        ("migration-vol-a7f226a7-95a0-43b6-942e-acc909ef0c08", true), ("a", true), ("A_b.c-1", true), (".a", false),
        ("a/b", false), ("", false), ("-a", false), ("a b", false), ("a]\n[b", false),
        (String(repeating: "a", count: 128), true), (String(repeating: "a", count: 129), false), ("é", false),
    ]) func `names of exports are safe wherever they go`(text: String, isValid: Bool) {
        #expect((ExportName(text) != nil) == isValid)
    }

    @Test(arguments: [
        ("pgtest3-disk0", true), ("a.b", true), ("A", false), ("-a", false), ("a-", false), ("a_b", false),
        (String(repeating: "a", count: 254), false),
    ]) func `names of objects are what Kubernetes takes`(text: String, isValid: Bool) {
        #expect((ObjectName(text) != nil) == isValid)
    }

    @Test func `instants hold at the ends of time`() {
        let end = Instant(nanoseconds: .max)
        #expect(end + .seconds(1) == end)
        #expect(Instant.distantPast - .seconds(1) == .distantPast)
        #expect(end - .distantPast == .nanoseconds(Int64.max))
        #expect(Instant(nanoseconds: 5) + .nanoseconds(Int64.max) == end)
    }

    @Test func `every state word of CloudStack's is kept as it came`() {
        for word in ["Allocated", "Ready", "Uploaded", "Attaching", "Destroy", "UploadError", "Newfangled"] {
            #expect(VolumeState(word: word).word == word)
        }
        for word in ["Running", "Stopped", "Migrating", "Destroyed", "Error", "Newfangled"] {
            #expect(MachineState(word: word).word == word)
        }
    }
}
