import LinuxCalls
import Testing

/// Every input of the corpus, which `make fuzz` begins with, and every one that once was too much: they go on being read.
@Suite(.serialized) struct CorpusTests {
    static let corpus = #filePath.split(separator: "/").dropLast().reduce(into: "") { $0 += "/" + $1 } + "/corpus"

    @Test(arguments: FuzzTarget.all.map(\.name)) func `what must hold of a reader holds for its corpus`(
        name: String
    ) async throws {
        let target = try #require(FuzzTarget.all.first { $0.name == name })
        let files = try directoryEntries("\(Self.corpus)/\(name)")
        #expect(!files.isEmpty)
        for file in files {
            do { try await target.check(try readFile("\(Self.corpus)/\(name)/\(file)")) } catch {
                Issue.record("\(name)/\(file): \(error)")
            }
        }
    }

    @Test func `every folder of the corpus belongs to a target`() throws {
        #expect(try Set(directoryEntries(Self.corpus)) == Set(FuzzTarget.all.map(\.name)))
    }

    @Test func `the page of the tests says what every target reads`() throws {
        let page = String(decoding: try readFile("\(Self.corpus)/../../../docs/testing.md"), as: UTF8.self)
        for target in FuzzTarget.all { #expect(page.contains("\n| `\(target.name)` | "), "\(target.name)") }
    }
}
