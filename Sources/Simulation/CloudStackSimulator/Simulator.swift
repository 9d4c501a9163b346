public import CloudStackModel
import FoundationEssentials
import Glibc
import HTTPServer
import LinuxCalls

/// A CloudStack API endpoint over a ``CloudWorld``: HTTP is only its face.
public actor Simulator {
    public struct Configuration: Sendable {
        public var host = "127.0.0.1"
        /// 0 lets the kernel choose.
        public var port: UInt16 = 0
        public var adminPort: UInt16 = 0
        public var stateDirectory: String
        /// The world of a directory that has none yet.
        public var seed: CloudWorld
        public var hypervisor: any Hypervisor
        public var jobDelayInMilliseconds: Int64?
        /// What time it is, in milliseconds since 1970.
        public var now: @Sendable () -> Int64 = SystemTime.now

        public init(stateDirectory: String, seed: CloudWorld, hypervisor: any Hypervisor) {
            self.stateDirectory = stateDirectory
            self.seed = seed
            self.hypervisor = hypervisor
        }
    }

    var world: CloudWorld
    /// Everything of ``world`` is kept here before anybody hears of it.
    private(set) var directory: StateDirectory
    private let hypervisor: any Hypervisor
    private let clock: @Sendable () -> Int64
    private var api: HTTPServer?
    private var admin: HTTPServer?
    private var timer: Task<Void, Never>?
    private var timerDueAt: Int64?
    private var orderChain: Task<Void, Never>?
    private var ordersUnderWay = 0
    /// What was asked since the start, by command.
    private(set) var calls: [String: CallCount] = [:]

    /// How often a command was called, and how long its answers took to make, in seconds.
    struct CallCount: Encodable {
        var count = 0
        var seconds = 0.0

        mutating func add(_ duration: Duration) {
            count += 1
            seconds += duration / .seconds(1)
        }
    }

    private init(world: CloudWorld, directory: consuming StateDirectory, configuration: Configuration) {
        self.world = world
        self.directory = directory
        hypervisor = configuration.hypervisor
        clock = configuration.now
    }

    /// Brings the hypervisor to what the world says, and serves.
    public static func start(_ configuration: Configuration) async throws -> Simulator {
        try createDirectories(configuration.stateDirectory, mode: 0o700)
        var kept: CloudWorld?
        var directory = try StateDirectory(path: configuration.stateDirectory, world: &kept)
        var world = kept ?? configuration.seed
        if let delay = configuration.jobDelayInMilliseconds { world.jobDelayInMilliseconds = delay }
        try directory.fold(&world)
        let simulator = Simulator(world: world, directory: directory, configuration: configuration)
        try await simulator.bringUpDisks()
        try await simulator.serve(configuration)
        await simulator.settle()
        return simulator
    }

    private func bringUpDisks() async throws {
        let wanted = world.disksInAppliances
        for volume in await hypervisor.pluggedDisks() where !wanted.contains(where: { $0.volume == volume }) {
            try await hypervisor.unplug(
                PluggedDisk(
                    volume: volume, serial: String(volume.filter { $0 != "-" }.prefix(20)), sizeInBytes: 0,
                    isReadOnly: false))
        }
        for disk in wanted { try await hypervisor.plug(PluggedDisk(disk)) }
        // What the simulator had ordered when it died, and may not have seen done.
        world.orderAgain()
    }

    private func serve(_ configuration: Configuration) throws {
        api = try HTTPServer(.tcp(host: configuration.host, port: configuration.port)) { [weak self] request in
            await self?.answer(request) ?? .dropped
        }
        admin = try HTTPServer(.tcp(host: configuration.host, port: configuration.adminPort)) { [weak self] request in
            await self?.administer(request) ?? .dropped
        }
    }

    public var port: UInt16 { api?.port ?? 0 }
    public var adminPort: UInt16 { admin?.port ?? 0 }
    /// The world as it is now, for tests and for the ready line.
    public var snapshot: CloudWorld { world }

    public func stop() async {
        timer?.cancel()
        let servers = [api, admin]
        api = nil
        admin = nil
        // Requests under way need this actor to end.
        for server in servers { await server?.stopAndWait() }
        await orderChain?.value
    }

    var now: Int64 { clock() }

    // MARK: Calls

    private func answer(_ request: IncomingRequest) async -> OutgoingResponse {
        guard request.path == "/client/api" || request.path == "/client/api/" else {
            return .whole(status: 404, headers: [("Content-Type", "text/html")], body: Array("<html>404</html>".utf8))
        }
        let call = APICall(request)
        let begun = ContinuousClock.now
        defer { calls[call.command, default: CallCount()].add(begun.duration(to: .now)) }
        if let fault = world.strike(.latency, command: call.command, volume: call.volume) {
            try? await Task.sleep(for: .milliseconds(fault.milliseconds ?? 1_000))  // cut short only by the end
        }
        if world.strike(.dropBefore, command: call.command, volume: call.volume) != nil { return .dropped }
        if let fault = world.strike(.httpError, command: call.command, volume: call.volume) {
            return .whole(
                status: fault.code ?? 503, headers: [("Content-Type", "text/html")],
                body: Array("<html><body>\(fault.code ?? 503)</body></html>".utf8))
        }
        world.advance(to: now)
        let answer = verify(call).map { world.call(call.command, call.parameters, by: $0, now: now) }
        let isDropped = world.strike(.dropAfter, command: call.command, volume: call.volume) != nil
        settle()
        if isDropped { return .dropped }
        switch answer {
        case .success(let answer): return respond(answer, to: call)
        case .failure(let error): return respond(.failure(error), to: call)
        }
    }

    private func respond(_ answer: Answer, to call: APICall) -> OutgoingResponse {
        let envelope: String
        let value: AnswerValue
        var status = 200
        var headers = [("Content-Type", call.isJSON ? "application/json; charset=UTF-8" : "text/xml; charset=UTF-8")]
        switch answer {
        case .success(let name, let body):
            envelope = name
            value = body
        case .failure(let error):
            envelope = error.envelope
            value = error.value
            status = error.code
            headers.append(("X-Description", String(error.text.prefix { !$0.isNewline })))
        }
        let body = call.isJSON ? AnswerText.json(envelope, value) : AnswerText.xml(envelope, value)
        return .whole(status: status, headers: headers, body: body)
    }

    // MARK: What follows from a call

    /// Keeps what changed, hands orders to the hypervisor, and sets the timer for what happens next by itself.
    func settle() {
        do {
            if let change = world.takeChange() {
                // Kept before it is carried out or answered: a crash in between loses neither a line nor an order.
                try directory.keep(change)
                for order in change.orders { carryOut(order) }
            }
            // Orders that are not carried out yet are in the journal alone.
            if directory.isJournalLong, ordersUnderWay == 0 { try directory.fold(&world) }
        } catch {
            // A simulator that cannot keep what it answers would teach wrong things: it ends instead.
            FileHandleText.standardError("hawser-simulator: cannot keep the state: \(error)\n")
            exit(1)
        }
        guard let due = world.nextDue, due != timerDueAt else { return }
        timerDueAt = due
        timer?.cancel()
        let wait = max(0, due - now)
        timer = Task { [weak self] in
            // Cancelled when something nearer comes up.
            guard (try? await Task.sleep(for: .milliseconds(wait))) != nil else { return }
            await self?.passTime()
        }
    }

    private func passTime() {
        timerDueAt = nil
        world.advance(to: now)
        settle()
    }

    /// Orders are carried out one after the other, in the order in which they were given.
    private func carryOut(_ order: HypervisorOrder) {
        let previous = orderChain
        let hypervisor = hypervisor
        ordersUnderWay += 1
        orderChain = Task { [weak self] in
            await previous?.value
            var failure: String?
            do throws(HypervisorError) {
                let disk = PluggedDisk(order.disk)
                switch order.action {
                case .plug: try await hypervisor.plug(disk)
                case .unplug: try await hypervisor.unplug(disk)
                case .resize: try await hypervisor.resize(disk)
                case .discard: try await hypervisor.discard(volume: disk.volume)
                }
            } catch {
                failure = "\(error)"
                FileHandleText.standardError("hawser-simulator: \(order.action) of \(order.disk.volume): \(error)\n")
            }
            await self?.orderEnded(order, failure: failure)
        }
    }

    private func orderEnded(_ order: HypervisorOrder, failure: String?) {
        ordersUnderWay -= 1
        if let job = order.job { world.hypervisorEnded(job, failure: failure, now: now) }
        world.advance(to: now)
        settle()
    }
}

extension PluggedDisk {
    init(_ disk: HypervisorOrder.Disk) {
        self.init(volume: disk.volume, serial: disk.serial, sizeInBytes: disk.sizeInBytes, isReadOnly: false)
    }
}

/// The machine's own clock.
public enum SystemTime {
    /// Milliseconds since 1970.
    @Sendable public static func now() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000
    }
}

/// Text to the terminal, past all buffers.
enum FileHandleText {
    static func standardError(_ text: String) {
        let bytes = Array(text.utf8)
        _ = write(2, bytes, bytes.count)
    }
}

/// No hypervisor: attaches are only records.
public struct NoHypervisor: Hypervisor {
    public init() {}
    public func plug(_ disk: PluggedDisk) async throws(HypervisorError) {}
    public func unplug(_ disk: PluggedDisk) async throws(HypervisorError) {}
    public func resize(_ disk: PluggedDisk) async throws(HypervisorError) {}
    public func discard(volume: String) async throws(HypervisorError) {}
    public func pluggedDisks() async -> [String] { [] }
}
