import VolumeModel

/// How a daemon gets the right to act.
public enum LeaseTerms: Sendable, Equatable {
    /// Nobody else can open the store while this process lives, so that it is the holder as long as it lives.
    case exclusive
    /// The store is shared: the lease is a row that is changed by compare-and-set.
    case shared(holder: String, lifetime: Duration)
}

/// The lease's state machine: reads, takes, renews and gives back, as a value without a clock.
///
/// Nobody compares the clocks of two machines. One who waits watches the row, and takes it when (token, beat) has stood
/// still for longer than the holder's lifetime on the waiter's own clock. A holder counts from when it *sent* the last renewal that
/// succeeded, and believes in just half of the lifetime, so that a step that began in time is over long before anybody takes
/// over. What it was answered late, or not at all, proves nothing.
struct LeaseKeeper: Sendable {
    /// How much faster a waiter's clock may run than a holder's, and then some.
    private static let margin = 1.25

    private enum Phase: Sendable {
        case reading
        /// The row as it was read, and since when it has stood still.
        case waiting(LeaseRecord, since: Instant)
        /// A taking whose answer has not come, or was lost.
        case taking(LeaseRecord, asked: Instant)
        /// `asked` is when the last request was sent that proved the holding.
        case holding(LeaseRecord, asked: Instant)
        case over
    }

    /// What an answer has led to.
    enum News: Sendable, Equatable {
        case none
        /// From now on this process is the holder.
        case acquired
        /// Somebody else has taken it: this process must end.
        case lost
    }

    private let terms: LeaseTerms
    private var phase = Phase.reading
    private var isAsking = false
    private var askAt: Instant

    init(_ terms: LeaseTerms, now: Instant) {
        self.terms = terms
        askAt = now
    }

    private var lifetime: Duration {
        if case .shared(_, let lifetime) = terms { lifetime } else { .zero }
    }

    /// The holding that writes to the store are made under; `nil` where there is no lease to hold, or it is not held.
    var token: LeaseToken? {
        if case .holding(let record, _) = phase { record.token } else { nil }
    }

    /// Whether there is a lease at all.
    var isShared: Bool { terms != .exclusive }

    /// Whether it is held from the start, or by now.
    var isHolding: Bool { terms == .exclusive || token != nil }

    func standing(at now: Instant) -> LeaseStanding {
        guard case .shared = terms else { return .held(until: Instant(nanoseconds: .max)) }
        switch phase {
        case .holding(_, let asked):
            let end = asked + lifetime / 2
            return now <= end ? .held(until: end) : .unproven
        case .waiting(let record, _): return .awaited(holder: record.isReleased ? nil : record.holder)
        case .reading, .taking, .over: return .awaited(holder: nil)
        }
    }

    /// When something is to be asked of the store next; `nil` while an answer is awaited, or when there is nothing to ask.
    var nextAsk: Instant? {
        guard case .shared = terms, !isAsking else { return nil }
        if case .over = phase { return nil }
        return askAt
    }

    /// What is to be asked of the store now.
    mutating func due(at now: Instant, using generator: inout some RandomNumberGenerator) -> SystemCall? {
        guard case .shared(let holder, _) = terms, let nextAsk, nextAsk <= now else { return nil }
        isAsking = true
        switch phase {
        case .reading, .taking, .over: return .readLease
        case .waiting(let seen, let since):
            guard seen.isReleased || now - since > seen.lifetime * Self.margin else { return .readLease }
            return take(replacing: seen, holder: holder, at: now, using: &generator)
        case .holding(let record, _): return .renewLease(record.token)
        }
    }

    private mutating func take(
        replacing seen: LeaseRecord?, holder: String, at now: Instant, using generator: inout some RandomNumberGenerator
    ) -> SystemCall {
        let token = LeaseToken(epoch: (seen?.token.epoch ?? 0) + 1, nonce: .random(using: &generator))
        let record = LeaseRecord(token: token, holder: holder, lifetime: lifetime)
        phase = .taking(record, asked: now)
        return .takeLease(record, replacing: seen)
    }

    /// Takes the answer to what ``due(at:using:)`` asked.
    ///
    /// - Parameter asked: when that was.
    mutating func take(
        _ answer: SystemAnswer, asked: Instant, at now: Instant, using generator: inout some RandomNumberGenerator
    ) -> (News, SystemCall?) {
        isAsking = false
        switch (phase, answer) {
        case (_, .storeFailed):
            askAt = now + lifetime / 10
        case (.over, _): break
        case (.reading, .lease(nil)):
            guard case .shared(let holder, _) = terms else { break }
            isAsking = true
            return (.none, take(replacing: nil, holder: holder, at: now, using: &generator))
        case (.reading, .lease(let record?)), (.waiting, .lease(let record?)):
            notice(record, at: now)
        case (.taking(let mine, let taken), .lease(let record)):
            // The answer to the taking was lost: the row tells.
            guard let record else {
                phase = .reading
                askAt = now
                break
            }
            guard record.token == mine.token else {
                notice(record, at: now)
                break
            }
            phase = .holding(record, asked: taken)
            askAt = now
            return (.acquired, nil)
        case (.taking(let mine, let taken), .leaseStands(true)):
            phase = .holding(mine, asked: taken)
            askAt = taken + lifetime / 5
            return (.acquired, nil)
        case (.taking, .leaseStands(false)):
            // Somebody was faster.
            phase = .reading
            askAt = now
        case (.holding(let record, _), .leaseStands(true)):
            phase = .holding(record, asked: asked)
            askAt = asked + lifetime / 5
        case (.holding, .leaseStands(false)): return (lose(), nil)
        default: askAt = now + lifetime / 10
        }
        return (.none, nil)
    }

    /// A row of somebody else's.
    private mutating func notice(_ record: LeaseRecord, at now: Instant) {
        if case .waiting(let seen, let since) = phase, seen.token == record.token, seen.beat == record.beat,
            seen.isReleased == record.isReleased
        {
            phase = .waiting(record, since: since)
        } else {
            phase = .waiting(record, since: now)
        }
        askAt = record.isReleased ? now : now + lifetime / 10
    }

    /// A write under the lease was refused, or a renewal was.
    mutating func lose() -> News {
        phase = .over
        return .lost
    }

    /// Gives the lease back, so that nobody has to wait for its end.
    mutating func release() -> SystemCall? {
        guard case .holding(let record, _) = phase else { return nil }
        phase = .over
        return .releaseLease(record.token)
    }
}
