import CloudStackModel
import Planning
import Reconciliation
import VolumeModel

/// What people, other programs and bad luck do.
extension World {
    mutating func carryOut(_ act: Act) {
        note("* \(act)")
        switch act {
        case .want(let index): want(index)
        case .delete(let index): depart(index, approving: true)
        case .move(let index, let machine):
            edit(index) { object, _ in
                object.machine = machine == 0 ? .thisMachine : .id(CloudFace.machine(machine))
            }
        case .export(let index, let isWanted):
            edit(index) { object, _ in
                object.export = isWanted ? ExportName("export-\(index)").map { DesiredExport(name: $0) } : nil
            }
        case .readOnly(let index, let isReadOnly):
            edit(index) { object, _ in object.export?.isReadOnly = isReadOnly }
        case .size(let index, let size): edit(index) { object, _ in object.wantedSizeInBytes = size << 30 }
        case .suspend(let index, let seconds):
            edit(index, countsAsChange: false) { object, now in
                object.suspension = Suspension(reason: "test", until: seconds.map { now + .seconds($0) })
            }
        case .resume(let index): edit(index, countsAsChange: false) { object, _ in object.suspension = nil }
        case .observe(let index, let isOn): edit(index) { object, _ in object.mode = isOn ? .observe : .enforce }
        case .allowInUse(let index): allowInUse(index)
        case .protect(let index, let isOn):
            guard let volume = volume(ofObject: index) else { return }
            editStore { $0.protect(volume, reason: isOn ? "test" : nil) }
        case .swapNames(let one, let other): swapNames(one, other)
        case .deleteAll:
            for index in plan.objects.indices { depart(index, approving: false) }
        case .vanish(let index): depart(index, approving: false)
        case .moveAll(let machine):
            for index in plan.objects.indices {
                edit(index, approving: false) { object, _ in
                    object.machine = machine == 0 ? .thisMachine : .id(CloudFace.machine(machine))
                }
            }
        case .approveHeld: approveHeld()
        case .contend(let index, let seconds, let times): contend(index, every: seconds, times: times)
        case .reconcile:
            oracle.noteAsked()
            if let worker { deliver(.reconcile(nil), to: daemons[worker].process) }
        case .moveToName(let index, let name): edit(index) { object, _ in object.machine = .named(name) }
        case .garble(let index, let isOn):
            let id = object(index)
            guard store.desired[id] != nil else { return }
            editStore { $0.garble(id, isOn) }
        case .manifestsUnreadable(let isOn): setManifestTrouble(isOn ? "a.yaml cannot be read" : nil)
        case .detachByHand, .attachByHand, .deleteByHand, .renameByHand, .growRecord, .copyName, .stopMachine,
            .startMachine, .destroyMachine, .restartManagementServer:
            meddle(act)
        case .loseMachine, .setState, .limitDisks: misconfigure(act)
        case .mount(let index): setMount(index, true)
        case .unmount(let index): setMount(index, false)
        case .foreignExport(let index): exportWithoutHawser(index)
        case .replug(let one, let other): replug(one, other)
        case .forgeDisk(let index):
            guard let volume = volume(ofObject: index), let size = cloud.volume(volume)?.sizeInBytes else { return }
            askUdev(kernel.forge(volume, sizeInBytes: size / 2))
        case .removeForgedDisks: removeForgedDisks()
        case .cutDisk(let index):
            guard let volume = volume(ofObject: index), let disk = kernel.disks(of: volume).first else { return }
            kernel.change(disk.name) { [now] disk in
                disk.sizeInBytes /= 2
                disk.cutAt = now
            }
            askUdev(disk.name)
        case .writeProtect(let index):
            guard let volume = volume(ofObject: index), let disk = kernel.disks(of: volume).first else { return }
            kernel.change(disk.name) { $0.isReadOnly = true }
            askUdev(disk.name)
        case .mislead(let index):
            guard let name = store.desired[object(index)]?.export?.name else { return }
            exports.mislead(name)
            tellAll(.exports, after: .milliseconds(5))
        case .lieOfLinks(let one, let other):
            guard let volume = volume(ofObject: one), let shown = self.volume(ofObject: other) else { return }
            for disk in kernel.disks(of: volume) {
                kernel.change(disk.name) { $0.linkedAs = shown }
                askUdev(disk.name)
            }
        case .connect(let client):
            guard clients[client] == nil else { return }
            clients[client] = ClientState()
            calendar.add(.client(client), at: now)
        case .disconnect(let client): disconnect(client)
        default: strike(act)
        }
    }

