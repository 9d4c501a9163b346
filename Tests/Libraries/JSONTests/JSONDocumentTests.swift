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
