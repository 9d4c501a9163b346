import SimulatedWorld

for text in CommandLine.arguments.dropFirst() {
    guard let seed = UInt64(text) else { continue }
    let result = Run.run(Plan(seed: seed), isTraced: CommandLine.arguments.contains("--trace"))
    for line in result.trace { print(line) }
    print("seed \(seed): \(result.violation.map { "\($0)" } ?? "all is well")  \(result.counts)  \(result.simulated)")
}
