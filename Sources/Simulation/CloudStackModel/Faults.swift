import VolumeModel

/// Something that goes wrong on purpose.
public struct Fault: Sendable, Codable, Equatable {
    public enum Kind: String, Sendable, Codable, CaseIterable {
        // At the HTTP face
        /// Answers `milliseconds` late.
        case latency
        /// Answers with HTTP status `code` and an HTML page, with no effect.
        case httpError
        /// Closes the connection before the call has any effect.
        case dropBefore
        /// Has the effect, then closes the connection without an answer.
        case dropAfter
        /// Answers 429 with the milliseconds to wait.
        case throttle
        /// Answers 401.
        case unauthorized
        // In listings
        /// Lists nothing.
        case emptyList
        /// Lists a page with some rows missing, while the count stays.
        case shortPage
        /// Lists what was there when the fault was set.
        case staleList
        /// Orders volumes that were created in the same second differently on each page.
        case unstableOrder
        // In jobs
        /// The job fails with `code` and `text`, without its effect.
        case jobFails
        /// The job has its effect but is forgotten: asking for it says that it does not exist.
        case jobLost
        /// The job has its effect and then ends failed, without a result: with `code`, or 530 as at a restart; 0 is how a job
        /// ends that has blocked others for too long.
        case jobWithoutResult
        /// The attach succeeds and the disk never shows in the guest.
        case deviceNeverAppears
        /// The detach is carried out a second time, `milliseconds` later, whatever machine the volume is on by then
        /// (apache/cloudstack #14214).
        case lateDetach
    }

    public var kind: Kind
    /// Only for this command; `nil` for every one.
    public var command: String?
    /// Only for calls and jobs about this volume.
    public var volume: String?
    /// How many times it strikes; `nil` until it is cleared.
    public var count: Int?
    /// How likely it strikes when it could, from 0 to 1; always when `nil`.
    public var probability: Double?
    public var code: Int?
    public var text: String?
    public var milliseconds: Int64?

    public init(
        kind: Kind, command: String? = nil, volume: String? = nil, count: Int? = nil,
        probability: Double? = nil, code: Int? = nil, text: String? = nil, milliseconds: Int64? = nil
    ) {
        self.kind = kind
        self.command = command
        self.volume = volume
        self.count = count
        self.probability = probability
        self.code = code
        self.text = text
        self.milliseconds = milliseconds
    }
}

extension CloudWorld {
    /// The fault of a kind that strikes now, counted down.
    public mutating func strike(_ kind: Fault.Kind, command: String, volume: String?) -> Fault? {
        let index = faults.firstIndex { fault in
            fault.kind == kind && (fault.command == nil || fault.command == command)
                && (fault.volume == nil || fault.volume == volume) && fault.count != 0
        }
        guard let index else { return nil }
        let fault = faults[index]
        if let probability = fault.probability {
            var generator = SplitMix64(seed: randomState)
            let draw = Double.random(in: 0..<1, using: &generator)
            randomState = generator.state
            guard draw < probability else { return nil }
        }
        if let count = fault.count {
            if count <= 1 { faults.remove(at: index) } else { faults[index].count = count - 1 }
        }
        return fault
    }
}