    // MARK: Desired state

    private mutating func want(_ index: Int) {
        guard !store.isAway, let name = ObjectName("object-\(index)") else { return }
        if let old = store.desired[object(index)] {
            // One that departs is not applied again until it is gone, unless it can be taken back.
            guard store.canBeTakenBack(old) else { return }
            return editStore { store in
                store.edit(old.id) { object in
                    object.isDeparting = false
                    object.departingSince = nil
                }
            }
        }
        incarnations[index, default: 0] += 1
        let id = object(index)
        let object = plan.objects[index]
        let zone = ZoneReference.named(object.zone)
        let volume: VolumeReference =
            switch object.reference {
            case .id: .id(plan.volume(index))
            case .sameAsFirst: .id(plan.volume(0))
            case .root(let machine), .rootDisk(let machine): .id(CloudFace.root(of: machine))
            case .name: .named("volume-\(index)", zone: zone)
            case .created:
                .created(
                    VolumeTemplate(
                        name: "made-\(index)", sizeInBytes: 1 << 30, offering: .named(object.offering), zone: zone))
            }
        var export = ExportName("export-\(index)").map { DesiredExport(name: $0) }
        if store.desired.values.contains(where: { $0.export?.name == export?.name }) { export = nil }
        let deletion = DeletionPolicy(data: object.deletesData ? .delete : .retain, grace: .seconds(30))
        var (machine, role) = (MachineReference.thisMachine, DiskRole.data)
        var owner = object.rootOf
        if case .rootDisk(let own) = object.reference { owner = own }
        if let owner {
            (machine, role, export) = (.id(CloudFace.machine(owner)), .root, nil)
        }
        editStore {
            $0.apply(
                DesiredAttachment(
                    id: id, name: name, volume: volume, machine: machine, export: export, role: role,
                    deletion: deletion, source: .manifest(file: "test.yaml")))
        }
    }

    private mutating func edit(
        _ index: Int, countsAsChange: Bool = true, approving: Bool = true,
        _ change: (inout DesiredAttachment, Instant) -> Void
    ) {
        let now = now + clockError
        // What is wanted of an object that departs is not changed any more; what stands beside it can be.
        guard let old = store.desired[object(index)], !countsAsChange || !old.isDeparting else { return }
        var new = old
        change(&new, now)
        // The store refuses a name that another object has.
        let isTaken = store.desired.values.contains { other in
            other.id != new.id && new.export != nil && other.export?.name == new.export?.name
        }
        guard !isTaken else { return }
        editStore { $0.edit(new.id, countsAsChange: countsAsChange, approving: approving) { $0 = new } }
        // What only observes lets go of what it has, as it is.
        if new.mode == .observe, let volume = volume(ofObject: index) { oracle.noteLetGo(volume) }
    }

    private mutating func depart(_ index: Int, approving: Bool) {
        edit(index, approving: approving) { object, now in
            object.isDeparting = true
            object.departingSince = now
        }
    }

    private mutating func allowInUse(_ index: Int) {
        guard let volume = volume(ofObject: index), let disk = kernel.disks(of: volume).first else { return }
        let span = chance.within(.seconds(20) ... .seconds(600))
        let expiry = now + clockError + span
        let id = object(index)
        guard store.desired[id] != nil else { return }
        editStore { store in
            store.edit(id, countsAsChange: false) { object in
                object.inUseOverride = InUseOverride(
                    volume: volume, diskSequence: disk.sequence, reason: "test", expiresAt: expiry)
            }
        }
        oracle.noteOverride(of: volume, sequence: disk.sequence, until: now + span)
    }

