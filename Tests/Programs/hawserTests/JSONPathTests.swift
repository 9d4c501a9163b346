import Arguments
import Testing
import YAML

@testable import hawser

/// The cases follow those of kubectl's own tests (k8s.io/client-go/util/jsonpath/jsonpath_test.go) in kind.
@Suite struct JSONPathTests {
    private static let world = """
        {"kind": "List", "count": 3, "share": 0.5, "items": [
          {"metadata": {"name": "a", "labels": {"example.org/app": "web"}}, "size": 64, "isReady": true,
           "drifts": [{"kind": "x"}, {"kind": "y"}]},
          {"metadata": {"name": "b"}, "size": 1024, "isReady": false, "drifts": []},
          {"metadata": {"name": "c"}, "size": 8, "isReady": true, "device": "vdc"}]}
        """

    private func text(_ template: String) throws -> String {
        let root = try #require(try YAMLReader().documents(Array(Self.world.utf8)).first)
        return try JSONPath(template).text(of: root)
    }

    @Test(arguments: [
        ("plain {.kind} text", "plain List text"), ("{.items[*].metadata.name}", "a b c"),
        ("{$.items[0].metadata.name}", "a"), ("{.items[-1:].metadata.name}", "c"), ("{.items[-1].metadata.name}", "c"),
        ("{.items[0:2].size}", "64 1024"), ("{.items[:3:2].size}", "64 8"), ("{.items[1:].size}", "1024 8"),
        ("{.items[0,2].size}", "64 8"), ("{.items[*]['metadata.name', 'size']}", "a b c 64 1024 8"),
        ("{.items[0]['metadata']['name']}", "a"), ("{..kind}", "List x y"), ("{.items[*]..kind}", "x y"),
        (#"{.items[0].metadata.labels.example\.org/app}"#, "web"), ("{.count} {.share}", "3 0.5"),
        ("{.nothing}", ""), ("before-{.nothing}-after", "before--after"), ("{.items[*].device}", "vdc"),
        ("{.items[0].metadata}", #"{"name":"a","labels":{"example.org/app":"web"}}"#),
        ("{.items[0].drifts.*.kind}", "x y"),
        ("{.items[0].drifts}", #"[{"kind":"x"},{"kind":"y"}]"#),
        (#"{range .items[*]}{.metadata.name}{"\t"}{.size}{"\n"}{end}done"#, "a\t64\nb\t1024\nc\t8\ndone"),
        (#"{range .items[*]}[{.metadata.name}:{range .drifts[*]}{.kind},{end}]{end}"#, "[a:x,y,][b:][c:]"),
        (#"{range .nothing[*]}{.x}{end}-"#, "-"), (#"{"{"}{'it\'s'}"#, "{it's"), ("{@.kind}", "List"),
        ("{.items[0:0].size}", ""),
        (".items[*].size", "64 1024 8"), ("items[1].size", "1024"),
    ])
    func `templates are filled in as kubectl does`(_ template: String, _ expected: String) throws {
        #expect(try text(template) == expected)
    }

    @Test(arguments: [
        (#"{.items[?(@.metadata.name=="b")].size}"#, "1024"), (#"{.items[?(@.metadata.name!='b')].size}"#, "64 8"),
        ("{.items[?(@.size>60)].metadata.name}", "a b"), ("{.items[?(@.size<=64)].metadata.name}", "a c"),
        ("{.items[?(@.isReady==true)].metadata.name}", "a c"), ("{.items[?(@.device)].metadata.name}", "c"),
        (#"{.items[?(@.metadata.name=="a)]")].size}"#, ""), ("{.items[?(@.size>63.5)].size}", "64 1024"),
    ])
    func `filters choose elements`(_ template: String, _ expected: String) throws {
        #expect(try text(template) == expected)
    }

    @Test(arguments: [
        ("{.items[3]}", "cannot take element 3: the list has 3"), ("{.items[1:9]}", "cannot take elements 1 to 9"),
        ("{.kind[0]}", "only a list has them"), (#"{.items[?(@.size=="64")]}"#, "text stands in quotes, numbers"),
        (#"{.items[?(@.isReady<true)]}"#, "cannot compare"),
    ])
    func `what cannot be answered is said, and not answered with nothing`(_ template: String, _ message: String) {
        let error = #expect(throws: JSONPath.Problem.self) { try text(template) }
        #expect(error?.description.contains(message) == true, "\(error?.description ?? "")")
    }

    @Test(arguments: [
        "{.a", "{.a[0}", "{hello}", "{end}", "{range .a}", "{.a[b]}", "{.a[?(@.b=~'c')]}", "{.a[?(@.b==)]}", "{....a}",
        "{.a[?(@.b<>1)]}", #"{"\q"}"#, "{'open}", "{.a[0:2:0]}", "{.a[?@.b]}",
    ])
    func `a template that makes no sense is refused before anything is asked`(_ template: String) {
        #expect(throws: UsageError.self) { try JSONPath(template) }
    }

    @Test func `text is sorted as people count, numbers by size, and what is absent comes first`() throws {
        let names = ["vdb10", "vdb2", "vda", "vdb02x", "b", "10", "9", ""]
        #expect(names.sorted(by: SortOrder.isBefore) == ["", "9", "10", "b", "vda", "vdb2", "vdb02x", "vdb10"])
        let values: [Node?] = [nil, .some(YAMLWriter.node(.integer(9))), .some(YAMLWriter.node(.integer(10)))]
        #expect(SortOrder.isBefore(values[0], values[1]))
        #expect(SortOrder.isBefore(values[1], values[2]))
        #expect(!SortOrder.isBefore(values[0], values[0]))
    }
}
