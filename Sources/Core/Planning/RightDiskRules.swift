public import VolumeModel

/// RIGHT-DISK: which device an export may serve, and what to do with a name that leads elsewhere.
///
/// These rules come before every other and are never kept waiting: a name that leads to a wrong or vanished disk is
/// withdrawn at once, for new clients, and a session proven to be on a wrong disk is cut.
public enum RightDiskRules {
    /// The one device that is the volume, or why there is none.
    public enum Verdict: Sendable, Equatable {
        case right(DeviceRecord, DeviceIdentity)
        /// Devices have not been enumerated.
        case unknown
        /// No device has the serial.
        case missing
        case refused(Cause)
    }

    public static func verdict(_ view: VolumeView) -> Verdict {
        let devices: [DeviceRecord]
        switch view.devices {
        case .unknown: return .unknown
        case .absent: return .missing
        case .present(let seen): devices = seen
        }
        if devices.count > 1 { return .refused(.serialSeenTwice(devices.map(\.kernelName).sorted())) }
        guard let device = devices.first, let identity = device.identity else { return .missing }
        if let other = view.serialSharedWith { return .refused(.serialShared(with: other)) }
        guard device.sizeInBytes > 0 else { return .missing }
        if let volume = view.cloud.fact.value, device.sizeInBytes < volume.sizeInBytes,
            !isGrowing(identity, view)
        {
            return .refused(
                .deviceMismatch(
                    "\(device.kernelName) has \(device.sizeInBytes) bytes where CloudStack says \(volume.sizeInBytes)"))
        }
        return .right(device, identity)
    }

    /// The very disk that was proven before, not yet as large as CloudStack now says: the volume was grown, and the device
    /// has not followed yet.
    private static func isGrowing(_ identity: DeviceIdentity, _ view: VolumeView) -> Bool {
        guard let proven = view.proven else { return false }
        return identity.serial == proven.serial && identity.number == proven.number
            && identity.diskSequence == proven.diskSequence && identity.sizeInBytes >= proven.sizeInBytes
    }

    /// Whether CloudStack was asked about the volume by itself, after its right device had come, and said that it is attached
    /// here, and no larger. What was said before tells nothing of a disk that came later: the volume can have been detached and
    /// grown since, and another disk show its serial and the size that it had.
    public static func isMatched(_ identity: DeviceIdentity, _ view: VolumeView) -> Bool {
        if let matched = view.matched {
            // The very disk, in the very plugging-in.
            if identity.serial == matched.serial && identity.number == matched.number
                && identity.diskSequence == matched.diskSequence
            {
                return true
            }
        }
        guard isRecordOfDevice(view), let volume = view.cloud.value else { return false }
        return volume.attachedTo == view.here && identity.sizeInBytes >= volume.sizeInBytes
    }

    /// The one device of the serial, when it was proven to be the volume in this very plugging-in, before another volume with that
    /// serial was claimed.
    private static func matchedDevice(_ view: VolumeView) -> DeviceRecord? {
        guard case .present(let devices) = view.devices, devices.count == 1, let device = devices.first,
            let identity = device.identity, let matched = view.matched, identity == matched
        else { return nil }
        return device
    }

    private static func isRecordOfDevice(_ view: VolumeView) -> Bool {
        view.cloud.proof == .exact && view.cloud.asked >= view.devicesChangedAt
    }

    /// Whether the volume has come here, by what is known, and CloudStack is still to be asked for its device.
    static func lacksMatch(_ view: VolumeView) -> Bool {
        guard view.cloud.value?.attachedTo == view.here, case .right(_, let identity) = verdict(view) else {
            return false
        }
        return !isMatched(identity, view)
    }

