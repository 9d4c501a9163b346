import CloudStackModel
import VolumeModel

/// Something that people, other programs or bad luck do to the world. Objects, volumes and clients are named by their place
/// in the plan, so that an act means the same when others are left out.
enum Act: Sendable, Equatable {
    // People and desired state
    case want(Int)
    case delete(Int)
    case move(Int, to: Int)
    case export(Int, Bool)
    case readOnly(Int, Bool)
    case size(Int, gibibytes: Int64)
    case suspend(Int, seconds: Int?)
    case resume(Int)
    case observe(Int, Bool)
    case allowInUse(Int)
    case protect(Int, Bool)
    case swapNames(Int, Int)
    /// By no person's word for any of them.
    case deleteAll
    /// One object, by no person's word.
    case vanish(Int)
    case moveAll(to: Int)
    case approveHeld
    case reconcile
    /// By a machine's name, which may be none's.
    case moveToName(Int, String)
    /// Somebody writes into the object's row what cannot be read, and puts it right.
    case garble(Int, Bool)
    case manifestsUnreadable(Bool)
    // Other hands in CloudStack
    case detachByHand(Int)
    case contend(Int, every: Int, times: Int)
    case attachByHand(Int, to: Int)
    case deleteByHand(Int)
    case renameByHand(Int)
    /// CloudStack's record grows, and the disk does not.
    case growRecord(Int)
    case copyName(Int)
    case stopMachine(Int)
    case startMachine(Int)
    case destroyMachine(Int)
    /// CloudStack no longer knows of a machine that volumes are attached to.
    case loseMachine(Int)
    /// CloudStack says that the volume is in another state, such as `Migrating`.
    case setState(Int, String)
    /// How many data disks a machine may have.
    case limitDisks(Int)
    // On the appliance
    /// Two disks are plugged out, and in again under each other's kernel names, before udev has looked.
    case replug(Int, Int)
    /// A disk that is not the volume's and has its serial.
    case forgeDisk(Int)
    case removeForgedDisks
    case cutDisk(Int)
    /// The links of one disk say that it is another.
    case lieOfLinks(Int, Int)
    /// The disk cannot be written, until it is plugged in anew.
    case writeProtect(Int)
    /// Somebody makes the export of an object lead to what is no disk.
    case mislead(Int)
    case mount(Int)
    case unmount(Int)
    case foreignExport(Int)
    case connect(client: Int)
    case disconnect(client: Int)
    // Bad luck
    case fault(Fault, seconds: Int)
    case restartManagementServer
    case kill(seconds: Int)
    case stop(seconds: Int)
    /// Nobody can tell who uses a device.
    case blind(seconds: Int)
    case pause(seconds: Int)
    /// Of several hawserd the one that works is stopped with its next effect in hand, for longer than its lease.
    case stopInHand
    /// hawserd dies as soon as it has sent its next mutation, which takes long; before it starts again, the clock is set.
    case dieInCall(clock: Int)
    /// Of several hawserd the one that works is stopped with an answer about its lease unread, for longer than that; just
    /// before it goes on, the object is unmounted.
    case stopUnread(Int)
    /// Of several hawserd the one that works cannot reach the store any more.
    case cutOff(seconds: Int)
    /// What the hawserd that works asks of the store is done at once, and answered after so much of the lease's lifetime.
    case slowAnswers(percent: Int, seconds: Int)
    /// The exports cannot be listed as a whole.
    case hideExports(seconds: Int)
    case reboot(seconds: Int)
    case storeAway(seconds: Int)
    case serverDown(seconds: Int)
    case loseDeviceEvents
}

extension Act {
    /// The volumes that somebody changes in CloudStack.
    var volumes: [Int] {
        switch self {
        case .detachByHand(let volume), .attachByHand(let volume, _), .deleteByHand(let volume),
            .renameByHand(let volume), .growRecord(let volume):
            [volume]
        default: []
        }
    }
}