    private mutating func approveHeld() {
        guard let held = core?.loop.removals(at: now + clockError), held.batch != nil else { return }
        editStore { store in
            for item in held.items where store.desired[item.attachment]?.generation == item.generation {
                store.edit(item.attachment, countsAsChange: false) { $0.isRemovalApproved = true }
            }
        }
    }

    private mutating func swapNames(_ one: Int, _ other: Int) {
        guard one != other, let first = store.desired[object(one)], let second = store.desired[object(other)],
            !first.isDeparting, !second.isDeparting, let a = first.export?.name, let b = second.export?.name
        else { return }
        editStore { store in
            store.edit(first.id) { $0.export?.name = b }
            store.edit(second.id) { $0.export?.name = a }
        }
    }

    // MARK: Other hands

    private mutating func meddle(_ act: Act) {
        if act.volumes.contains(where: { isRoot($0) }) { return }
        let milliseconds = CloudFace.milliseconds(now)
        switch act {
        case .detachByHand(let index):
            guard let volume = volume(ofObject: index) else { return }
            cloud.change { $0.detachByHand(volume.description, now: milliseconds) }
        case .attachByHand(let index, let machine):
            guard let volume = volume(ofObject: index) else { return }
            oracle.noteHandsOn(volume)
            cloud.change {
                $0.attachByHand(volume.description, to: CloudFace.machine(machine).description, now: milliseconds)
            }
        case .deleteByHand(let index):
            guard let volume = volume(ofObject: index), cloud.volume(volume)?.machine == nil else { return }
            cloud.change { _ = $0.callByHand("deleteVolume", ["id": volume.description], now: milliseconds) }
        case .renameByHand(let index):
            guard let volume = volume(ofObject: index) else { return }
            oracle.noteRenaming(of: volume, at: now)
            cloud.change {
                _ = $0.callByHand(
                    "updateVolume", ["id": volume.description, "name": "renamed-\(index)"], now: milliseconds)
            }
        case .growRecord(let index):
            guard let volume = volume(ofObject: index) else { return }
            oracle.noteGrowth(of: volume, at: now)
            cloud.change { $0.growRecord(of: volume.description, byBytes: 1 << 30) }
        case .copyName(let index):
            cloud.change {
                _ = $0.addVolume(
                    name: "volume-\(index)", zone: CloudFace.zone, account: "admin", sizeInBytes: 1 << 30,
                    offering: CloudFace.offering, now: milliseconds)
            }
        case .stopMachine(let machine), .startMachine(let machine), .destroyMachine(let machine):
            let command =
                switch act {
                case .stopMachine: "stopVirtualMachine"
                case .startMachine: "startVirtualMachine"
                default: "destroyVirtualMachine"
                }
            if case .startMachine = act { oracle.noteStart(of: CloudFace.machine(machine), at: now) }
            cloud.change {
                _ = $0.callByHand(command, ["id": CloudFace.machine(machine).description], now: milliseconds)
            }
        default:
            // The hypervisor goes on with what it has begun, and nobody asks it how that ended.
            for happening in calendar.happenings {
                switch happening {
                case .hypervisor(let order): VolumeID(order.disk.volume).map { oracle.noteAstray($0) }
                case .hypervisorEnded(_, let volume): oracle.noteAstray(volume)
                default: break
                }
            }
            cloud.change { $0.restartManagementServer(now: milliseconds) }
        }
        followCloud()
    }

