import Arguments
import Glibc
import LinuxCalls
import Testing

@testable import hawser

@Suite struct ManualTests {
    private static let names = ["hawser"] + Commands.all.map { "hawser-\($0.description.name)" }

    private func page(_ name: String) throws -> String {
        if name == "hawser" { return Manual.hawser.overview }
        let command = try #require(Commands.all.first { "hawser-\($0.description.name)" == name })
        return Manual.hawser.page(of: command.description)
    }

    private func file(_ name: String) throws -> (directory: TemporaryDirectory, path: String) {
        let directory = try TemporaryDirectory(prefix: "hawser-man")
        let path = "\(directory.path)/\(name).1"
        try writeFile(path, bytes: Array(try page(name).utf8))
        return (directory, path)
    }

    @Test(.enabled(if: access("/usr/bin/mandoc", X_OK) == 0, "needs mandoc"), arguments: names)
    func `mandoc has no remarks`(_ name: String) async throws {
        let (directory, path) = try file(name)
        let outcome = try await ChildProcess.run(.init("mandoc", ["-Tlint", "-Wstyle", path]))
        // The other pages are not installed where this runs.
        let remarks = outcome.output.split(separator: "\n").filter { !$0.contains("referenced manual not found") }
        #expect(remarks == [])
        withExtendedLifetime(directory) {}
    }

    @Test(.enabled(if: access("/usr/bin/man", X_OK) == 0, "needs man-db"), arguments: names)
    func `man shows the page without a warning`(_ name: String) async throws {
        let (directory, path) = try file(name)
        let outcome = try await ChildProcess.run(.init("man", ["--warnings", "-E", "UTF-8", "-l", path]))
        #expect(outcome.status.isSuccess)
        #expect(outcome.errors == "")
        #expect(outcome.output.contains("DESCRIPTION"))
        withExtendedLifetime(directory) {}
    }

    @Test(.enabled(if: access("/usr/bin/mandoc", X_OK) == 0, "needs mandoc"))
    func `an example can be pasted from its page as it stands in help`() async throws {
        let (directory, path) = try file("hawser-get")
        let outcome = try await ChildProcess.run(.init("mandoc", ["-Tascii", "-Owidth=200", path]))
        for example in GetCommand.command.description.examples {
            #expect(outcome.output.contains("  \(example.line)\n"), "\(example.line)")
        }
        withExtendedLifetime(directory) {}
    }
}
