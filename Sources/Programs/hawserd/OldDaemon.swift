import ControlAPI
import ControlAPIModel
import LegacyDaemon
import MariaDB
import NBD
import NBDExports
import Reconciliation
import VolumeModel

/// Takes over from the old volume daemon and gives back to it: joins its tables and files with what the controller sees. What
/// agrees with what is decided in `LegacyDaemon`; what may be touched, by the planner.
struct OldDaemon: LegacyTakeover {
    let controller: any Steering
    let store: any StateStore
    /// nil where another kind of server exports the volumes: the old daemon's files are then nobody's.
    let exports: NBDServerExports?
    let includeDirectory: String
    let choice: LegacyChoice
    /// The account that hawserd works with.
    let credentials: LegacyCredentials

    /// One look at everything.
    private struct Look {
        var address: MariaDBAddress
        var tables: LegacyTables
        var world: LegacyWorld
        var observed: ObservedWorld
        var files: [LegacyExportFile]
        var survey: LegacySurvey
    }

    private static func problem(_ error: any Error, status: Int = 422) -> WireProblem {
        WireProblem(title: "the old daemon", status: status, detail: "\(error)")
    }

    private static func failure(_ text: String, status: Int = 422) -> WireProblem {
        WireProblem(title: "the old daemon", status: status, detail: text)
    }

    private func address(_ request: WireLegacyRequest) throws(WireProblem) -> MariaDBAddress {
        guard let text = request.source else {
            guard let configured = choice.address else {
                throw Self.failure(
                    "cannot find the old daemon's database: give its address by --dsn-file FILE, or set legacy.url in "
                        + "hawserd's settings", status: 400)
            }
            return configured
        }
        do throws(MariaDBAddressError) { return try MariaDBAddress(legacy: text) } catch {
            throw Self.problem(error, status: 400)
        }
    }

    private func look(_ request: WireLegacyRequest) async throws(WireProblem) -> Look {
        let address = try address(request)
        let database = LegacyDatabase(address)
        let directory = request.confDirectory ?? includeDirectory
        guard directory.hasPrefix("/") else {
            throw Self.failure("the directory of export files begins with '/', not '\(directory)'", status: 400)
        }
        let tables: LegacyTables
        let files: [LegacyExportFile]
        do {
            tables = try await database.tables()
            files = try OldDaemonFiles.definitions(in: directory).map { found in
                LegacyExportFile(
                    export: found.export, file: found.file, isReadOnly: found.isReadOnly, path: found.path,
                    isHawsers: found.isHawsers)
            }
        } catch {
            throw Self.problem(error, status: 503)
        }
        let observed = await controller.observedWorld()
        let overview = await controller.overview()
        let objects = try await objects()
        var wanted: [VolumeID: String] = [:]
        for report in overview.reports { if let volume = report.volume { wanted[volume] = report.name } }
        for object in objects { if case .id(let volume) = object.volume { wanted[volume] = object.name.text } }
        let world = LegacyWorld(
            here: overview.here, volumes: observed.volumesListedAt == nil ? nil : observed.volumes,
            devices: observed.devices, exports: observed.exports, files: files,
            places: LegacyPlaces().places(of: tables.paths + files.compactMap(\.path)), wanted: wanted,
            objectNames: Set(overview.reports.map(\.name) + objects.map(\.name.text)),
            port: Self.port(observed.exports?.writableURI), credentials: credentials,
            encryptionKey: choice.encryptionKey)
        do throws(LegacyError) {
            return Look(
                address: address, tables: tables, world: world, observed: observed, files: files,
                survey: try LegacyComparison.survey(tables, world))
        } catch {
            throw Self.problem(error, status: 503)
        }
    }

    /// Of `nbd://host:port`.
    static func port(_ uri: String?) -> Int64? {
        uri.flatMap { text in
            text.lastIndex(of: ":").flatMap { Int64(text[text.index(after: $0)...].prefix { $0.isNumber }) }
        }
    }

    private func objects() async throws(WireProblem) -> [DesiredAttachment] {
        do throws(StoreError) {
            return try await store.desiredState().entries.compactMap { entry in
                guard case .valid(let object) = entry else { return nil }
                return object
            }
        } catch {
            throw Self.problem(error, status: 503)
        }
    }

