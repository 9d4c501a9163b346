import LinuxCalls
import MariaDB
import Rig
import SQL
import Testing
import VolumeModel

@testable import LegacyDaemon

/// What is written into the old daemon's tables: only what is not true there, in the columns that there are.
@Suite(.enabled(if: ThrowAwayMariaDB.obstacle == nil, "needs a MariaDB server: \(ThrowAwayMariaDB.obstacle ?? "")"))
struct LegacyChangesTests {
    private static let here: MachineID = fixed(MachineID("aaaa0000-0000-4000-8000-000000000001"))
    private static let other: MachineID = fixed(MachineID("aaaa0000-0000-4000-8000-000000000002"))
    private static let volume: VolumeID = fixed(VolumeID("a7f226a7-95a0-43b6-942e-acc909ef0c08"))
    private static let second: VolumeID = fixed(VolumeID("c3d9e0b2-1f44-4c3e-8a57-5d0f6e1b2a90"))
    private static let export: ExportName = fixed(ExportName("migration-vol-a7f226a7-95a0-43b6-942e-acc909ef0c08"))
    private static let link = "/dev/disk/by-id/virtio-a7f226a795a043b6942e"
    private static let device = DeviceNumber(major: 252, minor: 16)
    private static let places: [String: LegacyPlace] = [link: .device(device), "/dev/vdb": .device(device)]

    private func deployed(path: String = link) async throws -> OldDaemonDatabase {
        let old = try OldDaemonDatabase(at: try await ThrowAwayMariaDB.shared().freshDatabase())
        try old.attach(
            Self.volume.description, to: Self.here.description, path: path, sizeInBytes: 5 << 30,
            file: "/etc/nbd-server/conf.d/\(Self.export).conf")
        return old
    }

    private static var attached: LegacyTruth {
        LegacyTruth(
            volume: volume, whereabouts: .here(path: link, device: device, sizeInBytes: 5 << 30),
            export: LegacyTruth.Export(name: export, port: 10_809, file: "/etc/nbd-server/conf.d/\(export).conf"))
    }

    /// Writes what is to be written, and sees that nothing is to be written then.
    ///
    /// - Returns: how many rows were written.
    @discardableResult
    private func write(_ truths: [LegacyTruth], _ old: OldDaemonDatabase) async throws -> Int {
        let database = LegacyDatabase(old.address)
        func changes() async throws -> [LegacyChange] {
            LegacyChanges.changes(
                of: try await database.tables(), toward: truths, here: Self.here, places: Self.places)
        }
        let needed = try await changes()
        try await database.write(needed)
        #expect(try await changes().isEmpty)
        return needed.count
    }

    @Test(arguments: [link, "/dev/vdb"]) func `nothing is written where all is true, in whatever form`(path: String)
        async throws
    {
        let old = try await deployed(path: path)
        let before = try old.contents()
        #expect(try await write([Self.attached], old) == 0)
        #expect(try old.contents() == before)
    }

    @Test func `a detach deletes the mapping, keeps the export's row, and says so of the volume`() async throws {
        let old = try await deployed()
        var truth = Self.attached
        truth.whereabouts = .nowhere
        #expect(try await write([truth], old) == 2)
        let tables = try await LegacyDatabase(old.address).tables()
        #expect(tables.mappings.isEmpty)
        #expect(tables.exports.count == 1)
        #expect(tables.volumes.map(\.status) == ["detached"])
        #expect(tables.volumes.map(\.devicePath) == [nil])
        #expect(try await write([Self.attached], old) == 2)
        let again = try await LegacyDatabase(old.address).tables()
        #expect(again.mappings.map(\.devicePath) == [Self.link])
        #expect(again.mappings.map(\.mode) == ["oma"])
        let context = try MariaDBConnection(old.address).run("SELECT vm_context_id FROM device_mappings")
        #expect(context == [[.text("ctx-\(Self.volume)")]], "the context is that of the volume's row")
    }

    @Test func `two data disks on one other machine have two placeholders`() async throws {
        let old = try await deployed()
        var first = Self.attached
        first.whereabouts = .elsewhere(Self.other, isRoot: false)
        let second = LegacyTruth(
            volume: Self.second, whereabouts: .elsewhere(Self.other, isRoot: false), export: nil)
        try await write([first, second], old)
        let rows = try await LegacyDatabase(old.address).tables().mappings
        #expect(rows.count == 2)
        #expect(rows.allSatisfy { $0.devicePath.hasPrefix("remote-vm-\(Self.other)") })
        #expect(rows.allSatisfy { $0.machine == Self.other.description && $0.linuxState == "n/a" })
    }

