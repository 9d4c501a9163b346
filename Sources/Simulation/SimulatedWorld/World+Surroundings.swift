import CloudStackModel
import Reconciliation
import VolumeModel

/// CloudStack's hypervisor, the kernel, the NBD server's life, clients.
extension World {
    // MARK: CloudStack and the hypervisor

    /// Lets CloudStack go on, and takes what it wants of the hypervisor.
    mutating func followCloud() {
        let milliseconds = CloudFace.milliseconds(now)
        let (actions, orders) = cloud.change { world in
            world.advance(to: milliseconds)
            return world.drain()
        }
        oracle.noteRecords(cloud.world, now: now)
        for action in actions {
            note("  CloudStack: \(action.kind) \(action.command) \(action.volume ?? "") \(action.detail)")
            judge(action)
        }
        for order in orders {
            let delay = chance.heavyTailed(.milliseconds(20) ... .milliseconds(500), most: .seconds(20))
            calendar.add(.hypervisor(order), at: now + delay)
        }
        if let due = cloud.world.nextDue, due != .max {
            calendar.add(.cloudIsDue, at: max(now + .milliseconds(1), Instant(nanoseconds: due * 1_000_000)))
        }
    }

    mutating func carryOut(_ order: HypervisorOrder) {
        guard let volume = VolumeID(order.disk.volume) else { return }
        switch order.action {
        case .plug:
            guard kernel.disks(of: volume).isEmpty else { break }
            let name = kernel.plug(volume, sizeInBytes: order.disk.sizeInBytes)
            note("  kernel: \(name) is \(volume)")
            askUdev(name)
        case .unplug: unplug(volume, by: order.job)
        case .resize:
            for disk in kernel.disks(of: volume) {
                kernel.change(disk.name) { changed in
                    changed.sizeInBytes = order.disk.sizeInBytes
                    changed.cutAt = nil
                }
                askUdev(disk.name)
            }
        case .discard: unplug(volume, by: order.job)
        }
        if let job = order.job {
            // The job may end before the guest shows the disk, or after.
            let delay = chance.heavyTailed(.zero ... .milliseconds(200), most: .seconds(5))
            calendar.add(.hypervisorEnded(job: job, volume), at: now + delay)
        }
    }

    mutating func unplug(_ volume: VolumeID, by job: String?) {
        for disk in kernel.disks(of: volume) {
            judgeUnplug(disk, by: job)
            takeOut(disk)
            askUdev(disk.name)
        }
    }

    /// The disk goes, and its sessions with it; udev has not looked yet.
    mutating func takeOut(_ disk: Kernel.Disk) {
        kernel.unplug(disk.name)
        note("  kernel: \(disk.name) is gone")
        for session in exports.sessions where session.sequence == disk.sequence {
            clients[session.client]?.isConnected = false
            exports.disconnect(session.client)
        }
    }

    /// udev needs a moment, sometimes a long one.
    mutating func askUdev(_ name: String) {
        let most: Duration = isTroubled ? .seconds(60) : .seconds(2)
        calendar.add(
            .udev(name: name),
            at: now + chance.heavyTailed(.milliseconds(2) ... .milliseconds(60), most: most))
    }

    mutating func settle(_ name: String) {
        guard let event = kernel.settle(name) else { return }
        if isTroubled, chance.chance(plan.lostEvents) {
            // The socket overflowed: what is there is enumerated anew.
            tellAll(.device(.lost("events were lost")), after: .milliseconds(1))
            tellAll(.enumerate, after: chance.within(.milliseconds(5) ... .seconds(2)))
        } else {
            tellAll(.device(event), after: chance.within(.microseconds(100) ... .milliseconds(5)))
        }
        tellAll(.exports, after: chance.within(.milliseconds(1) ... .milliseconds(20)))
    }

    // MARK: The NBD server

    mutating func stopServer() {
        exports.stop()
        for client in clients.keys where exports.session(of: client) == nil { clients[client]?.isConnected = false }
        tellAll(.exports, after: .milliseconds(5))
    }

    mutating func startServer() {
        exports.start()
        note("the NBD server is back")
        tellAll(.exports, after: .milliseconds(5))
    }

    // MARK: Clients

    /// The export that a client wants is that of one object, whatever its name is now.
    func wantedExport(of client: Int) -> ExportName? {
        store.desired[object(client % plan.objects.count)]?.export?.name
    }

    mutating func moveClient(_ client: Int) {
        guard let state = clients[client] else { return }
        if !state.isConnected {
            connect(client)
        } else if chance.chance(isTroubled ? 0.02 : 0.1), isTroubled || !isToBeCut(client) {
            disconnect(client)
        } else {
            write(client)
        }
        guard clients[client] != nil else { return }
        let pause: ClosedRange<Duration> =
            isTroubled ? .milliseconds(200) ... .seconds(20) : .seconds(5) ... .seconds(60)
        calendar.add(.client(client), at: now + chance.within(pause))
    }

    /// Whether its session is on another disk than its name's, and can be ended alone: then it is not for the client to go.
    private func isToBeCut(_ client: Int) -> Bool {
        guard exports.kind != .nbdkit, let session = exports.session(of: client),
            let entry = exports.entries[session.name], case .hawser = entry.owner
        else { return false }
        return entry.sequence != session.sequence
    }

    mutating func mendListing() {
        exports.isListingBroken = false
        tellAll(.exports, after: .milliseconds(5))
    }

    mutating func connect(_ client: Int) {
        guard let name = wantedExport(of: client),
            let (disk, meant) = exports.connect(client, to: name, kernel: kernel)
        else { return }
        let isWindow = disk.sequence != meant
        if isWindow { counts.window += 1 }
        clients[client]?.isConnected = true
        clients[client]?.connectedAt = now
        clients[client]?.cameThroughWindow = isWindow
        clients[client]?.isSomebodyElses = exports.entries[name]?.owner == .foreign
        note("client \(client) connects to \(name) and lands on \(disk.name)")
        judgeSession(client, name: name, disk: disk)
        tellAll(.exports, after: .milliseconds(5))
    }

    mutating func disconnect(_ client: Int) {
        guard clients[client]?.isConnected == true else { return }
        exports.disconnect(client)
        clients[client]?.isConnected = false
        note("client \(client) disconnects")
        tellAll(.exports, after: .milliseconds(5))
        // In a calm world clients finish what they do, and do not come back.
        if !isTroubled { clients[client] = nil }
    }

    private mutating func write(_ client: Int) {
        guard let session = exports.session(of: client) else {
            clients[client]?.isConnected = false
            return
        }
        guard let disk = kernel.disk(sequence: session.sequence) else {
            // The disk went away under it.
            disconnect(client)
            return
        }
        counts.writesOfClients += 1
        judgeSession(client, name: session.name, disk: disk)
    }
}
