import CloudStack
import ControlAPI
import HTTPServer
import LinuxCalls
import LinuxDevices
import ManifestFollowing
import Planning
import Reconciliation
import ServiceStatus
import Store
import Systemd
import VolumeModel

/// The one place that chooses the real systems and joins them.
struct Assembly {
    let controller: Controller
    let store: SQLiteStore
    let exports: any ExportServer & Examinable
    let server: HTTPServer
    /// Follows a directory of manifests, where one is named.
    let follower: ManifestFollower?

    init(_ configuration: Configuration) throws {
        store = try SQLiteStore(path: configuration.storePath)
        let devices: any DeviceObserver & Examinable
        switch configuration.devices {
        case .udev(let buses): devices = UdevDevices(buses: buses)
        case .directory(let directory): devices = DirectoryDevices(directory: directory)
        }
        exports = try configuration.nbd.makeServer()
        let cloud = CloudStackService(configuration.cloudStack)
        let systems = OutsideSystems(
            cloud: cloud, devices: devices, exports: exports, store: store,
            time: SystemTime())
        controller = Controller(
            here: configuration.here, policy: configuration.policy, systems: systems,
            seed: UInt64.random(in: 0 ... .max), rest: FreedMemory.giveBack)
        follower = configuration.manifests.map { [store, controller] directory in
            ManifestFollower(directory: directory, store: store) { await controller.note(manifestTrouble: $0) }
        }
        try createDirectories(parentDirectory(of: configuration.controlSocket), mode: 0o755)
        server = try ControlServer(
            controller: controller, store: store, version: Version.text, startedAt: systems.time.now(),
            permittedGroup: configuration.controlGroup, examined: [cloud, devices, exports, store]
        ).listen(onSocket: configuration.controlSocket)
    }

    /// Reconciles until a signal asks it to end; steps that run are given time.
    func run(_ signals: AsyncStream<Int32>, log: Log) async throws {
        let reporter = ServiceReporter(controller: controller)
        let controller = controller
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await controller.run() }
            group.addTask { await reporter.run() }
            if let follower { group.addTask { await follower.run() } }
            group.addTask { await Self.narrate(controller, log) }
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
    }

    /// Writes a line whenever an attachment becomes ready, or is not for another reason than before.
    private static func narrate(_ controller: Controller, _ log: Log) async {
        var before: [AttachmentID: Int] = [:]
        var revision: Int64 = -1
        while !Task.isCancelled {
            _ = await controller.revision(newerThan: revision)
            let overview = await controller.overview()
            revision = overview.revision
            for report in overview.reports {
                let word: String
                var because: Cause?
                switch report.readiness {
                case .ready: word = "ready"
                case .departed: word = "gone"
                case .notReady(let cause) where cause.isPassing: continue
                case .notReady(let cause):
                    word = "not ready"
                    because = cause
                }
                let key = word + (because?.code ?? "")
                guard before.updateValue(key.hashValue, forKey: report.attachment) != key.hashValue else { continue }
                var fields = ["attachment": report.name]
                fields["reason"] = because?.code
                fields["because"] = because?.message
                log.write(.information, word, fields)
            }
        }
    }
}
