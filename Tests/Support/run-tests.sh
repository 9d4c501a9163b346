#!/usr/bin/env bash
# Runs the built tests and, when some fail, says at the end once more which and why: thousands of lines are no report.
# Arguments go to `swift test`. All that was printed stays in .build/tests.log.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
log=.build/tests.log
: >"$log"

# What starts whole installations, outside clients, many servers or worlds on all processors gets the machine to itself, one test after the other:
# beside all the others each would mostly wait for a processor.
whole='^AcceptanceTests\.|^SimulatedWorldTests\.|TwentyChangesTests|PythonClientTests|RecordedAnswersTests|NBDServer.*Tests|ReplaceableDaemon'

result=0
run() { swift test --skip-build "$@" 2>&1 | tee -a "$log"; [[ ${PIPESTATUS[0]} -eq 0 ]] || result=1; }
run "$@" --skip "$whole"
run "$@" --no-parallel --filter "$whole"
if [[ $result -ne 0 ]]; then
    printf '\n--- What failed (all of it: %s)\n' "$log" >&2
    grep -aE -A3 '^✘ Test .* recorded an issue|error: |Fatal error|fatalError|signal code' "$log" | grep -avE '^(✔|◇|--)' >&2
fi
exit "$result"
