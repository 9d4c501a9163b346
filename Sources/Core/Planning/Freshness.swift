public import VolumeModel

/// What an answer lacks for an act to be based on it (LIVE-PROOF).
public enum Shortcoming: Sendable, Equatable {
    case neverRead
    /// It was asked for, and not told.
    case notTold(age: Duration)
    /// Seen in a listing only.
    case onlyListed(age: Duration, limit: Duration)
    /// Something has changed since it was asked for.
    case outdated(age: Duration)
    case tooOld(age: Duration, limit: Duration)
    /// The answer was on its way, or lay about, for so long that it may tell of the past.
    case askedLongAgo(age: Duration, limit: Duration)

    /// What there is, how old it is, and what is needed instead.
    public var text: String {
        switch self {
        case .neverRead: "it was not read yet"
        case .notTold(let age): "the answer of \(Self.seconds(age)) ago did not tell"
        case .onlyListed(let age, let limit):
            "it was listed \(Self.seconds(age)) ago; needed is a read of it alone, at most \(Self.seconds(limit)) old"
        case .outdated(let age):
            "what was read \(Self.seconds(age)) ago was asked for before the last change; needed is a later read"
        case .tooOld(let age, let limit):
            "it was read \(Self.seconds(age)) ago; needed is a read at most \(Self.seconds(limit)) old"
        case .askedLongAgo(let age, let limit):
            "it was asked for \(Self.seconds(age)) ago; needed is an answer to a question at most \(Self.seconds(limit)) old"
        }
    }

    /// Tenths while they matter.
    static func seconds(_ duration: Duration) -> String {
        let tenths = max(0, duration.wholeNanoseconds) / 100_000_000
        return tenths < 100 && tenths % 10 != 0 ? "\(tenths / 10).\(tenths % 10) s" : "\(tenths / 10) s"
    }
}

extension Sighting {
    /// What the answer lacks for an act at `now`; `nil` when it can carry one: read for this one thing, asked after everything
    /// that could have changed it, and answered no longer ago than evidence may be old.
    ///
    /// - Parameter isLocal: it was read on this machine, where an answer takes no time.
    public func shortcoming(
        at now: Instant, after changed: Instant, policy: Policy, isLocal: Bool = false
    ) -> Shortcoming? {
        let age = now - answered
        if case .unknown = fact { return answered == .distantPast ? .neverRead : .notTold(age: age) }
        if proof != .exact { return .onlyListed(age: age, limit: policy.evidenceLifetime) }
        if asked < changed { return .outdated(age: age) }
        if age > policy.evidenceLifetime { return .tooOld(age: age, limit: policy.evidenceLifetime) }
        let bound = isLocal ? policy.localReadBound : policy.requestInFlightBound
        return now - asked <= bound ? nil : .askedLongAgo(age: now - asked, limit: bound)
    }

    /// Whether the answer can carry an act.
    public func isEvidence(at now: Instant, after changed: Instant, policy: Policy) -> Bool {
        shortcoming(at: now, after: changed, policy: policy) == nil
    }
}

extension Decision {
    /// Reads what is not fresh enough, and says so.
    static func look(_ look: Look, lacking shortcoming: Shortcoming) -> Decision {
        .look(look, cause: .looking("\(look.summary): \(shortcoming.text)"))
    }
}

extension VolumeView {
    /// What the volume's record lacks for an act.
    func recordShortcoming(at now: Instant, policy: Policy) -> Shortcoming? {
        self.cloud.shortcoming(at: now, after: self.lastWrite ?? .distantPast, policy: policy)
    }
}

extension VolumeView {
    /// How fresh everything is that decisions about the volume are made from, for people.
    public func observationAges(at now: Instant) -> [ObservationAge] {
        func age<Value>(_ subject: String, _ sighting: Sighting<Value>, _ source: String? = nil) -> ObservationAge {
            guard sighting.answered != .distantPast else {
                return ObservationAge(subject: subject, source: "not read yet", age: nil)
            }
            let proof = sighting.proof == .exact ? "a read of it alone" : "CloudStack's listing"
            return ObservationAge(subject: subject, source: source ?? proof, age: now - sighting.answered)
        }
        var ages = [age("volume", self.cloud), age("machine", self.targetMachine)]
        if let holder = self.cloud.value?.attachedTo, holder != self.target.value {
            ages.append(age("its holder", self.holderMachine))
        }
        if case .unknown = self.devices {
            ages.append(ObservationAge(subject: "devices", source: "not read yet", age: nil))
        } else {
            let changed = self.devicesChangedAt == .distantPast ? nil : now - self.devicesChangedAt
            ages.append(ObservationAge(subject: "devices", source: "the kernel's events, the last", age: changed))
        }
        if self.desired.export != nil { ages.append(age("export", self.export, "the live NBD server")) }
        if self.use.answered != .distantPast { ages.append(age("use", self.use, "this machine")) }
        if self.sessions.answered != .distantPast {
            ages.append(age("sessions", self.sessions, "the NBD server's processes"))
        }
        return ages
    }
}
