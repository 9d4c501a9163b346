import Testing

@testable import YAML

@Suite struct YAMLReaderTests {
    private func read(_ text: String) throws -> [Node] { try YAMLReader().documents(Array(text.utf8)) }

    @Test(arguments: [
        ("no", Node.Value.text("no")), ("on", .text("on")), ("true", .flag(true)), ("012", .integer(12)),
        ("0o14", .integer(12)), ("0xC", .integer(12)), ("-7", .integer(-7)), ("1.5", .real(1.5)), ("1e3", .real(1000)),
        ("~", .null), ("\"1\"", .text("1")), ("1_000", .text("1_000")), ("2026-11-20", .text("2026-11-20")),
        ("NaN", .text("NaN")), ("12:30", .text("12:30")),
    ]) func `plain scalars follow the core schema of YAML 1_2`(text: String, value: Node.Value) throws {
        #expect(try read("a: \(text)").first?["a"]?.value == value)
    }

    @Test func `every value knows where it stands`() throws {
        let node = try #require(try read("a:\n  b: [1,\n      x]\n").first)
        guard case .list(let items)? = node["a"]?["b"]?.value else {
            Issue.record("no list")
            return
        }
        #expect(items.map(\.mark) == [Mark(line: 2, column: 7), Mark(line: 3, column: 7)])
    }

    @Test(arguments: [
        ("a: 1\nb: 2\na: 3\n", "3:1: 'a' stands twice; first at 1:1"),
        ("a: [1\n", "2:1: did not find expected ',' or ']'"),
        ("a: *x", "1:4: nothing is anchored as '&x'"), ("? [a]\n: b", "1:3: a key has to be plain text"),
    ]) func `what is wrong is said with its place`(text: String, message: String) {
        #expect { try read(text) } throws: { "\($0)" == message }
    }

    @Test func `a billion laughs are not laughed`() {
        var text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
        for level in 1..<9 {
            let aliases = Array(repeating: "*a\(level - 1)", count: 10).joined(separator: ", ")
            text += "a\(level): &a\(level) [\(aliases)]\n"
        }
        #expect(throws: YAMLError.self) { try read(text) }
    }

    @Test func `nesting has an end`() {
        #expect(throws: YAMLError.self) { try read(String(repeating: "[", count: 1_000)) }
    }

    @Test func `several documents are read, and empty ones left out`() throws {
        #expect(try read("---\na: 1\n---\n---\nb: 2\n...\n").count == 2)
        #expect(try read("# nothing\n").isEmpty)
    }

    @Test(arguments: [
        "plain", "no", "true", "12", "a: b", "- x", "#", "", "\"", "é\n\t\u{1}", " lead", "~", "1.0", "-",
        "\u{85}\u{2028}\u{2029}", "\u{9F}\u{FEFF}\u{FFFE}\u{10FFFF}",
    ])
    func `what is written is read back`(text: String) throws {
        let value = YAMLWriter.map([
            ("k", .text(text)), ("list", .list([YAMLWriter.node(.text(text)), YAMLWriter.node(.map([]))])),
            ("nested", YAMLWriter.map([("n", .integer(1)), ("f", .flag(false))])),
        ])
        let written = YAMLWriter.text(YAMLWriter.node(value))
        let node = try #require(try read(written).first)
        #expect(node["k"]?.value == .text(text), "\(written)")
        #expect(node["nested"]?["f"]?.value == .flag(false))
    }

    /// Lists in lists were written as one list, and infinity as a word.
    @Test(arguments: [
        "- - - 1\n    - 2\n  - [3, {a: [[4]], b: 5}]\n- 6", "[.inf, -.inf, -0.0, 1e300]",
        "- ? \(String(repeating: "k", count: 2_000))\n  : {a: 1}\n  b: 2",
    ])
    func `what is read is written as the same`(text: String) throws {
        func values(_ node: Node) -> String {
            switch node.value {
            case .list(let items): "[" + items.map(values).joined(separator: ",") + "]"
            case .map(let entries): "{" + entries.map { "\($0.key):\(values($0.value))" }.joined(separator: ",") + "}"
            case .null, .flag, .integer, .real, .text: "\(node.value)"
            }
        }
        let node = try #require(try read(text).first)
        #expect(try read(YAMLWriter.text(node)).map(values) == [values(node)])
    }
}
