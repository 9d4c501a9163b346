/// Something that is measured: one name for `--only`, and the figures that come of it.
struct Benchmark: Sendable {
    var name: String
    /// What is measured, in a line.
    var summary: String
    /// - Throws: ``LeftOut`` when this machine lacks something; anything else means that it is broken.
    var run: @Sendable () async throws -> [Figure]

    /// In the order in which they are run: what is quick comes first.
    static let all: [Benchmark] = [
        help, fullComparison, oneChange, simulation, ingest, committedRow, committedSharedRow, deviceEvents, scaling,
        twentyVolumes, convergedDaemon, coldStart,
    ]
}

/// Why something cannot be measured here.
struct LeftOut: Error, CustomStringConvertible {
    /// What the machine lacks.
    var description: String
}

/// What was measured makes no sense: the parts did not do what was to be timed.
struct Broken: Error, CustomStringConvertible {
    var description: String

    init(_ description: String) {
        self.description = description
    }
}
