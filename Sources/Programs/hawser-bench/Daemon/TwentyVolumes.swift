import LinuxCalls

extension Benchmark {
    static let twentyVolumes = Benchmark(
        name: "twenty", summary: "attaching 20 volumes, and finding them attached: hawserd, cs and Ansible"
    ) {
        try CloudStackClient.demandInstalled()
        var attach: [(name: String, cost: CloudStackClient.Cost)] = []
        var nothing: [(name: String, cost: CloudStackClient.Cost)] = []
        for client in CloudStackClient.allCases {
            let costs = try await TwentyVolumes.measure(client)
            attach.append((client.rawValue, costs.attach))
            nothing.append((client.rawValue, costs.nothing))
        }
        let own = try await TwentyVolumes.measureHawserd()
        return TwentyVolumes.figures("attaching 20", own.attach, attach)
            + TwentyVolumes.figures("no-op over 20", own.nothing, nothing)
            + TwentyVolumes.figures(own.exports)
    }
}

/// Each on a world of its own, in which twenty volumes are attached nowhere and a job takes 100 ms.
private enum TwentyVolumes {
    typealias Cost = CloudStackClient.Cost

    private static let volumes = 0..<20

    static func measure(_ client: CloudStackClient) async throws -> (attach: Cost, nothing: Cost) {
        let installation = try await Installation(volumes: 20, isAttached: false)
        do {
            let attach = try await client.attach(volumes, to: Installation.appliance, in: installation)
            let nothing = try await client.attach(volumes, to: Installation.appliance, in: installation)
            await installation.stop()
            return (attach, nothing)
        } catch {
            await installation.stop()
            throw error
        }
    }

    /// From the start of the daemon, which also exports them, until all are Ready; then a pass.
    static func measureHawserd() async throws -> (attach: Cost, nothing: Cost, exports: [ExportDelay]) {
        let installation = try await Installation(volumes: 20, isAttached: false)
        var daemon: ChildProcess?
        do {
            let start = ContinuousClock.now
            // As fast as the others may: none of them limits the rate of its calls by itself.
            daemon = try await installation.startDaemon(["--cloudstack-calls-per-second", "1000", "--log-calls", "yes"])
            try await installation.untilAllReady()
            let attach = Cost(
                seconds: (ContinuousClock.now - start).inSeconds, calls: try await installation.calls().count)
            let nothing = try await installation.pass()
            let exports = try ExportDelay.all(in: installation)
            await installation.stop(daemon)
            return (attach, nothing, exports)
        } catch {
            await installation.stop(daemon)
            throw error
        }
    }

    static func figures(_ exports: [ExportDelay]) -> [Figure] {
        guard !exports.isEmpty else { return [] }
        func median(_ part: (ExportDelay) -> Double) -> Double { Samples(exports.map(part)).median }
        return [
            Figure(
                "device and job seen to export observed live: median", median(\.whole), .seconds,
                peers: [
                    .init(name: "an exact read of CloudStack", value: median(\.cloud), unit: .seconds),
                    .init(name: "the ledger's disk", value: median(\.disk), unit: .seconds),
                    .init(name: "asking the NBD server", value: median(\.server), unit: .seconds),
                ], note: "twenty at once"),
            Figure(
                "the controller's own share of it: median", median(\.own), .seconds, target: .atMost(10e-3),
                note: "what is left when nobody is waited for"),
        ]
    }

    static func figures(_ what: String, _ own: Cost, _ others: [(name: String, cost: Cost)]) -> [Figure] {
        let count = Double(volumes.count)
        return [
            Figure(
                "\(what): time per volume", own.seconds / count, .seconds,
                peers: others.map { .init(name: $0.name, value: $0.cost.seconds / count, unit: .seconds) }),
            Figure(
                "\(what): calls per volume", Double(own.calls) / count, .count,
                peers: others.map { .init(name: $0.name, value: Double($0.cost.calls) / count, unit: .count) }),
        ]
    }
}
