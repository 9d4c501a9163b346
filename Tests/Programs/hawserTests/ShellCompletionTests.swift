import Arguments
import Glibc
import LinuxCalls
import Rig
import Testing

@testable import hawser

/// The scripts in the real shells, with the built program.
@Suite struct ShellCompletionTests {
    private static func has(_ shell: String) -> Bool {
        ["/bin", "/usr/bin", "/usr/local/bin"].contains { access("\($0)/\(shell)", X_OK) == 0 }
    }

    /// Runs a script of a shell with `hawser` on the path, where no hawserd answers.
    private func run(_ shell: String, _ arguments: [String]) async throws -> [String] {
        let home = try TemporaryDirectory(prefix: "hawser-shell")
        let programs = parentDirectory(of: try BuiltPrograms.path(of: "hawser"))
        let outcome = try await ChildProcess.run(
            .init(
                shell, arguments,
                environment: [
                    "PATH": "\(programs):/usr/local/bin:/usr/bin:/bin", "HOME": home.path, "TERM": "dumb",
                    "LC_ALL": "C.UTF-8", "HAWSER_SOCKET": "\(home.path)/nobody",
                ]))
        #expect(outcome.errors == "")
        return outcome.output.split(separator: "\n").map(String.init)
    }

    private func bash(_ words: [String]) async throws -> [String] {
        let script = #"""
            source <(hawser completion bash)
            COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
            _hawser
            printf '%s\n' "${COMPREPLY[@]}"
            """#
        return try await run("bash", ["--norc", "-c", script, "bash"] + words)
    }

    @Test(arguments: [
        (["hawser", "comp"], ["completion"]), (["hawser", "get", "vol"], ["volumes"]),
        (["hawser", "get", "-o", "js"], ["json", "jsonpath="]), (["hawser", "get", "--output", "=", "n"], ["name"]),
        (
            ["hawser", "get", "--output", "="],
            ["table", "wide", "json", "yaml", "name", "jsonpath=", "custom-columns="]
        ),
        (["hawser", "get", "-oya"], ["-oyaml"]), (["hawser", "get", "-l", "app", "=", "x", "no"], ["nodes"]),
        (["hawser", "wait", "--for", "=", ""], ["ready", "detached"]),
        (["hawser", "completion", ""], ["bash", "zsh", "fish"]),
        (["hawser", "apply", "-f", "/etc/hostn"], ["/etc/hostname"]), (["hawser", "describe", ""], []),
        (["hawser", "get", "--no"], ["--no-headers"]), (["hawser", "nonsense", ""], []), (["hawser", "plan", ""], []),
    ])
    func `bash completes from the table`(_ words: [String], _ expected: [String]) async throws {
        #expect(try await bash(words) == expected)
    }

    @Test(
        .enabled(if: has("fish"), "needs fish"),
        arguments: [
            ("hawser comp", ["completion\tprint the script by which a shell completes hawser's command lines"]),
            ("hawser get -o js", ["json", "jsonpath="]), ("hawser get --output=na", ["--output=name"]),
            ("hawser get vol", ["volumes"]), ("hawser apply -f /etc/hostn", ["/etc/hostname"]),
            ("hawser apply --filename=/etc/hostn", ["--filename=/etc/hostname"]), ("hawser describe ", []),
        ])
    func `fish completes from the table`(_ line: String, _ expected: [String]) async throws {
        let script = "hawser completion fish | source; complete -C '\(line)'"
        #expect(try await run("fish", ["--no-config", "-c", script]) == expected)
    }

    /// zsh completes only where somebody types: into an interactive shell on a terminal of its own.
    @Test(
        .enabled(if: has("zsh"), "needs zsh"), .timeLimit(.minutes(2)),
        arguments: [
            ("hawser comp", "hawser completion "), ("hawser get vol", "hawser get volumes "),
            ("hawser get -o na", "hawser get -o name "),
            ("hawser get --output=cus", "hawser get --output=custom-columns="),
            ("hawser apply -f /etc/hostn", "hawser apply -f /etc/hostname "),
            ("hawser apply --filename=/etc/hostn", "hawser apply --filename=/etc/hostname "),
        ])
    func `zsh completes from the table`(_ line: String, _ expected: String) async throws {
        // Ctrl-X then shows the line as it has become.
        let script = #"""
            zmodload zsh/zpty
            zpty shell zsh -f -i
            zpty -w shell 'PS1=; unsetopt zle_bracketed_paste; autoload -U compinit && compinit -u -D'
            zpty -w shell 'source <(hawser completion zsh)'
            zpty -w shell 'show() { print -r -- "<$BUFFER>" }; zle -N show; bindkey "^X" show; print rea""dy'
            zpty -r -m shell answer '*ready*'
            zpty -w -n shell "$1"$'\t\x18'
            zpty -r -m shell answer '*<hawser*>*'
            print -r -- "${${answer##*<}%%>*}"
            zpty -d shell
            """#
        #expect(try await run("zsh", ["-f", "-c", script, "zsh", line]) == [expected])
    }
}
