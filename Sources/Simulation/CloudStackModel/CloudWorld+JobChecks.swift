/// The checks that run inside a job before it waits for its turn.
extension CloudWorld {
    /// The checks that run inside the job before it waits, in CloudStack's order.
    ///
    /// - Returns: the machine in whose queue the work is done; `nil` for none.
    func check(_ job: Job, _ parameters: Parameters) throws(APIError) -> String? {
        switch job.command {
        case "attachVolume": try checkAttach(parameters)
        case "detachVolume": try checkDetach(parameters, by: job.account)
        case "destroyVolume": try checkDestroy(parameters)
        case "resizeVolume": try checkResize(parameters)
        case "startVirtualMachine": try checkStart(job)
        case "stopVirtualMachine", "destroyVirtualMachine", "deployVirtualMachine": job.instance
        case "createTags": try checkTags(parameters)
        default: nil
        }
    }

    private func checkAttach(_ parameters: Parameters) throws(APIError) -> String? {
        let volume = try volume(parameters)
        let machineID = try parameters.required("virtualmachineid")
        guard volume.type == "ROOT" || volume.type == "DATADISK" else {
            throw .parameter("Please specify a volume with the valid type: ROOT or DATADISK")
        }
        guard volume.machine == nil else { throw .parameter("Please specify a volume that is not attached to any VM.") }
        guard volume.state != "Destroy" else { throw .parameter("Please specify a volume that is not destroyed.") }
        guard ["Allocated", "Ready", "Uploaded"].contains(volume.state) else {
            throw .parameter("Volume state must be in Allocated, Ready or in Uploaded state")
        }
        guard let machine = machine(machineID) else { throw .parameter("Please specify a valid User VM.") }
        guard machine.state == "Running" || machine.state == "Stopped" else {
            throw .parameter("Please specify a VM that is either running or stopped.")
        }
        guard machine.zone == volume.zone else {
            throw .parameter("Please specify a VM that is in the same zone as the volume.")
        }
        let deviceID = try parameters.number("deviceid")
        if deviceID == 0 {
            guard machine.state == "Stopped" else {
                throw .parameter("Root volume detach can happen only when vm is in states: Stopped or Destroyed")
            }
            guard !attached(to: machineID).contains(where: { $0.deviceID == 0 }) else {
                throw .parameter("Vm already has root volume attached to it")
            }
        }
        let dataDisks = attached(to: machineID).count { $0.type == "DATADISK" }
        guard deviceID == 0 || dataDisks < dataDiskLimit else {
            throw .parameter(
                "The specified VM already has the maximum number of data disks (\(dataDiskLimit)) attached. "
                    + "Please specify another VM.")
        }
        let named = "\(machine.name)/\(machine.id)"
        guard !machine.hasSnapshots else {
            throw .parameter(
                "Unable to attach volume to VM \(named), please specify a VM that does not have VM snapshots")
        }
        guard !machine.hasBackups else {
            throw .parameter(
                "Unable to attach volume to VM \(named), please specify a VM that does not have any backups")
        }
        return machineID
    }

    private func checkDestroy(_ parameters: Parameters) throws(APIError) -> String? {
        let volume = try volume(parameters)
        guard !volume.hasSnapshotUnderWay else {
            throw .parameter("There are snapshot operations in progress on the volume, unable to delete it")
        }
        guard volume.machine == nil else {
            throw .parameter("Please specify a volume that is not attached to any VM.")
        }
        try checkProtection(volume)
        return nil
    }

