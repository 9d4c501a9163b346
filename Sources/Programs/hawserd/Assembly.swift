import CloudStack
import ControlAPI
import Glibc
import HTTPServer
import LegacyDaemon
import LinuxCalls
import LinuxDevices
import ManifestFollowing
import NBDExports
import Planning
import Reconciliation
import ServiceStatus
import Store
import Systemd
import VolumeModel

/// The one place that chooses the real systems and joins them.
struct Assembly {
    let controller: Controller
    let store: SQLStore
    let exports: any ExportServer & Examinable
    let server: HTTPServer
    /// Answers scrapers, where that is wanted.
    let metrics: HTTPServer?
    /// Follows a directory of manifests, where one is named.
    let follower: ManifestFollower?
    /// Keeps the old daemon's tables up to date, where that is wanted.
    let mirror: OldDaemonMirror?
    /// Takes CloudStack's endpoint and keys from the old daemon's database, where that is wanted.
    let account: OldDaemonAccount?
    private let begun: Instant

    init(_ configuration: Configuration, log: Log) async throws {
        let lease: LeaseTerms
        switch configuration.store {
        case .embedded(let path):
            store = try SQLStore.embedded(path: path)
            lease = .exclusive
        case .shared(let address, let lifetime):
            store = try await SQLStore.shared(at: address, node: "\(configuration.here)")
            lease = .shared(holder: "\(hostName()), process \(getpid())", lifetime: lifetime)
        }
        let devices: any DeviceObserver & Examinable
        switch configuration.devices {
        case .udev(let buses): devices = UdevDevices(buses: buses)
        case .directory(let directory): devices = DirectoryDevices(directory: directory)
        }
        exports = try configuration.nbd.makeServer()
        let cloud = CloudStackService(configuration.cloudStack)
        account =
            configuration.legacy.givesAccount
            ? configuration.legacy.address.map { address in
                OldDaemonAccount(
                    database: LegacyDatabase(address), here: configuration.here, cloud: cloud,
                    configuration: configuration.cloudStack, encryptionKey: configuration.legacy.encryptionKey)
            } : nil
        if configuration.cloudStack.endpoint.isEmpty { try await account?.take() }
        let systems = OutsideSystems(
            cloud: cloud, devices: devices, exports: exports, store: store,
            leases: lease == .exclusive ? nil : store, time: SystemTime())
        begun = systems.time.now()
        controller = Controller(
            here: configuration.here, policy: configuration.policy, systems: systems, lease: lease,
            seed: UInt64.random(in: 0 ... .max), rest: FreedMemory.giveBack,
            trace: configuration.logsCalls ? CallTrace.writer(log) : nil)
        follower = configuration.manifests.map { [store, controller] directory in
            ManifestFollower(directory: directory, store: store) { await controller.note(manifestTrouble: $0) }
        }
        let includeDirectory = configuration.nbd.includeDirectory ?? "/etc/nbd-server/conf.d"
        mirror =
            configuration.legacy.isMirrored
            ? configuration.legacy.address.map { [store, controller] address in
                OldDaemonMirror(
                    controller: controller, store: store, database: LegacyDatabase(address),
                    includeDirectory: includeDirectory)
            } : nil
        try createDirectories(parentDirectory(of: configuration.controlSocket), mode: 0o755)
        let page = MetricsPage(controller: controller, version: Version.text, calls: cloud)
        server = try ControlServer(
            controller: controller, store: store, version: Version.text, startedAt: begun,
            permittedGroup: configuration.controlGroup, examined: [cloud, devices, exports, store],
            metrics: page,
            legacy: OldDaemon(
                controller: controller, store: store, exports: exports as? NBDServerExports,
                includeDirectory: includeDirectory,
                choice: configuration.legacy,
                credentials: LegacyCredentials(
                    endpoint: configuration.cloudStack.endpoint, apiKey: LegacySecret(configuration.cloudStack.apiKey),
                    secretKey: LegacySecret("")))
        ).listen(onSocket: configuration.controlSocket)
        metrics = try configuration.metrics.map { try page.listen(host: $0.host, port: $0.port) }
    }

    /// Reconciles until a signal asks it to end; steps that run are given time.
    func run(_ signals: AsyncStream<Int32>, log: Log) async throws {
        let reporter = ServiceReporter(controller: controller)
        let controller = controller
        let begun = begun
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await controller.run() }
            group.addTask { await reporter.run() }
            if let follower { group.addTask { await follower.run() } }
            if let account { group.addTask { await account.run(log) } }
            if let mirror { group.addTask { await mirror.run(log) } }
            group.addTask { await Self.narrate(controller, since: begun, log) }
            for await signal in signals {
                log.write(.notice, "stopping", ["signal": "\(signal)"])
                break
            }
            ServiceReporter.stopping()
            await controller.stop(patience: .seconds(10))
            group.cancelAll()
            do { try await group.waitForAll() } catch is CancellationError {}
        }
        await server.stopAndWait()
        await metrics?.stopAndWait()
    }

    /// Writes a line whenever an attachment becomes ready, or is not for another reason than before; and one when, after the
    /// start, all of them are known.
    private static func narrate(_ controller: Controller, since begun: Instant, _ log: Log) async {
        var revision: Int64 = -1
        // What was so before this process began is not news.
        var narratedAt = begun
        var isAllKnown = false
        while !Task.isCancelled {
            let changes = await controller.changes(after: revision, since: narratedAt)
            revision = changes.standing.revision
            for report in changes.reports { narrate(report, log) }
            narratedAt = changes.at
            let tally = changes.standing.tally
            guard !isAllKnown, tally.passing == 0 else { continue }
            isAllKnown = true
            log.write(.notice, "all is known", ["attachments": "\(tally.total)", "ready": "\(tally.ready)"])
        }
    }

    private static func narrate(_ report: AttachmentReport, _ log: Log) {
        switch report.readiness {
        case .ready: log.write(.information, "ready", ["attachment": report.name])
        case .departed: log.write(.information, "gone", ["attachment": report.name])
        case .notReady(let cause):
            log.write(
                .information, "not ready",
                ["attachment": report.name, "reason": cause.code, "because": cause.message])
        }
    }
}

/// gethostname(2); HOST_NAME_MAX is 64 on Linux.
private func hostName() -> String {
    var bytes = [CChar](repeating: 0, count: 65)
    guard gethostname(&bytes, 64) == 0 else { return "an unnamed host" }
    return bytes.withUnsafeBufferPointer { $0.baseAddress.map { String(cString: $0) } ?? "" }
}
