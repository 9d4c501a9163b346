/// What the store last wrote of an attachment, in short: enough to know at a start whether anything has changed since.
public struct SavedStatus: Sendable, Equatable {
    public var attachment: AttachmentID
    /// The generation of desired state that it is about.
    public var generation: Int64
    /// ``AttachmentReport/Readiness/code``.
    public var code: String
    /// Since when it had been that.
    public var since: Instant
    /// ``AttachmentDetail/fingerprint`` of what was written.
    public var fingerprint: UInt64
    /// The volume that it was of, when that was known.
    public var volume: VolumeID?
    /// The device that was then proven to be the volume.
    public var device: DeviceIdentity?
    /// How often it had been undone in a row, if ever; without CloudStack's events.
    public var contest: Contest?

    public init(
        attachment: AttachmentID, generation: Int64, code: String, since: Instant, fingerprint: UInt64,
        volume: VolumeID? = nil, device: DeviceIdentity? = nil, contest: Contest? = nil
    ) {
        self.attachment = attachment
        self.generation = generation
        self.code = code
        self.since = since
        self.fingerprint = fingerprint
        self.volume = volume
        self.device = device
        self.contest = contest
    }

    /// What is kept of an attachment when this is written over what was kept before.
    public init(_ detail: AttachmentDetail, after before: SavedStatus? = nil) {
        self.init(
            attachment: detail.report.attachment, generation: detail.report.generation,
            code: detail.report.readiness.code, since: detail.report.since, fingerprint: detail.fingerprint,
            volume: detail.report.volume,
            device: detail.isDeviceKnown ? detail.device?.identity : before?.device, contest: detail.contest)
    }
}

extension AttachmentDetail {
    /// Sixty-four bits that stand for all that is kept on disk of an attachment, but for since when. It stays the same from
    /// one process to the next, as `Hasher` does not.
    public var fingerprint: UInt64 { Self.fingerprint(of: report, device: device, export: export) }

    /// The same without the conditions, which follow from the rest.
    public static func fingerprint(
        of report: AttachmentReport, device: DeviceRecord?, export: ExportEntry?
    ) -> UInt64 {
        var hash = TextHash()
        hash.add(report.name)
        hash.add(report.generation)
        hash.add(report.readiness.code)
        if case .notReady(let cause) = report.readiness { hash.add(cause.message) }
        hash.add(report.volume?.value.high ?? 0)
        hash.add(report.volume?.value.low ?? 0)
        for word in [report.cloudWord, report.deviceWord, report.exportWord] { hash.add(word) }
        if let device {
            hash.add(device.serial?.description ?? "")
            for text in [device.kernelName, device.path, device.byIDLinks.first ?? "", device.number.description] {
                hash.add(text)
            }
            hash.add(device.diskSequence ?? 0)
            hash.add(device.sizeInBytes)
        }
        if let export {
            hash.add(export.name.text)
            hash.add((export.isReadOnly ? 1 : 0) | (export.liveness == .live ? 2 : 0))
            if case .known(let count) = export.clients { hash.add(count) }
        }
        return hash.value
    }
}

/// FNV-1a over bytes, each field with its end.
private struct TextHash {
    private(set) var value: UInt64 = 0xCBF2_9CE4_8422_2325

    private mutating func add(byte: UInt8) { value = (value ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }

    mutating func add(_ text: String) {
        for byte in text.utf8 { add(byte: byte) }
        // Never a byte of UTF-8 (RFC 3629), so that no text runs into the next.
        add(byte: 0xFF)
    }

    mutating func add(_ number: some FixedWidthInteger) {
        let bits = UInt64(truncatingIfNeeded: number)
        for shift in stride(from: 0, to: 64, by: 8) { add(byte: UInt8(truncatingIfNeeded: bits >> UInt64(shift))) }
    }
}