    /// What a person can do to CloudStack that no volume's owner would.
    private mutating func misconfigure(_ act: Act) {
        switch act {
        case .loseMachine(let machine):
            let id = CloudFace.machine(machine).description
            cloud.change { $0.expungeMachine(id) }
        case .setState(let index, let state):
            guard let volume = volume(ofObject: index), !isRoot(index) else { return }
            // CloudStack neither destroys what is attached, nor attaches what was never uploaded.
            let canBeAttached = ["Ready", "Migrating"].contains(state)
            guard canBeAttached || cloud.volume(volume)?.machine == nil else { return }
            cloud.change { $0.setState(state, of: volume.description) }
        case .limitDisks(let count): cloud.change { $0.dataDiskLimit = count }
        default: break
        }
        followCloud()
    }

    private func isRoot(_ index: Int) -> Bool {
        switch plan.objects[index].reference {
        case .root, .rootDisk: true
        case .id, .name, .created, .sameAsFirst: false
        }
    }

    mutating func setMount(_ index: Int, _ isMounted: Bool) {
        guard let volume = volume(ofObject: index), let disk = kernel.disks(of: volume).first else { return }
        if isMounted { mount(disk) } else { kernel.change(disk.name) { $0.mountedAt = nil } }
    }

    /// A mount opens exclusively: it fails on what hawserd holds.
    mutating func mount(_ disk: Kernel.Disk) {
        guard disk.heldBy == nil, !disk.isForged else { return }
        note("  \(disk.name) is mounted")
        kernel.change(disk.name) { [now] disk in disk.mountedAt = now }
        // Nobody holds a disk for a process that has died, until the next one has begun.
        if worker.map({ daemons[$0].pausedUntil != nil }) ?? true { oracle.noteUnwatchedMount(of: disk.sequence) }
    }

    private mutating func exportWithoutHawser(_ index: Int) {
        guard let volume = volume(ofObject: index), let disk = kernel.disks(of: volume).first,
            let name = ExportName("export-\(index)")
        else { return }
        exports.addForeign(name, sequence: disk.sequence)
        tellAll(.exports, after: .milliseconds(5))
    }

    /// While udev has not looked, its links lead to the other's disk; whoever connects now, lands there.
    private mutating func replug(_ one: Int, _ other: Int) {
        let volumes = [one, other].compactMap { volume(ofObject: $0) }
        let before = Set(volumes).flatMap { kernel.disks(of: $0) }.sorted { $0.name < $1.name }
        guard before.count == 2, before.allSatisfy({ !$0.isMounted }) else { return }
        let isHeld = before.contains { $0.heldBy != nil }
        guard !isHeld else { return }
        replugAt = now
        for disk in before { takeOut(disk) }
        for disk in before.reversed() {
            let name = kernel.plug(disk.volume, sizeInBytes: disk.sizeInBytes)
            note("  kernel: \(name) is \(disk.volume)")
        }
        for name in Set(before.map(\.name)).union(kernel.disks.keys).sorted() {
            calendar.add(.udev(name: name), at: now + chance.within(.milliseconds(200) ... .seconds(8)))
        }
        for client in clients.keys.sorted() where clients[client]?.isConnected == false { connect(client) }
    }

    private mutating func removeForgedDisks() {
        for disk in kernel.inOrder where disk.isForged {
            oracle.noteTwinGone(disk.serial, at: now)
            takeOut(disk)
            askUdev(disk.name)
        }
    }

    private mutating func setManifestTrouble(_ trouble: String?) {
        for daemon in daemons where daemon.isBegun {
            deliver(.manifestsFollowed(trouble: trouble), to: daemon.process)
        }
    }

    // MARK: Bad luck

