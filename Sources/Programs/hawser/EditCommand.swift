import Arguments
import ControlAPIClient
import ControlAPIModel
import Glibc
import LinuxCalls

/// `hawser edit`: one object in an editor, as `kubectl edit` does it.
enum EditCommand {
    static let command = Command(
        description: CommandDescription(
            "edit", operands: "NAME", operandCount: 1...1, summary: "change an attachment's manifest in an editor",
            discussion: """
                Starts VISUAL, EDITOR or vi on the manifest, and applies it when the editor is left. A text that cannot be applied is
                shown again with what is wrong. Nobody's change is overwritten, and no text is lost: what was not applied
                stays in a file that is named.
                """,
            options: [Commands.socket, Commands.help], operandCompletions: [.listed(Proposals.attachments)],
            examples: [
                CommandExample("EDITOR='code --wait' hawser edit orders", "change orders in an editor of your choice")
            ]),
        run: run)

    private static func run(_ parsed: ParsedCommand) async throws -> Int32 {
        let name = Commands.names(parsed)[0]
        let client = Commands.client(parsed)
        guard let object = try await client.objects().first(where: { $0.name == name }) else {
            throw NotEditable(name: name, isRow: try await client.overview().items.contains { $0.name == name })
        }
        var edited = try EditedManifest(object)
        let file = try EditedFile(name: name)
        while true {
            switch try file.edit(edited) {
            case .unchanged where edited.problems.isEmpty:
                file.remove()
                out("Edit cancelled, no changes made.")
                return ExitCode.success
            case .unchanged: throw file.kept("no valid text was saved")
            case .emptied:
                file.remove()
                out("Edit cancelled, saved file was empty.")
                return ExitCode.success
            case .changed(let body):
                switch edited.edited(body) {
                case .failure(let refusal): edited.refuse(body, refusal.problems)
                case .success(let wanted):
                    guard let refusal = try await refusal(of: wanted, file, client) else { return ExitCode.success }
                    edited.refuse(body, [refusal])
                }
            }
        }
    }

    /// Applies the object.
    ///
    /// - Returns: what hawserd has against it, so that the person can do better; `nil` when it is applied.
    private static func refusal(
        of wanted: WireObject, _ file: EditedFile, _ client: ControlClient
    ) async throws -> EditedManifest.Problem? {
        do {
            let isChanged = try await client.apply([wanted]).contains { $0.change != "unchanged" }
            file.remove()
            out(isChanged ? "volumeattachment/\(wanted.name) edited" : "Edit cancelled, no changes made.")
            return nil
        } catch ControlError.refused(let problem) {
            try await checkGeneration(of: wanted, file, client)
            return EditedManifest.Problem(message: problem.detail)
        } catch {
            throw file.kept("\(error)")
        }
    }

    /// When somebody else was quicker, no better text helps.
    private static func checkGeneration(of wanted: WireObject, _ file: EditedFile, _ client: ControlClient) async throws
    {
        let objects: [WireObject]
        do { objects = try await client.objects() } catch { throw file.kept("\(error)") }
        guard objects.first(where: { $0.name == wanted.name })?.generation == wanted.expectedGeneration else {
            throw file.kept("'\(wanted.name)' was changed by somebody else meanwhile; edit it again")
        }
    }
}

/// The file that the editor is given: it is there until its text was applied or given up.
private struct EditedFile {
    enum Outcome {
        case unchanged
        case emptied
        case changed(String)
    }

    private let directory: String
    private let path: String

    init(name: String) throws(SystemCallError) {
        directory = try TemporaryDirectory(prefix: "hawser-edit", keeps: true).path
        path = "\(directory)/\(name).yaml"
    }

    /// Lets a person edit; returns when the editor has ended.
    func edit(_ manifest: EditedManifest) throws -> Outcome {
        let text = manifest.text
        try writeFile(path, bytes: Array(text.utf8), mode: 0o600)
        let status = try Editor.open(path)
        let saved = try readTextFile(path)
        guard status.isSuccess else {
            if saved == text, manifest.problems.isEmpty { remove() }
            let editor = "the editor '\(Editor.command)' ended with \(status); set VISUAL or EDITOR"
            throw saved == text && manifest.problems.isEmpty ? EditFailure(description: editor) : kept(editor)
        }
        let body = EditedManifest.body(of: saved)
        if body == manifest.body { return .unchanged }
        return body.allSatisfy(\.isWhitespace) ? .emptied : .changed(body)
    }

    func remove() {
        // A file that stays behind in the temporary directory does no harm.
        try? removeTree(directory)
    }

    func kept(_ reason: String) -> EditFailure {
        EditFailure(description: "cannot save the edit: \(reason); your text is kept in \(path)")
    }
}

/// The editor that a person has chosen.
enum Editor {
    static var command: String {
        for name in ["VISUAL", "EDITOR"] {
            if let value = getenv(name).map({ String(cString: $0) }), !value.isEmpty { return value }
        }
        return "vi"
    }

    /// Runs the editor on this terminal until it ends. What people set is a piece of shell, such as `code --wait`; the file's
    /// name is a parameter, and no part of it.
    static func open(_ path: String) throws(SystemCallError) -> ExitStatus {
        // As in system(3): Ctrl-C is meant for the editor.
        let interrupt = signal(SIGINT, SIG_IGN)
        let quit = signal(SIGQUIT, SIG_IGN)
        defer {
            signal(SIGINT, interrupt)
            signal(SIGQUIT, quit)
        }
        return try ChildProcess.runAndWait(
            .init("/bin/sh", ["-c", "\(command) \"$1\"", "hawser-edit", path], input: .inherited))
    }
}

struct EditFailure: Error, CustomStringConvertible {
    let description: String
}

struct NotEditable: Error, CustomStringConvertible {
    var name: String
    /// Whether it is there, as a row that makes no sense.
    var isRow: Bool

    var description: String {
        isRow
            ? "cannot edit '\(name)': it is a row that makes no sense; 'hawser describe \(name)' says why, repair the row"
            : "there is no attachment '\(name)': 'hawser get' lists them"
    }
}
