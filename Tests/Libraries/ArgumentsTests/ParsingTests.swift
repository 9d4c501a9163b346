import Arguments
import Testing

@Suite struct ParsingTests {
    private let command = CommandDescription(
        "apply", operands: "[NAME...]", operandCount: 0...2, summary: "Applies.",
        options: [
            CommandOption("filename", "f", value: .required("FILE"), isRepeatable: true, help: "what to apply"),
            CommandOption("dry-run", "n", help: "change nothing"),
            CommandOption("wait", value: .optional("TIMEOUT"), help: "wait until ready"),
        ])

    @Test func `options come long, short, bundled and repeated`() throws {
        let parsed = try command.parse(["-nf", "a", "--filename=b", "--filename", "c", "--wait=5m", "x", "--", "-y"])
        #expect(parsed.has("dry-run"))
        #expect(parsed.values("filename") == ["a", "b", "c"])
        #expect(try parsed.duration("wait") == .seconds(300))
        #expect(parsed.operands == ["x", "-y"])
    }

    @Test(arguments: [["-f", "a"], ["-fa"], ["-f=a"], ["-nf=a"], ["--filename=a"], ["--filename", "a"]])
    func `a value stands behind its option in every usual way`(_ arguments: [String]) throws {
        #expect(try command.parse(arguments).value("filename") == "a")
    }

    @Test func `an optional value may be left out`() throws {
        let parsed = try command.parse(["--wait", "x"])
        #expect(parsed.has("wait"))
        #expect(parsed.value("wait") == nil)
        #expect(parsed.operands == ["x"])
    }

    @Test(arguments: [
        (["--filenam", "a"], "unknown option --filenam; did you mean --filename?"),
        (["--dry-run=yes"], "--dry-run takes no value"), (["-f"], "-f needs FILE"), (["-q"], "unknown option -q"),
        (["-n", "-n"], "--dry-run is given twice"), (["a", "b", "c"], "'c' is one argument too many"),
    ]) func `what is wrong is said`(arguments: [String], message: String) {
        #expect(throws: UsageError(message)) { try command.parse(arguments) }
    }

    @Test func `help shows what parsing takes`() {
        #expect(
            command.help(program: "hawser") == """
                usage: hawser apply [OPTIONS] [NAME...]

                Applies.

                options:
                  -f, --filename FILE   what to apply
                  -n, --dry-run         change nothing
                      --wait[=TIMEOUT]  wait until ready

                """)
    }

    @Test func `help shows examples last`() {
        var command = CommandDescription("go", summary: "Goes.")
        command.examples = [CommandExample("p go", "go there"), CommandExample("p go -f", "go fast")]
        #expect(
            command.help(program: "p") == """
                usage: p go

                Goes.

                examples:
                  # go there
                  p go

                  # go fast
                  p go -f

                """)
    }

    /// A grace period of this length in a manifest ended the program.
    @Test(arguments: ["9223372036854775807d", "9223372036854775807h", "153722867280912931m", "99999999999999999999s"])
    func `a time that does not fit is none`(_ text: String) {
        #expect(Durations.parse(text) == nil)
    }
}