    private func imported() async throws(WireProblem) -> [DesiredAttachment] {
        try await objects().filter { $0.labels[WireLegacySurvey.label.key] == WireLegacySurvey.label.value }
    }

    // MARK: Taking over

    func survey(_ request: WireLegacyRequest) async throws(WireProblem) -> WireLegacySurvey {
        let look = try await look(request)
        return WireLegacySurvey(
            source: look.address.description,
            objects: look.survey.objects.map { object in
                WireObject(
                    name: object.name, labels: [WireLegacySurvey.label.key: WireLegacySurvey.label.value],
                    volume: .id(object.volume), machine: object.machine, export: object.export, detach: DetachPolicy(),
                    role: object.role, file: "import legacy")
            },
            disagreements: look.survey.disagreements.map {
                WireLegacySurvey.Disagreement(
                    about: $0.about, seen: $0.seen, remedy: $0.remedy, isHeldBack: $0.isHeldBack)
            },
            conversions: look.survey.conversions.map {
                WireLegacySurvey.Conversion(
                    name: $0.export ?? $0.volume.description, from: $0.from, to: $0.to, layer: $0.layer,
                    obstacle: $0.obstacle)
            }, alreadyWanted: look.survey.alreadyWanted.map(\.description),
            detached: look.survey.detached.map(\.description))
    }

    func adopt(_ request: WireLegacyRequest) async throws(WireProblem) -> WireLegacyDeeds {
        var deeds = WireLegacyDeeds(deeds: [])
        guard let exports else { return deeds }
        for object in try await imported() {
            guard let name = object.export?.name else { continue }
            do throws(ExportError) {
                if let file = try await exports.takeOver(name) { deeds.deeds.append(file) }
            } catch {
                deeds.left.append("export '\(name)': \(error)")
            }
        }
        return deeds
    }

    func convert(_ request: WireLegacyRequest) async throws(WireProblem) -> WireLegacyDeeds {
        let look = try await look(request)
        let names = request.names ?? []
        var deeds = WireLegacyDeeds(deeds: [])
        for name in names {
            guard let found = look.survey.conversions.first(where: { ($0.export ?? $0.volume.description) == name })
            else {
                throw Self.failure(
                    "there is nothing to convert under '\(name)': 'hawser import legacy --dry-run' lists what there is",
                    status: 404)
            }
            if let obstacle = found.obstacle {
                deeds.left.append("\(name): \(obstacle); it stays at \(found.from)")
                continue
            }
            if request.dryRun {
                deeds.deeds.append("\(name): \(found.from) becomes \(found.to)")
                continue
            }
            do {
                if let export = found.export.flatMap({ ExportName($0) }) {
                    guard let exports else {
                        throw Self.failure("hawserd does not serve by nbd-server, and leaves its files alone")
                    }
                    try await exports.convert(export, from: found.from, to: found.to)
                }
                let changes = LegacyChanges.changes(
                    of: look.tables, converting: found, here: look.world.here, places: look.world.places)
                try await LegacyDatabase(look.address).write(changes)
                deeds.deeds.append("\(name): \(found.from) has become \(found.to)")
                if let layer = found.layer {
                    deeds.deeds.append("layer \(layer) is not needed any more; remove it by: dmsetup remove \(layer)")
                }
            } catch {
                deeds.left.append("\(name): \(error)")
            }
        }
        return deeds
    }

    // MARK: Giving back

    /// The objects are first made to observe only, so that nothing is taken away when they go; then files and tables are put into
    /// the old daemon's form where they are not; then the objects are forgotten. Each step can be repeated.
    func undo(_ request: WireLegacyRequest) async throws(WireProblem) -> WireLegacyDeeds {
        let look = try await look(request)
        let imported = try await imported()
        var deeds = WireLegacyDeeds(deeds: [])
        if !request.dryRun { try await observe(imported) }
        let others = try await objects().filter { object in !imported.contains { $0.id == object.id } }.map(\.name.text)
        if !others.isEmpty {
            deeds.left.append("not imported, and still Hawser's: \(others.sorted().joined(separator: ", "))")
        }
        let truths = truths(imported, look, &deeds)
        for truth in truths { try await giveBack(truth, look, dryRun: request.dryRun, &deeds) }
        let changes = LegacyChanges.changes(
            of: look.tables, toward: truths, here: look.world.here, places: look.world.places)
        if !request.dryRun {
            do throws(LegacyError) { try await LegacyDatabase(look.address).write(changes) } catch {
                throw Self.problem(error, status: 503)
            }
        }
        deeds.deeds += changes.map(\.description)
        if !request.dryRun { try await forget(imported) }
        deeds.deeds += imported.map { "volumeattachment/\($0.name) let go; its volume and export stay as they are" }
        return deeds
    }

