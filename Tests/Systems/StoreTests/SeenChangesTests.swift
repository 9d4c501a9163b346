@testable import Store
import Testing
import VolumeModel

@Suite struct SeenChangesTests {
    private let start = ContinuousClock.now

    /// A log whose first five lines were there before.
    private func seen(lateness: Duration = .seconds(600)) -> SeenChanges {
        var seen = SeenChanges(lateness: lateness)
        seen.begin(at: 5, recent: (1...5, 5), now: start - .seconds(100))
        return seen
    }

    @Test func `who knows a revision is told of the lines since, and who knows none of everything`() {
        var seen = seen()
        let first = seen.revision
        seen.take(until: 7, count: 2, now: start)
        let second = seen.revision
        seen.take(until: 8, count: 1, now: start)
        #expect(seen.news(since: first) == .some([6...8], []))
        #expect(seen.news(since: second) == .some([8...8], []))
        #expect(seen.news(since: seen.revision) == .some([], []))
        for unknown in [0, seen.revision + 1] { #expect(seen.news(since: unknown) == .everything) }
    }

    @Test func `a line that comes late is told to all who have not heard of it`() {
        var seen = seen()
        let first = seen.revision
        // 6 is missing.
        seen.take(until: 8, count: 2, now: start)
        let second = seen.revision
        #expect(seen.due(start, hasReason: false).isEmpty)
        #expect(seen.due(start, hasReason: true).map(\.lines) == [6...8])
        let soon = start + .milliseconds(60)
        #expect(seen.due(soon, hasReason: false).map(\.lines) == [6...8])
        seen.noteLook(at: [6...8], now: soon)
        #expect(seen.due(soon, hasReason: false).isEmpty)
        seen.takeLate(6...8, count: 3)
        #expect(seen.news(since: second) == .some([6...8], []))
        #expect(seen.news(since: first) == .some([6...8], []))
        // All of them are there now.
        #expect(seen.due(start + .seconds(9), hasReason: true).isEmpty)
    }

    @Test func `a number that was rolled back is looked for ever more rarely, and at last no more`() {
        var seen = seen()
        seen.take(until: 7, count: 1, now: start)
        var looks = 0
        for milliseconds in stride(from: 0, through: 700_000, by: 50) {
            let now = start + .milliseconds(milliseconds)
            let due = seen.due(now, hasReason: false)
            guard !due.isEmpty else { continue }
            looks += 1
            seen.noteLook(at: due.map(\.lines), now: now)
        }
        #expect((20...60).contains(looks), "\(looks)")
        #expect(seen.due(start + .seconds(700), hasReason: true).isEmpty)
    }

    /// On Galera each node gives out every third number: there are holes in every stretch.
    @Test func `stretches grow together as they age`() {
        var seen = seen()
        for number in 1...10_000 {
            let now = start + .milliseconds(number * 20)
            seen.take(until: 5 + Int64(number) * 3, count: 1, now: now)
            seen.noteLook(at: [], now: now)
        }
        #expect(seen.stretches.count < 80, "\(seen.stretches.count)")
        #expect(seen.stretches.first?.lines.lowerBound == 1)
        #expect(seen.stretches.last?.lines.upperBound == 30_005)
        #expect(seen.stretches.reduce(0) { $0 + $1.count } == 10_005)
    }

    @Test func `of another log than there was everything is read`() {
        var seen = seen()
        seen.take(until: 9, count: 4, now: start)
        let before = seen.revision
        seen.begin(at: 2, recent: nil, now: start)
        #expect(seen.news(since: before) == .everything && seen.greatest == 2)
        let after = seen.revision
        seen.take(until: 3, count: 1, now: start)
        #expect(seen.news(since: after) == .some([3...3], []))
    }

    @Test func `what the log does not say is told, too, and many objects as everything`() {
        var seen = seen(lateness: .zero)
        let first = seen.revision
        let object = AttachmentID(UUIDValue(high: 1, low: 1))
        let gone = AttachmentID(UUIDValue(high: 1, low: 2))
        seen.take(objects: [object], gone: [gone])
        #expect(seen.news(since: first) == .some([], [object]))
        #expect(seen.gone(since: first) == [gone])
        seen.take(objects: (0...1_000).map { AttachmentID(UUIDValue(high: 2, low: $0)) }, gone: [])
        #expect(seen.news(since: first) == .everything && seen.gone(since: first) == [gone])
        #expect(seen.gone(since: seen.revision).isEmpty)
    }

    @Test func `who was told long ago misses nothing`() {
        var seen = seen(lateness: .zero)
        let gone = AttachmentID(UUIDValue(high: 1, low: 2))
        seen.take(objects: [], gone: [gone])
        for number in 6...2_000 { seen.take(until: Int64(number), count: 1, now: start) }
        #expect(seen.news(since: 1) == .some([6...2_000], []) && seen.gone(since: 1) == [gone])
        #expect(seen.news(since: seen.revision - 1) == .some([2_000...2_000], []))
    }
}

@Suite struct ToldObjectsTests {
    private let one = AttachmentID(UUIDValue(high: 1, low: 1))
    private let two = AttachmentID(UUIDValue(high: 1, low: 2))
    private let start = ContinuousClock.now

    @Test func `what is missing is gone when it is missed twice`() {
        var told = ToldObjects([one: 1, two: 2], revision: 1, patience: .seconds(2))
        #expect(told.compare(with: [one: 1], now: start) == ([], []))
        #expect(told.misses)
        #expect(told.compare(with: [one: 1], now: start + .seconds(1)) == ([], []))
        #expect(told.compare(with: [one: 1], now: start + .seconds(2)) == ([], [two]))
        #expect(!told.misses)
        #expect(told.compare(with: [one: 1], now: start + .seconds(9)) == ([], []))
    }

    @Test func `what is there again was never gone, and what the log says is no surprise`() {
        var told = ToldObjects([one: 1, two: 2], revision: 1, patience: .seconds(2))
        #expect(told.compare(with: [:], now: start) == ([], []))
        #expect(told.compare(with: [one: 1, two: 3], now: start + .seconds(3)) == ([two], []))
        #expect(!told.misses)
        told.note(one, 5)
        told.forget(two)
        #expect(told.compare(with: [one: 5], now: start + .seconds(4)) == ([], []))
    }
}