    /// A detach by the volume's id alone has no check when it is submitted: whose volume it is, is asked here.
    private func checkDetach(_ parameters: Parameters, by account: String) throws(APIError) -> String? {
        let byID = parameters.text("id")
        let machineID = parameters.text("virtualmachineid")
        let deviceID = try parameters.number("deviceid")
        let volume: Volume
        if byID != nil, machineID == nil, deviceID == nil {
            volume = try self.volume(parameters)
        } else if byID == nil, let machineID, let deviceID {
            guard let found = attached(to: machineID).first(where: { $0.deviceID == deviceID }) else {
                throw .runtime("Index 0 out of bounds for length 0")
            }
            volume = found
        } else {
            throw .parameter("Please provide either a volume id, or a tuple(device id, instance id)")
        }
        guard accounts.contains(where: { $0.name == account && isVisible(volume.account, to: $0) }) else {
            throw .runtime(APIError.notPermitted.text)
        }
        guard let holder = volume.machine else { throw .parameter("The specified volume is not attached to a VM.") }
        guard let machine = machine(holder), ["Running", "Stopped", "Destroyed"].contains(machine.state) else {
            throw .parameter("Please specify a VM that is either running or stopped.")
        }
        guard volume.type != "ROOT" || machine.state == "Stopped" else {
            throw .parameter("Root volume detach can happen only when vm is in states: Stopped or Destroyed")
        }
        guard !machine.hasSnapshots else {
            throw .parameter("Unable to detach volume, please specify a VM that does not have VM snapshots")
        }
        guard !machine.hasBackups else {
            throw .parameter(
                "Unable to detach volume, cannot detach volume from a VM that has backups. First remove the VM from the "
                    + "backup offering or set the global configuration 'backup.enable.attach.detach.of.volumes' to true."
            )
        }
        return holder
    }

    private func checkResize(_ parameters: Parameters) throws(APIError) -> String? {
        let volume = try volume(parameters)
        guard volume.state == "Ready" || volume.state == "Allocated" else {
            throw .unsupported(
                "Volume should be in ready or allocated state before attempting a resize. Volume \(volume.id) is in state "
                    + "\(volume.state).")
        }
        let sizeInGiB = try parameters.number("size") ?? volume.sizeInBytes >> 30
        guard sizeInGiB <= 2_000 else {
            throw .unsupported("Requested volume size is \(sizeInGiB), but the maximum size allowed is 2000 GB.")
        }
        let size = max(0, sizeInGiB) << 30
        guard size >= volume.sizeInBytes || parameters.flag("shrinkok") == true else {
            throw .unsupported(
                "Going from existing size of \(volume.sizeInBytes) to size of \(size) would shrink the volume."
                    + "Need to sign off by supplying the shrinkok parameter with value of true.")
        }
        guard size >= volume.sizeInBytes || volume.state == "Allocated" else {
            throw .unsupported("Unable to shrink volumes of type QCOW2")
        }
        guard !volume.hasSnapshotUnderWay else {
            throw .runtime(
                "There is/are unbacked up snapshot(s) on this volume, resize volume is not permitted, please try again "
                    + "later.")
        }
        if let holder = volume.machine.flatMap({ machine($0) }), holder.hasSnapshots {
            throw .unsupported("A volume that is attached to a VM with any VM snapshots cannot be resized.")
        }
        do throws(APIError) {
            try checkLimits(of: volume.account, newVolumes: 0, newBytes: size - volume.sizeInBytes)
        } catch {
            // In a job only wrong parameters keep their code (`ApiAsyncJobDispatcher`).
            throw .runtime(error.text)
        }
        return volume.machine
    }

    private func checkStart(_ job: Job) throws(APIError) -> String? {
        if let machine = job.instance.flatMap({ machine($0) }), machine.state == "Running" {
            throw .parameter("The virtual machine \(machine.id) (\(machine.name)) is already running")
        }
        return job.instance
    }

    private func checkTags(_ parameters: Parameters) throws(APIError) -> String? {
        for id in parameters.list("resourceids") ?? [] {
            guard let volume = volumes[id] else { throw parameters.unknown("resourceids", id) }
            for tag in parameters.map("tags") where volume.tags.contains(where: { $0.key == tag.key }) {
                throw .runtime("tag \(tag.key) already on Volume with id \(volume.id)")
            }
        }
        return nil
    }

    private func volume(_ parameters: Parameters) throws(APIError) -> Volume {
        let id = try parameters.required("id")
        guard let volume = volumes[id], !volume.isRemoved else {
            throw .parameter("Unable to find volume with ID: \(volumes[id]?.number ?? 0)")
        }
        return volume
    }
}