    private func truths(
        _ objects: [DesiredAttachment], _ look: Look, _ deeds: inout WireLegacyDeeds
    ) -> [LegacyTruth] {
        let now = LegacyTruths(
            here: look.world.here, in: look.observed, port: look.world.port, directory: includeDirectory)
        var truths: [LegacyTruth] = []
        for object in objects {
            guard case .id(let id) = object.volume else { continue }
            let truth = now.truth(of: id, export: object.export?.name)
            if let truth {
                truths.append(truth)
            } else {
                deeds.left.append(
                    "volume \(id): CloudStack and the kernel do not agree on where it is; its rows stay as they are")
            }
        }
        return truths
    }

    private func giveBack(
        _ truth: LegacyTruth, _ look: Look, dryRun: Bool, _ deeds: inout WireLegacyDeeds
    ) async throws(WireProblem) {
        guard let exports, let name = truth.export?.name, case .here(let path, _, _) = truth.whereabouts else { return }
        do throws(ExportError) {
            if let file = try await exports.giveBack(name, path: path, dryRun: dryRun) {
                deeds.deeds.append("\(file): it names \(path) as the old daemon's files do")
            }
        } catch {
            throw Self.problem(error, status: 503)
        }
    }

    /// Has nothing done for these objects any more, and waits until that is so.
    private func observe(_ objects: [DesiredAttachment]) async throws(WireProblem) {
        let waiting = objects.filter { !$0.isDeparting && $0.mode != .observe }
        let edits = waiting.map { object in
            DesiredEdit(
                name: object.name, labels: object.labels, volume: object.volume, machine: object.machine,
                export: object.export, detach: object.detach, mode: .observe,
                wantedSizeInBytes: object.wantedSizeInBytes, role: object.role, deletion: object.deletion,
                source: object.source, expectedGeneration: object.generation)
        }
        do throws(StoreError) {
            if !edits.isEmpty { _ = try await store.apply(edits, dryRun: false) }
        } catch {
            throw Self.problem(error, status: 409)
        }
        let names = Set(objects.map(\.name.text))
        try await wait("for the imported objects to be observed only") { overview in
            overview.reports.filter { names.contains($0.name) }.allSatisfy { $0.restraint?.letsGo == true }
        }
        // What was begun before is over, or shows in the ledger.
        do throws(StoreError) {
            let ids = Set(objects.map(\.id))
            let open = try await store.openLedger().filter { ids.contains($0.attachment) }
            guard open.isEmpty else {
                throw StoreError.conflict(
                    "operations of imported objects are under way: see 'hawser get operations', and try again")
            }
        } catch {
            throw Self.problem(error, status: 409)
        }
    }

    private func forget(_ objects: [DesiredAttachment]) async throws(WireProblem) {
        guard !objects.isEmpty else { return }
        let names = objects.map(\.name)
        do throws(StoreError) {
            _ = try await store.delete(
                names, by: .personRetainingData, approving: .upTo(names.count), dryRun: false)
        } catch {
            throw Self.problem(error, status: 409)
        }
        let texts = Set(names.map(\.text))
        try await wait("for the imported objects to be let go") { overview in
            !overview.reports.contains { texts.contains($0.name) }
        }
    }

    private func wait(_ what: String, _ holds: (Overview) -> Bool) async throws(WireProblem) {
        let deadline = ContinuousClock.now + .seconds(20)
        var overview = await controller.overview()
        while !holds(overview) {
            guard ContinuousClock.now < deadline else {
                throw Self.failure("waited in vain \(what): see 'hawser status', and do it again", status: 503)
            }
            overview = await controller.overview(newerThan: overview.revision, patience: .seconds(1))
        }
    }
}
