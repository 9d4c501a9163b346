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

    private var world: CloudWorld
    private var directory: StateDirectory
    private let hypervisor: any Hypervisor
    private let clock: @Sendable () -> Int64
    private var api: HTTPServer?
    private var admin: HTTPServer?
    private var timer: Task<Void, Never>?
    private var timerDueAt: Int64?
    private var orderChain: Task<Void, Never>?
    private var ordersUnderWay = 0
    /// What was asked since the start, by command.
    private var calls: [String: CallCount] = [:]

    /// How often a command was called, and how long its answers took to make, in seconds.
    private struct CallCount: Encodable {
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
        for server in servers { server?.stop() }
        await orderChain?.value
    }

    private var now: Int64 { clock() }

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
        let answer = authorize(call).map { world.call(call.command, call.parameters, by: $0, now: now) }
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

    /// The order of checks of `ApiServer.verifyRequest`; every silent failure has the same text.
    private func authorize(_ call: APICall) -> Result<Account, APIError> {
        func refuse(_ envelope: String) -> Result<Account, APIError> {
            .failure(
                APIError(
                    code: 401, cloudStackCode: nil,
                    text: "unable to verify user credentials and/or request signature", envelope: envelope))
        }
        guard !call.command.isEmpty else { return refuse("null") }
        let envelope = call.command.lowercased() + "response"
        guard CloudWorld.isCommand(call.command) else { return refuse("errorresponse") }
        if world.strike(.unauthorized, command: call.command, volume: call.volume) != nil { return refuse(envelope) }
        guard let signature = call.value("signature"), let key = call.value("apikey") else { return refuse(envelope) }
        if call.value("signatureversion") == "3" {
            guard let expires = call.value("expires").flatMap(ExpiryDate.milliseconds), expires > now else {
                return refuse(envelope)
            }
        }
        guard let account = world.account(key: key), account.isEnabled else { return refuse(envelope) }
        if let fault = world.strike(.throttle, command: call.command, volume: call.volume) {
            return .failure(
                APIError(
                    code: 429, cloudStackCode: 9999,
                    text: "The given user has reached his/her account api limit, please retry after "
                        + "[\(fault.milliseconds ?? 1_000)] ms.", envelope: envelope))
        }
        guard RequestSignature.isValid(signature, of: call.raw, secret: account.secretKey) else {
            return refuse(envelope)
        }
        return .success(account)
    }

    // MARK: What follows from a call

    /// Keeps what changed, hands orders to the hypervisor, and sets the timer for what happens next by itself.
    private func settle() {
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

    // MARK: The admin port

    private func administer(_ request: IncomingRequest) async -> OutgoingResponse {
        let body = Data(request.body)
        do {
            let answer = try await administer(request.method, request.path, body)
            settle()
            return .whole(status: 200, headers: [("Content-Type", "application/json")], body: answer)
        } catch {
            let text = (error as? AdminError)?.text ?? "\(error)"
            let message = AnswerText.json("error", .text(text))
            return .whole(status: 400, headers: [("Content-Type", "application/json")], body: message)
        }
    }

    private func administer(_ method: String, _ path: String, _ body: Data) async throws -> [UInt8] {
        let done = Array(#"{"ok":true}"#.utf8)
        switch (method, path) {
        case ("GET", "/faults"): return Array(try JSONEncoder().encode(world.faults))
        case ("POST", "/faults"):
            let fault = try JSONDecoder().decode(Fault.self, from: body)
            guard (0...86_400_000).contains(fault.milliseconds ?? 0) else {
                throw AdminError(text: "milliseconds: 0 to 86400000")
            }
            if fault.kind == .staleList { world.freezeListing() }
            world.faults.append(fault)
        case ("DELETE", "/faults"):
            world.faults = []
            world.thawListing()
        case ("GET", "/actions"): return try directory.actions()
        case ("GET", "/calls"): return Array(try JSONEncoder().encode(calls))
        case ("GET", "/world"): return Array(try JSONEncoder().encode(world))
        case ("POST", "/volumes/detach"):
            let order = try JSONDecoder().decode(VolumeOrder.self, from: body)
            world.detachByHand(try known(order.volume), now: now)
        case ("POST", "/volumes/attach"):
            let order = try JSONDecoder().decode(VolumeOrder.self, from: body)
            guard let machine = order.machine else { throw AdminError(text: "machine is missing") }
            world.attachByHand(try known(order.volume), to: machine, now: now)
        case ("POST", "/restart"): world.restartManagementServer(now: now)
        case ("POST", "/settings"):
            let settings = try JSONDecoder().decode(Settings.self, from: body)
            if let delay = settings.jobDelayMs {
                guard (0...86_400_000).contains(delay) else { throw AdminError(text: "jobDelayMs: 0 to 86400000") }
                world.jobDelayInMilliseconds = delay
            }
            if let size = settings.pageSize {
                guard (1...100_000).contains(size) else { throw AdminError(text: "pageSize: 1 to 100000") }
                world.pageSize = size
            }
            for change in settings.machineStates ?? [] {
                guard let index = world.machines.firstIndex(where: { $0.id == change.machine }) else {
                    throw AdminError(text: "no machine \(change.machine)")
                }
                world.machines[index].state = change.state
            }
        default: throw AdminError(text: "no such thing: \(method) \(path)")
        }
        return done
    }

    private func known(_ volume: String) throws -> String {
        guard world.volumes[volume] != nil else { throw AdminError(text: "no volume \(volume)") }
        return volume
    }

    private struct AdminError: Error { var text: String }

    private struct VolumeOrder: Decodable {
        var volume: String
        var machine: String?
    }

    private struct Settings: Decodable {
        struct MachineState: Decodable {
            var machine: String
            var state: String
        }

        var jobDelayMs: Int64?
        var pageSize: Int?
        var machineStates: [MachineState]?
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
