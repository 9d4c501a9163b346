import Curl
import FoundationEssentials

/// What goes wrong in the simulated CloudStack, and what its own log tells.
extension DemoWorld {
    /// One line of the simulator's action log; docs/simulator.md tells the kinds.
    public struct Action: Decodable, Sendable {
        public var number: Int64
        /// Milliseconds since 1970.
        public var at: Int64
        public var kind: String
        public var command: String
        public var volume: String?
        public var detail: String
    }

    public func actions() async throws -> [Action] {
        let response = try await http.send(HTTPRequest(.get, administration + "/actions"))
        return try response.body.split(separator: UInt8(ascii: "\n")).map { line in
            try JSONDecoder().decode(Action.self, from: Data(line))
        }
    }

    /// How many calls of a command about a volume CloudStack has taken.
    public func calls(of command: String, volume: String) async throws -> Int {
        try await actions().count { $0.kind == "call" && $0.command == command && $0.volume == volume }
    }

    /// How many calls that change something CloudStack has taken.
    public func mutatingCalls() async throws -> Int { try await actions().count { $0.kind == "call" } }

    public func detachBehindTheBack(volume: String) async throws {
        try await administer("/volumes/detach", #"{"volume":"\#(volume)"}"#)
    }

    public func restartManagementServer() async throws { try await administer("/restart", "{}") }

    public func listNothing(times: Int) async throws {
        try await addFault(#"{"kind":"emptyList","command":"listVolumes","count":\#(times)}"#)
    }

    /// - Parameter fault: as docs/simulator.md describes it.
    public func addFault(_ fault: String) async throws { try await administer("/faults", fault) }

    public func endFaults() async throws {
        _ = try await http.send(HTTPRequest(.delete, administration + "/faults"))
    }

    /// How many faults have not struck yet.
    public func faultsLeft() async throws -> Int {
        struct Fault: Decodable {}
        let response = try await http.send(HTTPRequest(.get, administration + "/faults"))
        return try JSONDecoder().decode([Fault].self, from: Data(response.body)).count
    }

    private var administration: String { simulator?.adminEndpoint ?? "" }

    private func administer(_ path: String, _ body: String) async throws {
        let response = try await http.send(HTTPRequest(.post, administration + path, body: Array(body.utf8)))
        guard response.status == 200 else {
            throw WaitedInVain(
                condition: "the simulator's admin port to take \(path)", patience: .zero,
                last: String(decoding: response.body, as: UTF8.self))
        }
    }
}
