import ActorThreads
import Glibc
public import NBD
import VolumeModel

/// A client of one volume's export that writes stamps, and knows which of them the server has acknowledged.
///
/// A stamp fills a block and tells the volume, the place and the number of the write, so that whatever is read tells whose it
/// is. What was acknowledged is there for ever. A write whose answer never came may be there or not, and may even come
/// late: such a place is not written again, and is judged no more.
public actor StampWriter {
    public static let blockSize = 512

    public struct Figures: Sendable {
        public var sessions = 0
        /// Sessions that could not be had, or ended without our doing.
        public var refusals = 0
        public var breaks = 0
        /// Why, the last time.
        public var lastTrouble: String?
        public var writes = 0
        /// Blocks that were read back and compared.
        public var compared = 0
        /// What was on the disk and must not be, in words.
        public var wrong: [String] = []
        /// When the server acknowledged the first and the last write of each session, in milliseconds since 1970.
        public var sessionTimes: [ClosedRange<Int64>] = []

        public init() {}
    }

    public nonisolated let volume: String
    private nonisolated let shared = Lock(Figures())
    private nonisolated let asked = Lock(false)
    private let executor: ThreadExecutor
    /// At each place the number of the last write that was acknowledged; 0 for none, nil for a place that is given up.
    private var acknowledged: [UInt32?]
    private var lastNumber: UInt32 = 0

    /// Its sessions block: they have a thread of their own.
    public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// - Parameter places: how many blocks from the start of the disk it writes to.
    public init(volume: String, places: Int) {
        self.volume = volume
        acknowledged = Array(repeating: 0, count: places)
        executor = ThreadExecutor(name: "stamps")
    }

    public nonisolated var figures: Figures { shared.withLock { $0 } }

    /// Has the session that is under way ended soon.
    public nonisolated func endSession() { asked.withLock { $0 = true } }

    /// Connects, compares, writes and compares until it has written so much, is asked to end, its task is cancelled, or the session breaks.
    ///
    /// - Parameters:
    ///   - pause: between two writes, in microseconds.
    ///   - flushes: whether the client flushes now and then; files of the old daemon's offer no flush.
    /// - Returns: whether the session ended well.
    @discardableResult
    public func session(
        export: String, at address: NBDAddress, writes: Int, pause: UInt32 = 1_000, flushes: Bool = true,
        seed: UInt64 = 0
    ) -> Bool {
        var generator = SplitMix64(seed: seed)
        asked.withLock { $0 = false }
        let client: NBDClient
        do { client = try NBDClient(export: export, at: address, patience: .seconds(30)) } catch {
            // A name that is withdrawn at the moment, or a server that is not there.
            shared.withLock {
                $0.refusals += 1
                $0.lastTrouble = "\(error)"
            }
            return false
        }
        shared.withLock { $0.sessions += 1 }
        var times: ClosedRange<Int64>?
        defer {
            if let times { shared.withLock { $0.sessionTimes.append(times) } }
            client.disconnect()
        }
        do {
            for round in 0..<writes {
                if Task.isCancelled || asked.withLock({ $0 }) { break }
                guard let place = acknowledged.indices.randomElement(using: &generator) else { break }
                if let known = acknowledged.indices.randomElement(using: &generator) { try compare(known, by: client) }
                try write(place, by: client)
                let now = Self.milliseconds()
                times = (times?.lowerBound ?? now)...now
                if flushes, round % 16 == 15 { try client.flush() }
                // Leaves the machine's few processors to others.
                usleep(pause)
            }
            if flushes { try client.flush() }
            return true
        } catch {
            shared.withLock {
                $0.breaks += 1
                $0.lastTrouble = "\(error)"
            }
            return false
        }
    }

    private func write(_ place: Int, by client: NBDClient) throws(NBDError) {
        guard acknowledged[place] != nil else { return }
        lastNumber += 1
        acknowledged[place] = nil
        try client.write(stamp(place, lastNumber), at: Int64(place * Self.blockSize))
        acknowledged[place] = lastNumber
        shared.withLock { $0.writes += 1 }
    }

    private func compare(_ place: Int, by client: NBDClient) throws(NBDError) {
        guard acknowledged[place] != nil else { return }
        judge(try client.read(count: Self.blockSize, at: Int64(place * Self.blockSize)), at: place)
    }

    /// Whether all that was acknowledged is there: through the export, when nobody writes.
    public func compareAll(export: String, at address: NBDAddress) throws {
        let client = try NBDClient(export: export, at: address, patience: .seconds(30))
        for place in acknowledged.indices { try compare(place, by: client) }
        client.disconnect()
    }

    /// The same on the disk's own bytes.
    public func compareAll(with disk: [UInt8]) {
        for place in acknowledged.indices {
            judge(Array(disk[place * Self.blockSize..<(place + 1) * Self.blockSize]), at: place)
        }
    }

    private func judge(_ bytes: [UInt8], at place: Int) {
        guard let wanted = acknowledged[place] else { return }
        let isRight = wanted == 0 ? bytes.allSatisfy { $0 == 0 } : bytes == stamp(place, wanted)
        shared.withLock { figures in
            figures.compared += 1
            guard !isRight else { return }
            let found = String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") && $0 != 0 }, as: UTF8.self)
            figures.wrong.append("volume \(volume), block \(place): write \(wanted) is to be there, and '\(found)' is")
        }
    }

    /// A line, again and again.
    private func stamp(_ place: Int, _ number: UInt32) -> [UInt8] {
        let line = Array("\(volume) \(place) \(number)\n".utf8)
        return (0..<Self.blockSize).map { line[$0 % line.count] }
    }

    private static func milliseconds() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000
    }
}