extension Act: CustomStringConvertible {
    var description: String {
        switch self {
        case .want(let object): "a person applies object \(object)"
        case .delete(let object): "a person deletes object \(object)"
        case .move(let object, let machine): "a person moves object \(object) to machine \(machine)"
        case .export(let object, let isWanted): "a person wants \(isWanted ? "an" : "no") export of object \(object)"
        case .readOnly(let object, let isReadOnly):
            "a person wants object \(object) \(isReadOnly ? "read-only" : "writable")"
        case .size(let object, let size): "a person wants \(size) GiB for object \(object)"
        case .suspend(let object, let seconds):
            "a person suspends object \(object)" + (seconds.map { " for \($0) s" } ?? "")
        case .resume(let object): "a person resumes object \(object)"
        case .observe(let object, let isOn): "a person sets object \(object) to \(isOn ? "Observe" : "Enforce")"
        case .allowInUse(let object): "a person allows the removal of object \(object) although it is in use"
        case .protect(let object, let isOn): "a person \(isOn ? "protects" : "no longer protects") object \(object)"
        case .swapNames(let one, let other): "a person swaps the export names of objects \(one) and \(other)"
        case .deleteAll: "all objects vanish at once"
        case .vanish(let object): "object \(object) vanishes"
        case .moveAll(let machine): "all objects are wanted on machine \(machine) at once"
        case .approveHeld: "a person approves the removals that are on hold"
        case .reconcile: "a person asks to look again"
        case .garble(let object, let isOn): "the row of object \(object) \(isOn ? "cannot be read" : "is put right")"
        case .manifestsUnreadable(let isOn): "the manifests \(isOn ? "cannot be read" : "are put right")"
        case .replug(let one, let other): "the disks of volumes \(one) and \(other) change places"
        case .forgeDisk(let volume): "another disk appears with the serial of volume \(volume)"
        case .removeForgedDisks: "the disks with a serial that is not theirs are taken out"
        case .cutDisk(let volume): "the disk of volume \(volume) shrinks"
        case .lieOfLinks(let one, let other): "the links of the disk of volume \(one) say that it is volume \(other)"
        case .stop(let seconds): "hawserd is stopped in good order, and started \(seconds) s later"
        case .blind(let seconds): "for \(seconds) s: nobody can tell who uses a device"
        case .detachByHand(let volume): "somebody detaches volume \(volume) by hand"
        case .contend(let volume, let seconds, let times):
            "another automation detaches volume \(volume), and \(times - 1) times more every \(seconds) s"
        case .attachByHand(let volume, let machine): "somebody attaches volume \(volume) to machine \(machine) by hand"
        case .deleteByHand(let volume): "somebody deletes volume \(volume) by hand"
        case .renameByHand(let volume): "somebody renames volume \(volume)"
        case .growRecord(let volume): "CloudStack's record of volume \(volume) grows, and no disk does"
        case .copyName(let volume): "somebody makes another volume named as volume \(volume)"
        case .stopMachine(let machine): "somebody stops machine \(machine)"
        case .startMachine(let machine): "somebody starts machine \(machine)"
        case .loseMachine(let machine): "CloudStack loses machine \(machine)"
        case .setState(let volume, let state): "volume \(volume) becomes \(state)"
        case .limitDisks(let count): "a machine may have \(count) data disks"
        case .destroyMachine(let machine): "somebody destroys machine \(machine)"
        case .moveToName(let object, let name): "a person moves object \(object) to the machine named \(name)"
        case .writeProtect(let volume): "the disk of volume \(volume) becomes read-only"
        case .mislead(let object): "somebody makes the export of object \(object) lead to a file"
        case .mount(let volume): "somebody mounts volume \(volume) on the appliance"
        case .unmount(let volume): "somebody unmounts volume \(volume)"
        case .foreignExport(let volume): "somebody exports volume \(volume) without Hawser"
        case .connect(let client): "client \(client) connects"
        case .disconnect(let client): "client \(client) disconnects"
        case .fault(let fault, let seconds):
            "for \(seconds) s: CloudStack's fault \(fault.kind.rawValue)"
                + (fault.probability.map { ", one time in \(Int((1 / max($0, 0.001)).rounded()))" } ?? "")
        case .restartManagementServer: "the management server restarts"
        case .kill(let seconds): "hawserd is killed, and started \(seconds) s later"
        case .pause(let seconds): "hawserd is stopped for \(seconds) s"
        case .stopInHand: "hawserd is stopped with its next effect in hand"
        case .dieInCall(let seconds): "hawserd is to die with a call under way, and the clock to be set by \(seconds) s"
        case .stopUnread(let object):
            "hawserd is to be stopped with an answer about its lease unread, until object \(object) is unmounted"
        case .cutOff(let seconds): "for \(seconds) s: hawserd cannot reach the store, and another can"
        case .slowAnswers(let percent, let seconds):
            "for \(seconds) s: the store answers after \(percent) % of a lease"
        case .hideExports(let seconds): "for \(seconds) s: the exports cannot be listed"
        case .reboot(let seconds): "the appliance reboots, which takes \(seconds) s"
        case .storeAway(let seconds): "the store is away for \(seconds) s"
        case .serverDown(let seconds): "the NBD server is down for \(seconds) s"
        case .loseDeviceEvents: "the kernel drops device events"
        }
    }
}
