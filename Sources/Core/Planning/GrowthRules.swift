public import VolumeModel

/// Growing a volume that agrees in everything but its size. It never shrinks.
public enum GrowthRules {
    /// Some storage drivers round sizes up (PowerFlex to 8 GiB): what is larger than wanted by less than this is no
    /// difference. Source: CloudStack's ScaleIO primary storage driver.
    static let roundingInBytes: Int64 = 8 << 30

    /// For a volume on which there is nothing else to be done.
    static func decide(_ view: VolumeView, volume: VolumeRecord, now: Instant, policy: Policy) -> Decision {
        if let wanted = view.desired.wantedSizeInBytes, !view.desired.isDeparting {
            if volume.sizeInBytes < wanted {
                if let lacking = view.recordShortcoming(at: now, policy: policy) {
                    return .look(.volume(volume.id), lacking: lacking)
                }
                return .act(
                    .resize(volume.id, toBytes: wanted),
                    because: "CloudStack shows \(volume.sizeInBytes >> 30) GiB and no job running")
            }
            if exceeds(volume, wanted) {
                return .hold(.cannotShrink(wanted: wanted, actual: volume.sizeInBytes), until: now + policy.slowRetry)
            }
        }
        return waitForDevice(view, volume: volume, now: now, policy: policy)
    }

    /// Whether the volume is larger than is wanted, by more than rounding explains.
    static func exceeds(_ volume: VolumeRecord, _ wanted: Int64) -> Bool {
        let rounded = (wanted + roundingInBytes - 1) / roundingInBytes * roundingInBytes
        return volume.sizeInBytes > wanted && volume.sizeInBytes > rounded
    }

    /// Whether the volume has the size that is wanted, or none is.
    static func isSatisfied(_ view: VolumeView, volume: VolumeRecord) -> Bool {
        guard let wanted = view.desired.wantedSizeInBytes else { return true }
        return volume.sizeInBytes >= wanted && !exceeds(volume, wanted)
    }

    /// Whether there is nothing to be grown and nothing to be waited for.
    public static func isSettled(_ view: VolumeView, volume: VolumeRecord) -> Bool {
        guard isSatisfied(view, volume: volume) else { return false }
        return laggingDevice(view, volume: volume) == nil
    }

    /// The volume's device on this machine while it does not show a growth yet.
    private static func laggingDevice(_ view: VolumeView, volume: VolumeRecord) -> DeviceRecord? {
        guard case .right(let device, _) = RightDiskRules.verdict(view), device.sizeInBytes < volume.sizeInBytes else {
            return nil
        }
        return device
    }

    /// After a growth: the device on this machine has to show it.
    private static func waitForDevice(
        _ view: VolumeView, volume: VolumeRecord, now: Instant, policy: Policy
    ) -> Decision {
        guard let device = laggingDevice(view, volume: volume) else { return .settled }
        let until = view.waitingSince + policy.deviceDeadline
        if now < until { return .hold(.waitingForGrowth(since: view.waitingSince, until: until), until: until) }
        let text = "\(device.kernelName) has \(device.sizeInBytes) bytes where CloudStack says \(volume.sizeInBytes)"
        return VolumeRules.revisit(view, id: volume.id, cause: .growthMissing(text), now: now, policy: policy)
    }
}