    @Test func `what others write in a row stays`() async throws {
        let old = try await deployed()
        try MariaDBConnection(old.address).execute(
            """
            UPDATE device_mappings SET operation_mode = 'failover', ossea_snapshot_id = 's-1', snapshot_status = 'ready';
            UPDATE nbd_exports SET vm_disk_id = 7, device_mapping_uuid = volume_id
            """)
        var truth = Self.attached
        truth.whereabouts = .elsewhere(Self.other, isRoot: true)
        try await write([truth], old)
        let row = try MariaDBConnection(old.address).run(
            "SELECT operation_mode, ossea_snapshot_id, snapshot_status, device_path FROM device_mappings")
        #expect(
            row == [[.text("failover"), .text("s-1"), .text("ready"), .text("remote-vm-root-\(Self.other)")]])
        #expect(try MariaDBConnection(old.address).run("SELECT vm_disk_id FROM nbd_exports") == [[.integer(7)]])
    }

    @Test func `a conversion changes just the old paths`() async throws {
        let old = try await deployed(path: "/dev/vdb")
        try MariaDBConnection(old.address).execute(
            "UPDATE device_mappings SET persistent_device_name = 'vola7f226a7', symlink_path = '/dev/mapper/vola7f226a7'"
        )
        let database = LegacyDatabase(old.address)
        let conversion = LegacySurvey.Conversion(
            volume: Self.volume, export: Self.export.text, file: nil, from: "/dev/vdb", to: Self.link,
            device: Self.device, layer: nil, obstacle: nil)
        let changes = LegacyChanges.changes(
            of: try await database.tables(), converting: conversion, here: Self.here, places: Self.places)
        #expect(changes.count == 3)
        try await database.write(changes)
        let tables = try await database.tables()
        #expect(tables.paths.allSatisfy { $0 == Self.link })
        #expect(tables.mappings.map(\.persistentName) == [nil])
        #expect(
            LegacyChanges.changes(of: tables, converting: conversion, here: Self.here, places: Self.places).isEmpty)
    }

    @Test func `columns that the layout lacks are left out`() async throws {
        let address = try await ThrowAwayMariaDB.shared().freshDatabase()
        try MariaDBConnection(address).execute(
            """
            CREATE TABLE device_mappings (volume_id VARCHAR(64), vm_id VARCHAR(64), device_path VARCHAR(100));
            CREATE TABLE nbd_exports (export_name VARCHAR(191), volume_uuid VARCHAR(64));
            """)
        let database = LegacyDatabase(address)
        let changes = LegacyChanges.changes(
            of: try await database.tables(), toward: [Self.attached], here: Self.here, places: Self.places)
        try await database.write(changes)
        let tables = try await database.tables()
        #expect(tables.mappings.map(\.devicePath) == [Self.link])
        #expect(tables.exports.map(\.volume) == [Self.volume.description])
        #expect(
            LegacyChanges.changes(of: tables, toward: [Self.attached], here: Self.here, places: Self.places).isEmpty)
    }

    @Test func `of several changes all are written, or none`() async throws {
        let old = try await deployed()
        let before = try old.contents()
        let wrong = LegacyTruth(
            volume: Self.second,
            // The table's unique key refuses a second row of this path.
            whereabouts: .here(path: Self.link, device: DeviceNumber(major: 252, minor: 99), sizeInBytes: 1),
            export: nil)
        var gone = Self.attached
        gone.whereabouts = .elsewhere(Self.other, isRoot: false)
        let database = LegacyDatabase(old.address)
        let tables = try await database.tables()
        let changes = LegacyChanges.changes(of: tables, toward: [wrong, gone], here: Self.here, places: Self.places)
        #expect(changes.count >= 3)
        await #expect(throws: LegacyError.self) { try await database.write(changes.reversed() + changes) }
        #expect(try old.contents() == before)
    }
}

@Suite struct DeviceMapperLayerTests {
    @Test func `only a layer over the whole of one device is the old daemon's`() throws {
        let directory = try TemporaryDirectory(prefix: "hawser-layers-")
        func make(_ device: String, _ name: String, size: Int, over lower: [(String, Int)]) throws {
            let base = "\(directory.path)/\(device)"
            try createDirectories("\(base)/dm")
            try writeFile("\(base)/dm/name", bytes: Array("\(name)\n".utf8))
            try writeFile("\(base)/dev", bytes: Array("253:\(device.dropFirst(3))\n".utf8))
            try writeFile("\(base)/size", bytes: Array("\(size)\n".utf8))
            for (below, size) in lower {
                try createDirectories("\(base)/slaves/\(below)")
                try writeFile("\(base)/slaves/\(below)/dev", bytes: Array("252:16\n".utf8))
                try writeFile("\(base)/slaves/\(below)/size", bytes: Array("\(size)\n".utf8))
            }
        }
        try make("dm-0", "vola7f226a7", size: 8, over: [("vdb", 8)])
        try make("dm-1", "vola7f226a8", size: 4, over: [("vdb", 8)])
        try make("dm-2", "vola7f226a9", size: 8, over: [("vdb", 8), ("vdc", 8)])
        try make("dm-3", "system-root", size: 8, over: [("vdb", 8)])
        let found = DeviceMapperLayer.all(in: directory.path)
        #expect(Set(found.map(\.name)) == ["vola7f226a7", "system-root"])
        #expect(found.first { $0.name == "vola7f226a7" }?.lowerMinor == 16)
        #expect(DeviceMapperLayer.all(in: "/nowhere").isEmpty)
    }
}
