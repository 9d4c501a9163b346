import Arguments
import Testing

@Suite struct CompletionQuestionTests {
    private let commands = [
        CommandDescription(
            "apply", summary: "applies",
            options: [
                CommandOption(
                    "filename", "f", value: .required("FILE"), isRepeatable: true, completion: .files, help: "what"),
                CommandOption("dry-run", "n", help: "change nothing"),
                CommandOption("wait", value: .optional("TIME"), completion: .words(["1m", "5m"]), help: "until ready"),
            ]),
        CommandDescription(
            "get", operands: "KIND [NAME...]", operandCount: 0...9, summary: "lists",
            options: [
                CommandOption(
                    "output", "o", value: .required("FORMAT"), completion: .words(["json", "yaml"]), help: "form"),
                CommandOption("watch", "w", help: "go on"),
            ], operandCompletions: [.words(["volumes", "exports"]), .listed("names")]),
        CommandDescription("version", summary: "tells"),
    ]

    private func proposed(_ words: String...) -> [String] {
        let question = CompletionQuestion(words, commands: commands)
        return question.answer(question.proposals(commands) ?? []).map(\.word)
    }

    private func completion(_ words: String...) -> Completion {
        CompletionQuestion(words, commands: commands).completion
    }

    @Test func `first comes the command`() {
        #expect(proposed("") == ["apply", "get", "version"])
        #expect(proposed("g") == ["get"])
        #expect(completion("nonsense", "") == .anything)
    }

    @Test func `options are proposed by their long names, those that were given left out`() {
        #expect(proposed("get", "-") == ["--output", "--watch"])
        #expect(proposed("get", "-o", "json", "--") == ["--watch"])
        #expect(proposed("apply", "-f", "a", "--f") == ["--filename"])
    }

    @Test func `a value is completed where it stands`() {
        #expect(proposed("get", "-o", "") == ["json", "yaml"])
        #expect(proposed("get", "--output", "y") == ["yaml"])
        #expect(proposed("get", "--output=y") == ["--output=yaml"])
        #expect(proposed("get", "-oy") == ["-oyaml"])
        #expect(proposed("get", "-o=") == ["-o=json", "-o=yaml"])
        #expect(completion("apply", "-f", "") == .files)
        #expect(completion("apply", "--filename=x") == .files)
        #expect(proposed("apply", "--wait=") == ["--wait=1m", "--wait=5m"])
    }

    @Test func `operands are counted without options and their values`() {
        #expect(proposed("get", "v") == ["volumes"])
        #expect(proposed("get", "-w", "-o", "json", "v") == ["volumes"])
        #expect(completion("get", "volumes", "") == .listed("names"))
        #expect(completion("get", "volumes", "a", "") == .listed("names"))
        #expect(CompletionQuestion(["get", "volumes", "a", ""], commands: commands).operands == ["volumes", "a"])
        #expect(completion("get", "--", "-x", "") == .listed("names"))
        // An optional value never is the next word.
        #expect(completion("apply", "--wait", "") == .words([]))
        #expect(completion("version", "") == .words([]))
    }

    @Test(arguments: [
        (["get", "--output", "=", "js"], ["get", "--output=js"], 9),
        (["get", "--output", "="], ["get", "--output="], 9),
        (["get", "-l", "a", "=", "b", "v"], ["get", "-l", "a=b", "v"], 0), (["a", "==", "b"], ["a==b"], 3),
        (["get", "a", ":", "b", ":", "c"], ["get", "a:b:c"], 4), (["get", ""], ["get", ""], 0), ([], [], 0),
    ])
    func `what bash takes apart is put together`(_ pieces: [String], _ words: [String], _ kept: Int) {
        let joined = CompletionQuestion.rejoined(pieces)
        #expect(joined.words == words)
        #expect(joined.kept == kept)
    }
}
