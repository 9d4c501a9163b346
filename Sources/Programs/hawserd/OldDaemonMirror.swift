import LegacyDaemon
import Reconciliation
import Systemd
import VolumeModel

/// Keeps the old daemon's tables true for those who read them, as the controller works.
///
/// Each pass compares what is with what stands there, so that what others write, or a cascade deletes, is met as it is found; where
/// both agree nothing is written. A database that is away is waited for: nothing else waits for it.
struct OldDaemonMirror {
    let controller: any Steering
    let store: any StateStore
    let database: LegacyDatabase
    let includeDirectory: String

    /// What was mirrored by this process.
    private struct Memory {
        /// Volumes that an object named.
        var volumes: Set<VolumeID> = []
        /// The status of each operation as it was written.
        var statuses: [String: String] = [:]
    }

    /// Until the task is cancelled.
    func run(_ log: Log) async {
        var memory = Memory()
        var revision: Int64 = -1
        var trouble: String?
        while !Task.isCancelled {
            let overview = await controller.overview(newerThan: revision, patience: .seconds(10))
            guard !Task.isCancelled else { return }
            do {
                let written = try await mirror(overview, &memory)
                revision = overview.revision
                if trouble != nil { log.write(.notice, "the old daemon's tables can be written again") }
                trouble = nil
                if written > 0 { log.write(.information, "the old daemon's tables follow", ["rows": "\(written)"]) }
            } catch {
                let text = "\(error)"
                if trouble != text {
                    log.write(.warning, "the old daemon's tables are not up to date", ["because": text])
                }
                trouble = text
                // Whoever is cancelled meanwhile leaves above.
                try? await Task.sleep(for: .seconds(5))
            }
            // Changes come in crowds, and are one look.
            try? await Task.sleep(for: .milliseconds(200))
        }
    }

    /// - Returns: how many rows were written.
    private func mirror(_ overview: Overview, _ memory: inout Memory) async throws -> Int {
        let observed = await controller.observedWorld()
        guard observed.volumesListedAt != nil else { return 0 }
        let now = LegacyTruths(
            here: overview.here, in: observed, port: OldDaemon.port(observed.exports?.writableURI),
            directory: includeDirectory)
        let reports = Dictionary(overview.reports.map { ($0.attachment, $0) }) { first, _ in first }
        var exports: [VolumeID: ExportName] = [:]
        for entry in try await store.desiredState().entries {
            guard case .valid(let object) = entry, let volume = reports[object.id]?.volume else { continue }
            exports[volume] = object.export?.name
        }
        let wanted = Set(overview.reports.compactMap(\.volume))
        let settled = Set(overview.reports.filter { $0.readiness == .ready }.compactMap(\.volume))
        let operations = try await store.operations(of: nil, limit: 500)
        var truths: [LegacyTruth] = []
        for volume in wanted.sorted() {
            guard let truth = now.truth(of: volume, export: exports[volume]) else { continue }
            // What is on its way up has no row before it is there: its readers take a row for a disk that they can use.
            if case .here = truth.whereabouts, !settled.contains(volume) { continue }
            truths.append(truth)
        }
        // Of what an object has left only that it was taken away is Hawser's to tell.
        var left = memory.volumes.subtracting(wanted)
        for volume in left.sorted() {
            guard let truth = now.truth(of: volume, export: nil) ?? Self.deleted(volume, operations) else { continue }
            left.remove(volume)
            if truth.whereabouts == .nowhere { truths.append(truth) }
        }
        let tables = try await database.tables()
        let changes = LegacyChanges.changes(
            of: tables, toward: truths, here: overview.here, places: LegacyPlaces().places(of: tables.paths))
        try await database.write(changes)
        memory.volumes = wanted.union(left)
        return try await changes.count + mirror(operations, truths, &memory)
    }

    /// That a list does not show a volume proves nothing; that Hawser has deleted it does.
    private static func deleted(_ volume: VolumeID, _ operations: [OperationRecord]) -> LegacyTruth? {
        operations.contains { $0.action == .deleteVolume(volume) && $0.phase == .ended(.succeeded) }
            ? LegacyTruth(volume: volume, whereabouts: .nowhere, export: nil) : nil
    }

    private func mirror(
        _ records: [OperationRecord], _ truths: [LegacyTruth], _ memory: inout Memory
    ) async throws -> Int {
        let operations = records.reversed().compactMap { record in
            LegacyOperation(record, devicePath: Self.path(record, truths))
        }.filter { memory.statuses[$0.id] != $0.status }
        try await database.write(operations)
        for operation in operations { memory.statuses[operation.id] = operation.status }
        return operations.count
    }

    private static func path(_ record: OperationRecord, _ truths: [LegacyTruth]) -> String? {
        guard case .attachVolume(let volume, _) = record.action,
            case .here(let path, _, _)? = truths.first(where: { $0.volume == volume })?.whereabouts
        else { return nil }
        return path
    }
}
