/// The shells that a program's command lines can be completed in.
///
/// Each script hands the typed words to `PROGRAM __complete SHELL WORD…` and shows what comes back: a first line, `words` or
/// `files`, then a line for each proposal, with its meaning behind a tab.
public enum CompletionShell: String, Sendable, CaseIterable {
    case bash, zsh, fish

    /// The hidden command that the scripts call.
    public static let command = "__complete"

    /// The script, for a program whose name needs no quoting.
    public func script(for program: String) -> String {
        let template =
            switch self {
            case .bash: Self.bashScript
            case .zsh: Self.zshScript
            case .fish: Self.fishScript
            }
        return template.split(separator: "PROGRAM", omittingEmptySubsequences: false).joined(separator: program)
    }

    // bash gives a broken-up `--option=VALUE` (COMP_WORDBREAKS) and replaces its last piece only; the program knows.
    private static let bashScript = #"""
        # Completion of PROGRAM for bash. Try it:   source <(PROGRAM completion bash)
        # Install it:   PROGRAM completion bash >/etc/bash_completion.d/PROGRAM
        _PROGRAM() {
            local program=${COMP_WORDS[0]/#\~/$HOME} current=${COMP_WORDS[COMP_CWORD]} line
            local -a answer
            COMPREPLY=()
            [[ $current == = ]] && current=
            mapfile -t answer < <("$program" __complete bash "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
            if [[ ${answer[0]} == files ]]; then
                compopt -o filenames 2>/dev/null
                mapfile -t COMPREPLY < <(compgen -f -- "$current")
                return
            fi
            for line in "${answer[@]:1}"; do COMPREPLY+=("${line%%$'\t'*}"); done
            if ((${#COMPREPLY[@]} == 1)) && [[ ${COMPREPLY[0]} == *= ]]; then compopt -o nospace 2>/dev/null; fi
        }
        complete -F _PROGRAM PROGRAM

        """#

    private static let zshScript = #"""
        #compdef PROGRAM
        # Completion of PROGRAM for zsh. Try it:   source <(PROGRAM completion zsh)
        # Install it:   PROGRAM completion zsh >/usr/local/share/zsh/site-functions/_PROGRAM
        _PROGRAM() {
            local program=${words[1]/#\~/$HOME} line word
            local -a answer whole open
            answer=("${(@f)$("$program" __complete zsh "${(@)words[2,CURRENT-1]}" "$PREFIX" 2>/dev/null)}")
            if [[ ${answer[1]} == files ]]; then
                compset -P '--*='
                _files
                return
            fi
            for line in "${(@)answer[2,-1]}"; do
                word=${line%%$'\t'*}
                line=${word//:/\\:}:${line#*$'\t'}
                if [[ $word == *= ]]; then open+=("$line"); else whole+=("$line"); fi
            done
            ((${#whole})) && _describe -t PROGRAM PROGRAM whole
            ((${#open})) && _describe -t PROGRAM PROGRAM open -S ''
        }
        if [[ ${funcstack[1]} == _PROGRAM ]]; then _PROGRAM "$@"; else compdef _PROGRAM PROGRAM; fi

        """#

    private static let fishScript = #"""
        # Completion of PROGRAM for fish. Try it:   PROGRAM completion fish | source
        # Install it:   PROGRAM completion fish >~/.config/fish/completions/PROGRAM.fish
        function __PROGRAM_complete
            set -l before (commandline -opc)
            set -l current (commandline -ct)
            set -l answer ($before[1] __complete fish $before[2..-1] "$current" 2>/dev/null)
            if test "$answer[1]" = files
                set -l lead (string match -r -- '^--[^=]*=' "$current")
                for path in (__fish_complete_path (string replace -- "$lead" '' "$current"))
                    echo "$lead$path"
                end
            else
                printf '%s\n' $answer[2..-1]
            end
        end
        complete -c PROGRAM -f -a '(__PROGRAM_complete)'

        """#
}
