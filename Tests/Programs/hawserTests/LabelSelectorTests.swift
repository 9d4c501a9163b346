import Arguments
import Testing

@testable import hawser

@Suite struct LabelSelectorTests {
    private let labels = ["app": "replication", "env": "a", "empty": ""]

    @Test(arguments: [
        ("", true), ("app=replication", true), ("app==replication", true), ("app=other", false),
        ("app != other", true), ("tier!=db", true), ("env in (a,b)", true), ("env in (b, c)", false),
        ("env notin (b,c)", true), ("tier notin (x)", true), ("env notin (a)", false), ("!tier", true), ("!app", false),
        ("app", true), ("tier", false), ("empty=", true), ("app=replication,tier!=db,env in (a,b),!x,env", true),
        ("app=replication,x", false), ("env in (b),app=replication", false),
    ])
    func `all requirements have to hold`(_ text: String, _ expected: Bool) throws {
        #expect(try LabelSelector(text).matches(labels) == expected)
    }

    @Test func `an absent label is none of the values, and is no empty text`() throws {
        #expect(try LabelSelector("tier!=db").matches([:]))
        #expect(try !LabelSelector("tier=").matches([:]))
        #expect(try LabelSelector("a in (,x)").matches(["a": ""]))
    }

    @Test(arguments: [
        "app=a=b", "env in a,b", "env in (a", "env)", "=x", "a,,b", "a b", "env within (a)", "!", "in (a)", "a>1",
        "((a))",
    ])
    func `what is no selector is refused with an example`(_ text: String) {
        let error = #expect(throws: UsageError.self) { try LabelSelector(text) }
        #expect(error?.description.contains("write it like app=") == true)
    }
}