    private mutating func strike(_ act: Act) {
        guard isTroubled else { return }
        counts.faults += 1
        switch act {
        case .fault(let fault, let seconds):
            calendar.add(.faultIsOver(fault), at: now + .seconds(seconds))
            if fault.kind == .staleList { cloud.change { $0.freezeListing() } }
            oracle.noteListing(under: fault, at: now)
            cloud.change { $0.faults.append(fault) }
            if fault.kind == .lateDetach || fault.kind == .deviceNeverAppears { oracle.noteLies() }
        case .kill(let seconds):
            kill(struck(seconds), startsAgainAfter: .milliseconds(100) + .seconds(seconds))
        case .pause(let seconds): pause(struck(seconds), for: .seconds(seconds))
        case .stop(let seconds):
            if let worker { tellToStop(daemons[worker].process, startsAgainAfter: seconds) }
        case .stopInHand: stopsBeforeNextEffect = plan.daemons > 1
        case .dieInCall(let seconds): diesInCall = .seconds(seconds)
        case .stopUnread(let index): stopsUnread = plan.daemons > 1 ? index : nil
        case .cutOff(let seconds): cutOff(for: .seconds(seconds))
        case .slowAnswers(let percent, let seconds):
            guard let worker else { return }
            let delay = plan.leaseLifetime * percent / 100
            slowness = (daemons[worker].process, delay, now + .seconds(seconds))
        case .hideExports(let seconds):
            exports.isListingBroken = true
            calendar.add(.listingMended, at: now + .seconds(seconds))
        case .blind(let seconds): blindness = (now, now + .seconds(seconds))
        case .reboot(let seconds): reboot(takes: .seconds(seconds))
        case .storeAway(let seconds):
            store.isAway = true
            calendar.add(.storeBack, at: now + .seconds(seconds))
        case .serverDown(let seconds):
            stopServer()
            calendar.add(.serverBack, at: now + .seconds(seconds))
        case .loseDeviceEvents:
            tellAll(.device(.lost("the socket overflowed")), after: .zero)
            tellAll(.enumerate, after: .seconds(1))
        default: break
        }
    }

    /// Bad luck mostly strikes the one that works.
    private func struck(_ seconds: Int) -> Int { seconds % 4 == 0 ? seconds / 4 % daemons.count : worker ?? 0 }

    private mutating func reboot(takes duration: Duration) {
        for daemon in daemons.indices { kill(daemon, startsAgainAfter: duration) }
        for client in clients.keys { clients[client]?.isConnected = false }
        kernel.reboot(&chance)
        exports.reboot()
        for disk in kernel.inOrder { askUdev(disk.name) }
        // A clock that was wrong is set at the next start of the machine.
        clockError = chance.chance(0.3) ? chance.within(.seconds(-3_600) ... .seconds(3_600)) : .zero
        if clockError != .zero { oracle.noteWrongClock() }
    }

    /// Bad luck ends, and nobody changes desired state any more.
    mutating func calmDown() {
        isTroubled = false
        note("the world calms down")
        cloud.change { world in
            world.faults = []
            world.thawListing()
        }
        if store.isAway { storeIsBack() }
        if !exports.isRunning { startServer() }
        for disk in kernel.inOrder { kernel.change(disk.name) { $0.mountedAt = nil } }
        removeForgedDisks()
        blindness = nil
        mendListing()
        stopsBeforeNextEffect = false
        diesInCall = nil
        stopsUnread = nil
        slowness = nil
        for daemon in daemons.indices { daemons[daemon].cutOffUntil = nil }
        cloud.change { $0.dataDiskLimit = 32 }
        setManifestTrouble(nil)
        hasLastWord = true
        tellAll(.desired, after: .milliseconds(1))
        if policy.mode == .observe {
            // A person starts it anew, to act from now on.
            policy.mode = .enforce
            for daemon in daemons.indices { kill(daemon, startsAgainAfter: .seconds(1)) }
        }
    }

    /// The change feed tells of what could not be read meanwhile.
    mutating func storeIsBack() {
        store.isAway = false
        note("the store is back")
        tellAll(.desired, after: .milliseconds(1))
    }
}

extension CloudWorld {
    /// A call of somebody else's.
    fileprivate mutating func callByHand(_ command: String, _ values: [String: String], now: Int64) -> Answer {
        guard let root = accounts.first else { preconditionFailure("a world without accounts") }
        return call(command, values, by: root, now: now)
    }
}
