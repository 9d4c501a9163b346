import VolumeModel

/// What was seen of the log of changes, so that nothing in it is missed whenever it is committed.
///
/// Numbers of the log are given out before they are committed, so that 5 may come to light after 6, or never, when its
/// transaction is rolled back; on Galera each node gives out every so many. So readers have revisions of their own, which are
/// counted up with each look that found something, and know what was found since any of them.
///
/// All of the log that was seen in the last minutes lies in stretches, each with how many lines it had: one with more lines than
/// it had is told again, whole. Stretches that lie behind each other grow together as they age, and are looked at ever more rarely.
struct SeenChanges {
    /// Lines of the log, by their numbers.
    typealias Lines = ClosedRange<Int64>

    /// What changed since some revision.
    enum News: Equatable {
        /// What is named in these lines, and these objects.
        case some([Lines], [AttachmentID])
        /// Nobody knows what: all is to be read.
        case everything
    }

    struct Stretch: Equatable {
        var lines: Lines
        /// How many of them there were when it was last looked.
        var count: Int
        /// When the last of them was seen first.
        var seenAt: ContinuousClock.Instant
        var firstSeenAt: ContinuousClock.Instant
        var looksAt: ContinuousClock.Instant

        /// Whether all numbers are there, so that there is nothing to wait for.
        var isWhole: Bool { Int64(count) == lines.upperBound - lines.lowerBound + 1 }
    }

    /// One look that found something.
    private struct Look {
        var revision: Int64
        /// The greatest number before it.
        var after: Int64
        var late: [Lines] = []
        var objects: [AttachmentID] = []
        var gone: [AttachmentID] = []
        var isOfEverything = false
    }

    /// Of readers: counted up with each look that found something.
    private(set) var revision: Int64 = 0
    /// The greatest number of the log that was seen.
    private(set) var greatest: Int64 = 0
    private(set) var stretches: [Stretch] = []
    private var looks: [Look] = []
    private let lateness: Duration

    private static let mostLooks = 256
    /// More objects than these are not read one by one.
    private static let mostObjects = 1_000
    private static let shortestPause = Duration.milliseconds(50)

    /// - Parameter lateness: for how long a number that is not there may still come; zero where all come in their order.
    init(lateness: Duration) {
        self.lateness = lateness
    }

    var hasBegun: Bool { revision > 0 }

    // MARK: What was found

    /// The first look, or one that found another log than there was: all is to be read.
    ///
    /// - Parameter recent: the lines of the last minutes, and how many there are.
    mutating func begin(at greatest: Int64, recent: (lines: Lines, count: Int)?, now: ContinuousClock.Instant) {
        if hasBegun {
            note(Look(revision: revision + 1, after: greatest, isOfEverything: true))
        } else {
            revision = 1
        }
        self.greatest = greatest
        stretches = []
        if let recent { watch(recent.lines, recent.count, now) }
    }

    /// New lines.
    mutating func take(until newest: Int64, count: Int, now: ContinuousClock.Instant) {
        note(Look(revision: revision + 1, after: greatest))
        watch(greatest + 1...newest, count, now)
        greatest = newest
    }

    /// A stretch has more lines than it had.
    mutating func takeLate(_ lines: Lines, count: Int) {
        guard let index = stretches.firstIndex(where: { $0.lines == lines }) else { return }
        stretches[index].count = count
        note(Look(revision: revision + 1, after: greatest, late: [lines]))
    }

    /// Objects changed, or are gone, of which the log says nothing.
    mutating func take(objects: [AttachmentID], gone: [AttachmentID]) {
        guard !objects.isEmpty || !gone.isEmpty else { return }
        note(Look(revision: revision + 1, after: greatest, objects: objects, gone: gone))
    }

    private mutating func note(_ look: Look) {
        revision = look.revision
        looks.append(look)
        if looks.count > Self.mostLooks {
            // Who knows of neither and who knows of the first are told of both.
            let first = looks.removeFirst()
            looks[0].after = first.after
            looks[0].late = first.late + looks[0].late
            looks[0].objects = first.objects + looks[0].objects
            looks[0].gone = first.gone + looks[0].gone
            looks[0].isOfEverything = first.isOfEverything || looks[0].isOfEverything
        }
        for index in [looks.startIndex, looks.endIndex - 1] where looks[index].objects.count > Self.mostObjects {
            looks[index].isOfEverything = true
            looks[index].objects = []
        }
    }

    /// What changed since a revision of readers. One that nobody here has told is followed by everything.
    func news(since revision: Int64) -> News {
        guard revision > 0, revision <= self.revision else { return .everything }
        let since = looks.drop { $0.revision <= revision }
        guard let earliest = since.first else { return .some([], []) }
        if since.contains(where: \.isOfEverything) { return .everything }
        var lines = since.flatMap(\.late).filter { $0.lowerBound <= earliest.after }
        if greatest > earliest.after { lines.append(earliest.after + 1...greatest) }
        return .some(lines, since.flatMap(\.objects))
    }

    /// Objects that are gone without a word in the log, since a revision of readers.
    func gone(since revision: Int64) -> [AttachmentID] {
        looks.drop { $0.revision <= revision }.flatMap(\.gone)
    }

    // MARK: What may still come

    private mutating func watch(_ lines: Lines, _ count: Int, _ now: ContinuousClock.Instant) {
        guard lateness > .zero else { return }
        stretches.append(
            Stretch(lines: lines, count: count, seenAt: now, firstSeenAt: now, looksAt: now + Self.shortestPause))
        tidy(now)
    }

    /// Those that are to be counted again.
    ///
    /// - Parameter hasReason: whether something was committed just now, so that all of them are.
    func due(_ now: ContinuousClock.Instant, hasReason: Bool) -> [Stretch] {
        stretches.filter { !$0.isWhole && (hasReason || $0.looksAt <= now) }
    }

    mutating func noteLook(at lines: [Lines], now: ContinuousClock.Instant) {
        for index in stretches.indices where lines.contains(stretches[index].lines) {
            let age = stretches[index].seenAt.duration(to: now)
            stretches[index].looksAt = now + max(Self.shortestPause, age / 4)
        }
        tidy(now)
    }

    private mutating func tidy(_ now: ContinuousClock.Instant) {
        stretches.removeAll { $0.seenAt.duration(to: now) > lateness }
        var kept: [Stretch] = []
        for stretch in stretches {
            // The older they are, the less it matters when just they were seen.
            if let last = kept.last, last.lines.upperBound + 1 == stretch.lines.lowerBound,
                last.firstSeenAt.duration(to: stretch.seenAt) < stretch.seenAt.duration(to: now) / 4
            {
                kept[kept.count - 1].lines = last.lines.lowerBound...stretch.lines.upperBound
                kept[kept.count - 1].count += stretch.count
                kept[kept.count - 1].seenAt = stretch.seenAt
                kept[kept.count - 1].looksAt = min(last.looksAt, stretch.looksAt)
            } else {
                kept.append(stretch)
            }
        }
        stretches = kept
    }
}
