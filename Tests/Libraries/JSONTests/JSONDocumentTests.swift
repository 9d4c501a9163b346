import JSON
import Testing

@Suite struct JSONDocumentTests {
    @Test func `values are found and read tolerantly`() throws {
        let root = try JSONDocument(
            Array(#"{"a":{"n":"12","m":12,"t":"true","f":false,"u":"\u00e9","z":null},"l":[1,2]}"#.utf8)
        ).root
        #expect(root["a"]?["n"]?.integer == 12)
        #expect(root["a"]?["m"]?.integer == 12)
        #expect(root["a"]?["t"]?.flag == true)
        #expect(root["a"]?["f"]?.flag == false)
        #expect(root["a"]?["u"]?.text == "é")
        #expect(root["a"]?["z"] == nil)
        #expect(root["l"]?.elements?.compactMap(\.integer) == [1, 2])
        #expect(root["a"]?.fields?.map(\.name) == ["n", "m", "t", "f", "u", "z"])
        #expect(root["missing"] == nil)
    }

    @Test(arguments: [
        "", "{", "[1,", "<html></html>", "{\"a\":}", "nul", "\u{0}", String(repeating: "[", count: 5_000), "{\"a\":1}x",
        "\"\\ud800\"", "1e99999", "{\"a\":1 \"b\":2}",
    ]) func `what is no JSON is refused`(text: String) {
        #expect(throws: JSONError.self) { try JSONDocument(Array(text.utf8)) }
    }

    @Test func `every cut of a good text is refused or good, and nothing worse`() throws {
        let bytes = Array(#"{"listvolumesresponse":{"count":1,"volume":[{"id":"x","size":1,"tags":[]}]}}"#.utf8)
        for length in 0..<bytes.count {
            #expect(throws: JSONError.self) { try JSONDocument(Array(bytes[..<length])) }
        }
        _ = try JSONDocument(bytes)
    }
}

@Suite struct JSONWriterTests {
    @Test func `what is written reads back, whatever stands in a text`() throws {
        let all = String(String.UnicodeScalarView((0..<0x80).compactMap(Unicode.Scalar.init))) + "é\u{2028}😀"
        var writer = JSONWriter()
        writer.object { writer in
            writer.field("text", all)
            writer.field("absent", nil as String?)
            writer.field("number", Int64.min)
            writer.field("yes", true)
            writer.list("none", [] as [Int]) { $0.field("n", $1) }
            writer.list("list", [1, 2]) { $0.field("n", $1) }
            writer.field("object", "x" as String?) { $0.field("inner", $1) }
            writer.field("no", nil as Int?) { $0.field("inner", $1) }
        }
        let root = try JSONDocument(writer.bytes).root
        #expect(root.fields?.map(\.name) == ["text", "number", "yes", "none", "list", "object"])
        #expect(root["text"]?.text == all)
        #expect(root["number"]?.integer == .min)
        #expect(root["yes"]?.flag == true)
        #expect(root["none"]?.elements?.isEmpty == true)
        #expect(root["list"]?.elements?.map { $0["n"]?.integer } == [1, 2])
        #expect(root["object"]?["inner"]?.text == "x")
    }
}
