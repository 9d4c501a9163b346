import Arguments
import ControlAPIClient

/// `hawser metrics`: what a scraper reads.
enum MetricsCommand {
    static let command = Command(
        description: CommandDescription(
            "metrics", summary: "print hawserd's metrics as Prometheus reads them",
            discussion: """
                The text-based format 0.0.4, as on GET /metrics where hawserd's metrics.listen says. docs/metrics.md tells what
                each of them is for.
                """,
            options: [Commands.socket, Commands.help],
            examples: [
                CommandExample("hawser metrics | grep ^hawser_brake_engaged", "whether removals are on hold")
            ]), run: run)

    private static func run(_ parsed: ParsedCommand) async throws -> Int32 {
        out(try await Commands.client(parsed).metrics(), terminator: "")
        return ExitCode.success
    }
}
