import Arguments
import Glibc
import LinuxCalls
import Testing

@testable import hawser

/// Every help text as it is printed, byte for byte, in a file of its own: a change shows in the review as people will see it.
/// `make snapshots` writes the files anew.
@Suite struct HelpSnapshotTests {
    private static let directory =
        #filePath.split(separator: "/").dropLast().reduce(into: "") { $0 += "/" + $1 } + "/Snapshots"
    private static let isRenewing = getenv("HAWSER_RENEW_SNAPSHOTS") != nil

    /// The file's name, and what stands in it.
    private static let texts: [(name: String, text: String)] = {
        var texts = [("overview", HelpPage.overview + "\n")]
        // The pages of help have their own test that none is missing.
        texts.append(("exit-codes", ((try? HelpPage.page("exit-codes")) ?? "") + "\n"))
        return texts + Commands.all.map { ($0.description.name, $0.description.help(program: "hawser")) }
    }()

    @Test(arguments: texts.map(\.name)) func `help is what its snapshot shows`(_ name: String) throws {
        let text = try #require(Self.texts.first { $0.name == name }?.text)
        let path = "\(Self.directory)/\(name).txt"
        if Self.isRenewing { try writeFile(path, bytes: Array(text.utf8)) }
        let snapshot = exists(path) ? try readTextFile(path) : ""
        #expect(
            text == snapshot,
            "help of \(name) is not \(path): if it is meant so, 'make snapshots' and look at the change")
    }

    @Test func `there is no snapshot of a help text that is gone`() throws {
        let known = Set(Self.texts.map { "\($0.name).txt" })
        for name in try directoryEntries(Self.directory) where !known.contains(name) {
            if Self.isRenewing { try removeTree("\(Self.directory)/\(name)") }
            #expect(Self.isRenewing, "\(name) belongs to no command: 'make snapshots' removes it")
        }
    }

    @Test func `help fits a terminal of 120 columns`() {
        for (name, text) in Self.texts {
            for line in text.split(separator: "\n") { #expect(line.count <= 120, "\(name): \(line)") }
        }
    }

    @Test func `every command is documented in cli_md`() throws {
        let root = #filePath.split(separator: "/").dropLast(4).reduce(into: "") { $0 += "/" + $1 }
        let page = try readTextFile("\(root)/docs/cli.md")
        for command in Commands.all {
            let name = command.description.name
            #expect(page.contains("`\(name)") || page.contains("hawser \(name)"), "\(name)")
        }
    }
}
