import Arguments

/// `hawser get`: lists of one kind.
enum GetCommand {
    static let command = Command(
        description: CommandDescription(
            "get", operands: "[KIND [NAME...]]", operandCount: 0...1_000,
            summary: "list \(Kind.all.map(\.name).joined(separator: ", "))",
            discussion: """
                Without a KIND, attachments. Labels are those of attachments; volumes, devices, exports, operations and events
                are chosen by the labels of the attachment that they belong to.
                """,
            options: ListRequest.options + [Commands.socket, Commands.help],
            operandCompletions: [.listed(Proposals.kinds), .listed(Proposals.namesOfKind)],
            examples: [
                CommandExample("hawser get", "all attachments"),
                CommandExample(
                    "hawser get attachments -l 'app=replication,tier!=db,env in (a,b)' -o wide",
                    "those with these labels"),
                CommandExample(
                    "hawser get attachments orders -o yaml", "one of them, as a manifest that apply takes again"),
                CommandExample("hawser get volumes --sort-by=.sizeInBytes --no-headers", "volumes, the largest last"),
                CommandExample(
                    "hawser get -o jsonpath='{range .items[*]}{.metadata.name}{\"\\t\"}{.status.device}{\"\\n\"}{end}'",
                    "names and devices, for a script"),
                CommandExample("hawser get exports --watch", "exports, and how they change"),
            ]), run: run)

    private static func run(_ parsed: ParsedCommand) async throws -> Int32 {
        let request = try ListRequest(parsed)
        return try await request.run(Commands.client(parsed))
    }
}
