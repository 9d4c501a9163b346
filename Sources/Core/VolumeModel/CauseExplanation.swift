/// What `hawser explain` tells of a cause, without a daemon: what it means, the one command to look, and what to do.
public struct CauseExplanation: Sendable, Equatable {
    /// In one or two sentences.
    public var meaning: String
    /// The command that shows more.
    public var look: String
    /// What ends it, or what Hawser does by itself.
    public var remedy: String
}

extension CauseKind {
    public var explanation: CauseExplanation {
        let text = words
        return CauseExplanation(meaning: text.0, look: text.1, remedy: text.2)
    }

    private var words: (String, String, String) {
        switch self {
        // What people wrote
        case .invalidSpec:
            (
                "The row or object says something that cannot be read or cannot be. Nothing is done for it, not even a removal.",
                "hawser describe NAME", "Correct the field that the message names; the other objects go on meanwhile."
            )
        case .claimedTwice:
            (
                "Two objects mean the same volume. Neither is acted on, because nobody can tell which of them is right.",
                "hawser get attachments",
                "'hawser take-over NAME' lets NAME have the volume, and deletes the other without taking anything down."
            )
        case .serialShared:
            (
                "Two wanted volumes have ids with the same first 20 digits. A virtio disk tells no more than these, so that "
                    + "the two could be mistaken for one another.",
                "hawser get devices",
                "Keep only one of the two on this machine; a copy of the other has an id of its own."
            )
        case .exportNameTaken:
            (
                "The NBD server has an entry of this name that belongs to another volume, or that Hawser did not make and "
                    + "that does not lead to this volume's disk.",
                "hawser get exports", "Choose another export name, or remove the entry that is in the way."
            )
        case .rootHere:
            (
                "A volume is wanted as a root disk of this appliance. Hawser never touches the appliance's root disk.",
                "hawser describe NAME", "Name another machine in vm, or set attachAs to Data."
            )
        case .cannotShrink:
            (
                "The volume is larger than is wanted. Shrinking would cut data off, so it is never done.",
                "hawser describe NAME", "Write the size that the volume has, or a larger one."
            )
        case .manifestsUnreadable:
            (
                "The manifest directory that hawserd follows holds something that cannot be taken over. What was read last "
                    + "stays in force, whole.",
                "hawser validate -f DIRECTORY",
                "Correct the file and line that the message names; it is read again at once."
            )
        // What people allowed
        case .observeOnly:
            (
                "The object, or the whole node, is in mode Observe: what differs is reported and nothing is touched.",
                "hawser drift", "Set mode to Enforce on the object, or start hawserd with mode: Enforce."
            )
        case .suspended:
            (
                "Somebody set the object aside with 'hawser suspend'. Nothing is touched until it is resumed.",
                "hawser describe NAME", "hawser resume NAME"
            )
        case .deletionGrace:
            (
                "The object was deleted with deletionPolicy Delete. The volume's data goes when the grace period is over.",
                "hawser status", "To keep the data: hawser delete NAME --retain, or hawser protect NAME --reason WHY."
            )
        case .protected:
            (
                "The object was deleted with deletionPolicy Delete, and somebody has protected the volume.",
                "hawser get protections",
                "hawser unprotect VOLUME lets the deletion go on; hawser delete NAME --retain keeps the data and lets the "
                    + "object go."
            )
        case .notMadeHere:
            (
                "The volume should be deleted with its data, but no longer has the name that Hawser gave it: somebody else "
                    + "may have taken it over.",
                "hawser describe NAME", "hawser delete NAME --retain lets the object go and keeps the data."
            )
        case .braked:
            (
                "More volumes would be taken away within a short time than are allowed without a person's approval. All such "
                    + "removals wait, whatever they follow from; everything else goes on.",
                "hawser brake",
                "hawser brake approve BATCH lets just that batch go. What was not meant is applied again; then it is no "
                    + "longer held."
            )
        // CloudStack
        case .cloudUnreachable:
            (
                "CloudStack does not answer, or answers with an error that passes. Exports stay as they are; nothing that "
                    + "needs fresh evidence is done.",
                "hawser doctor", "See that the management server runs and can be reached; Hawser tries again by itself."
            )
        case .listingIncomplete:
            (
                "CloudStack's list of all volumes or of all machines does not agree with its own count, or holds a row that "
                    + "makes no sense. What it holds is used; what it lacks is taken for gone by nobody.",
                "hawser doctor",
                "It is listed anew at each resync. When it lasts, look at the row that the message names."
            )
        case .cloudNotReadYet:
            (
                "Hawser has just started and has not read CloudStack's volumes and machines yet.", "hawser status",
                "Nothing: it is over when the first listing is complete."
            )
        case .notAllowed:
            (
                "CloudStack refuses the API key, its signature, or the right to make this call.", "hawser doctor",
                "Give the account's role the call that the message names, or correct the key; Hawser tries again every few "
                    + "minutes, and at once after 'hawser reconcile NAME'."
            )
        case .requestRefused:
            (
                "CloudStack says that this request can never succeed as it is.", "hawser get operations",
                "Change what the object wants; the message has CloudStack's own words."
            )
        case .limitReached:
            (
                "A limit of the account, the machine (its data disks) or the storage is reached.", "hawser doctor",
                "Make room or raise the limit; Hawser tries again every few minutes, and at once after 'hawser reconcile NAME'."
            )
        case .volumeNotFound:
            (
                "No volume of this name is in the zone, or the zone does not exist.", "hawser get volumes",
                "Correct the name or the zone, or name the volume by its id."
            )
        case .volumeNameAmbiguous:
            (
                "Several volumes have this name. Names are not unique in CloudStack, and guessing could attach another's disk.",
                "hawser get volumes", "Name the volume by its id."
            )
        case .volumeGone:
            (
                "CloudStack says that the volume does not exist any more, in an exact read of this one id.",
                "hawser get events", "Recover it in CloudStack if it was destroyed by mistake, or delete the object."
            )
        case .recordsDisagree:
            (
                "CloudStack denies a volume whose disk is in this machine. One of the two is wrong, and the data may be in "
                    + "use, so nothing is changed.",
                "hawser describe NAME",
                "Find out in CloudStack what became of the volume before anything is detached by hand."
            )
        case .volumeTransitional:
            (
                "CloudStack is at work on the volume: a snapshot, a migration, a resize.", "hawser describe NAME",
                "Nothing: Hawser looks again. A volume that stays so for hours needs CloudStack's operator."
            )
        case .volumeUnusable:
            (
                "The volume is in a state in which CloudStack attaches nothing, such as UploadError.",
                "hawser get volumes",
                "Repair the volume in CloudStack, or name another."
            )
        case .rootVolume:
            (
                "The volume is the root disk of a machine. Hawser manages data disks; a root disk only when the object says "
                    + "attachAs: Root.",
                "hawser get volumes", "Name a data disk, or set attachAs to Root for another, stopped machine."
            )
        case .machineNotFound:
            (
                "The machine that the object names does not exist, or the name is that of several.",
                "hawser describe NAME",
                "Correct vm: a machine's id, a name that is the only one, or self."
            )
        case .machineTransitional:
            (
                "The machine is starting, stopping or migrating; CloudStack attaches nothing meanwhile.",
                "hawser describe NAME", "Nothing: Hawser looks again."
            )
        case .machineUnusable:
            (
                "The machine is destroyed or in an error state.", "hawser describe NAME",
                "Repair the machine in CloudStack, or name another."
            )
        case .machineNotStopped:
            (
                "A root disk is attached and detached only while its machine is stopped.", "hawser describe NAME",
                "Stop the machine; Hawser goes on when it sees it stopped."
            )
        case .machineHasRoot:
            (
                "The machine that the volume is to be the root disk of has one already.", "hawser get volumes",
                "Detach the root disk that is there in CloudStack; Hawser does not."
            )
        case .zoneMismatch:
            (
                "The volume and the machine are in different zones; CloudStack cannot attach across zones.",
                "hawser describe NAME", "Name a machine in the volume's zone, or copy the volume."
            )
        case .heldElsewhere:
            (
                "Another machine holds the volume. Whether it is in use there cannot be seen from here, so it is not taken away.",
                "hawser describe NAME", "Stop that machine, or detach the volume there; Hawser goes on when it sees it."
            )
        case .holderMissing:
            (
                "CloudStack's record ties the volume to a machine that, by an exact read, does not exist. The record contradicts "
                    + "itself, and a disk that is lost in it may still be written to, so nothing is changed.",
                "hawser describe NAME",
                "CloudStack's operator finds out what became of the machine and detaches the volume; Hawser goes on when it sees it."
            )
        case .foreignJob:
            (
                "A job that Hawser did not start is at work on the volume; a second change now could undo it, or be undone.",
                "hawser describe NAME", "Nothing: Hawser waits for its end."
            )
        // Steps under way
        case .working:
            ("A step is under way.", "hawser get operations", "Nothing: Hawser goes on when it has ended.")
        case .looking:
            (
                "Something is being read, because the next step needs fresh evidence.", "hawser describe NAME",
                "Nothing: it is over in a moment."
            )
        case .waitingForJob:
            (
                "CloudStack took the call and works on it as a job.", "hawser get operations",
                "Nothing: Hawser asks for the job until it has ended. One that hangs needs CloudStack's operator."
            )
        case .answerLost:
            (
                "A call was sent and its answer was lost: it may have had its effect. It is not repeated before Hawser knows.",
                "hawser get operations", "Nothing: Hawser asks CloudStack for the job that it gave the call."
            )
        case .backingOff:
            (
                "A step or a read failed, and is tried again after a while.", "hawser describe NAME",
                "Nothing, or 'hawser reconcile NAME' to try at once."
            )
        case .queued:
            (
                "As many operations as are allowed at once are under way.", "hawser get operations",
                "Nothing: it is its turn when one of them has ended."
            )
        case .contested:
            (
                "Somebody else keeps undoing what Hawser does for the object: another automation, or a person. The message names "
                    + "both sides, as far as CloudStack's event list tells. Hawser repairs it again, ever more slowly.",
                "hawser describe NAME",
                "Agree whose the volume is: end the other automation, or 'hawser suspend NAME --reason WHY', or delete the "
                    + "object. 'hawser reconcile NAME' tries at once."
            )
        // Devices
        case .devicesNotReadYet:
            (
                "The machine's block devices have not been enumerated yet, or udev cannot be heard for now.",
                "hawser doctor", "Nothing, unless it lasts: see that udevd runs."
            )
        case .waitingForDevice:
            (
                "CloudStack says attached; the kernel has not shown a device with the volume's serial yet.",
                "hawser get devices", "Nothing: Hawser goes on at the device's event."
            )
        case .deviceMissing:
            (
                "CloudStack says attached, and no device with the volume's serial came in time.", "hawser get devices",
                "Look at the machine's disks on the hypervisor; detaching and attaching the volume in CloudStack mostly helps."
            )
        case .deviceLingers:
            (
                "CloudStack says detached, and the disk is still in this machine: the unplug is late, or the record is wrong.",
                "hawser get devices", "Nothing, unless it lasts: then look at the machine's disks on the hypervisor."
            )
        case .waitingForGrowth:
            (
                "The volume was grown in CloudStack; the kernel has not shown the new size yet. The export goes on with the "
                    + "old one.",
                "hawser get devices", "Nothing: Hawser goes on at the device's event."
            )
        case .growthMissing:
            (
                "The volume was grown in CloudStack, and the device did not follow. The export goes on with the old size.",
                "hawser get devices",
                "Let the hypervisor tell the machine the new size, or detach and attach the volume when nobody uses it."
            )
        case .serialSeenTwice:
            (
                "Two devices of this machine give the same serial, so that neither is proven to be the volume.",
                "hawser get devices", "Detach the one that is not the volume."
            )
        case .deviceMismatch:
            (
                "The device that has the volume's serial is not what CloudStack describes (size, read-only), or could not be "
                    + "opened. Nothing is exported from it.",
                "hawser get devices", "Compare the device with the volume in CloudStack before anything else."
            )
        // Use
        case .inUseByClients:
            (
                "The volume is to be taken away, and NBD clients are connected. No time-out ever overrides this.",
                "hawser get exports",
                "Disconnect the clients; or allow just this removal: hawser override NAME --allow-in-use --reason WHY "
                    + "--expires 10m"
            )
        case .inUseLocally:
            (
                "The volume is to be taken away, and this machine uses it: mounted, swap, held by another device, or opened "
                    + "exclusively.",
                "hawser describe NAME",
                "End that use; or allow just this removal: hawser override NAME --allow-in-use --reason WHY --expires 10m"
            )
        case .useUndetermined:
            (
                "The volume is to be taken away, and it cannot be told whether it is in use. That counts as in use.",
                "hawser doctor",
                "Repair what the message names; or allow just this removal: hawser override NAME --allow-in-use --reason WHY "
                    + "--expires 10m"
            )
        // Exports
        case .exportServerDown:
            (
                "The NBD server cannot be reached. Attachments go on; exports wait.", "hawser doctor",
                "Start the server; Hawser notices it by itself."
            )
        case .waitingForExport:
            (
                "The export was written; the live server does not offer it yet.", "hawser get exports",
                "Nothing, unless it lasts: look at the NBD server's log."
            )
        // Hawser itself
        case .storeUnavailable:
            (
                "The store cannot be read or written, so no step can be recorded, and none is taken. Exports stay as they are.",
                "hawser doctor", "Make room on the disk, or repair what the message names; Hawser goes on by itself."
            )
        case .leaseUnproven:
            (
                "The shared store did not confirm lately that this hawserd still holds its node's lease. Somebody else could "
                    + "take it over, so nothing is changed until it does.",
                "hawser doctor", "See that the database can be reached; Hawser goes on by itself."
            )
        case .leaseHeldElsewhere:
            (
                "Another hawserd reconciles this node. This one waits, and takes over when that one ends or is silent.",
                "hawser status", "Nothing; end one of the two if both were started by mistake."
            )
        case .stopping:
            ("hawserd is ending and begins no further step.", "hawser status", "Start it again.")
        }
    }
}
