#!/usr/bin/env bash
# The form of the tree: formatting, imports, scripts and data files. Prints what is wrong and fails, or says that all is
# well.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
failed=0
wrong() {
    printf 'lint: %s\n' "$*" >&2
    failed=1
}

swift format lint --strict --configuration .swift-format -r Sources Tests Package.swift || wrong "run 'make format'"

# Full Foundation drags in ICU: 40 MB and several milliseconds at each start.
if grep -rnE '^\s*(@\w+ +)*((public|internal|package|private) +)?import +(Foundation|FoundationNetworking)\b' Sources Tests; then
    wrong "import FoundationEssentials instead of Foundation"
fi
if grep -rnE '^\s*(@\w+ +)*((public|internal|package|private) +)?import +(Foundation\w*|Glibc|Dispatch)\b' Sources/Core; then
    wrong "Core imports Core only"
fi
for binary in .build/release/hawser .build/release/hawserd .build/release/hawser-simulator; do
    [[ -x $binary ]] || continue
    if ldd "$binary" | grep -E 'libFoundation\.so|libFoundationInternationalization|lib_FoundationICU'; then
        wrong "$binary links full Foundation"
    fi
done

while IFS= read -r script; do
    bash -n "$script" || wrong "$script does not parse"
done < <(git ls-files '*.sh' .ci/run)
if command -v shellcheck >/dev/null 2>&1; then
    git ls-files '*.sh' .ci/run | xargs -r shellcheck || wrong "shellcheck has remarks"
fi
while IFS= read -r file; do
    python3 -c 'import json, sys; json.load(open(sys.argv[1]))' "$file" || wrong "$file is no JSON"
done < <(git ls-files '*.json')

((failed == 0)) && echo "lint: all is well"
exit "$failed"