    /// What keeps a right device from being served: the record is read for it, and after that the device has to be as large,
    /// also where it is taken to be growing.
    static func match(
        _ identity: DeviceIdentity, _ view: VolumeView, volume: VolumeRecord, now: Instant, policy: Policy
    ) -> Decision? {
        if isMatched(identity, view) { return nil }
        guard isRecordOfDevice(view) else { return readRecord(view, of: volume.id, now: now, policy: policy) }
        let text = "the disk has \(identity.sizeInBytes) bytes where CloudStack says \(volume.sizeInBytes)"
        return VolumeRules.revisit(view, id: volume.id, cause: .deviceMismatch(text), now: now, policy: policy)
    }

    private static func readRecord(_ view: VolumeView, of volume: VolumeID, now: Instant, policy: Policy) -> Decision {
        let age = now - view.cloud.answered
        return .look(
            .volume(volume),
            lacking: view.cloud.proof == .exact
                ? .outdated(age: age) : .onlyListed(age: age, limit: policy.evidenceLifetime))
    }

    /// For a device that is larger than its volume by more than rounding explains: what is served goes on, and nothing is
    /// done with it before somebody has found out which of the two sizes is wrong. A device can show a growth before
    /// CloudStack's record does, so that the record is read after the device has changed.
    static func oversize(
        _ view: VolumeView, device: DeviceRecord, volume: VolumeRecord, now: Instant, policy: Policy
    ) -> Decision? {
        guard isOversized(device, volume) else { return nil }
        guard isRecordOfDevice(view) else { return readRecord(view, of: volume.id, now: now, policy: policy) }
        let text = "\(device.kernelName) has \(device.sizeInBytes) bytes where CloudStack says \(volume.sizeInBytes)"
        return VolumeRules.revisit(view, id: volume.id, cause: .deviceMismatch(text), now: now, policy: policy)
    }

    /// Whether a device is larger than its volume by more than rounding explains.
    public static func isOversized(_ device: DeviceRecord, _ volume: VolumeRecord) -> Bool {
        let rounding = GrowthRules.roundingInBytes
        return device.sizeInBytes > (volume.sizeInBytes + rounding - 1) / rounding * rounding
    }

    /// What has to be withdrawn or cut before anything else is thought about.
    public static func guardExports(_ view: VolumeView) -> Decision? {
        let verdict = verdict(view)
        for entry in entries(of: view) {
            if let decision = guardEntry(entry, verdict: verdict, view: view) { return decision }
        }
        return nil
    }

    /// Whether a step is what ``guardExports(_:)`` asks for.
    public static func isGuard(_ step: Step, _ view: VolumeView) -> Bool {
        if case .act(step, _)? = guardExports(view) { true } else { false }
    }

    /// Every entry that a client could take for this volume.
    private static func entries(of view: VolumeView) -> [ExportEntry] {
        if let entry = view.export.fact.value { [entry] + view.staleExports } else { view.staleExports }
    }

    private static func guardEntry(_ entry: ExportEntry, verdict: Verdict, view: VolumeView) -> Decision? {
        let device: DeviceRecord?
        switch verdict {
        case .unknown: return nil
        case .right(let record, _): device = record
        // Whoever claims a volume with the same serial now does not make another disk of the one that is served.
        case .refused(.serialShared): device = matchedDevice(view)
        case .missing, .refused: device = nil
        }
        switch entry.target {
        case .device(let number, _):
            if let device, entry.leads(to: device) {
                guard entry.strayedSessions > 0 else { return nil }
                return .act(
                    .cutStrayedSessions(of: entry.name, provenOn: device.number),
                    because: "\(entry.strayedSessions) sessions are on another disk")
            }
            return .act(
                .withdraw(entry.name, of: entry.owner, leadingTo: entry.target),
                because: "the name leads to device \(number), which is not proven to be the volume's")
        case .nothing:
            guard case .hawser = entry.owner else { return nil }
            return .act(
                .withdraw(entry.name, of: entry.owner, leadingTo: entry.target),
                because: "the device behind the name is gone")
        case .other(let found):
            guard case .hawser = entry.owner else { return nil }
            return .act(
                .withdraw(entry.name, of: entry.owner, leadingTo: entry.target), because: "the name leads to \(found)")
        }
    }
}
