#!/usr/bin/env bash
# Runs the built tests and, when some fail, says at the end once more which and why: thousands of lines are no report.
# Arguments go to `swift test`. All that was printed stays in .build/tests.log.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
log=.build/tests.log
: >"$log"

# What starts whole installations, outside clients, many servers or worlds does not run beside all the others: there each would
# mostly wait for a processor. These tests run one after the other, in two rows beside each other, because most of what they do
# is to wait for servers and devices.
servers='TwentyChangesTests|NBDServer.*Tests|ReplaceableDaemon|CloudFaultTests|CommandLineTests|MariaDBFaultTests|MariaDBBinlogTests|MariaDBStoreFaultTests|CutConnectionTests|TwoNodesTests'
whole="^AcceptanceTests\.|^SimulatedWorldTests\.|PythonClientTests|RecordedAnswersTests|$servers"

# What computes for long, or waits for a database on the threads that all tests share, has a run of its own: beside it the others'
# clients would wait for their answers in vain.
heavy='^StoreTests\.|^LegacyDaemonTests\.|^MariaDBTests\.|RandomViewTests'

result=0
run() { swift test --skip-build "$@" 2>&1 | tee -a "$log"; [[ ${PIPESTATUS[0]} -eq 0 ]] || result=1; }
run "$@" --skip "$whole|$heavy"
run "$@" --filter "$heavy" --skip "$servers"

# `swift test` lets only one of its kind work on a build directory, so that the second row starts the tests themselves.
program=$(swift build --show-bin-path "$@")/hawserPackageTests.xctest
second=.build/tests-servers.log
"$program" --testing-library swift-testing --no-parallel --filter "$servers" >"$second" 2>&1 &
row=$!
run "$@" --no-parallel --filter "$whole" --skip "$servers"
wait "$row" || result=1
tee -a "$log" <"$second"

if [[ $result -ne 0 ]]; then
    printf '\n--- What failed (all of it: %s)\n' "$log" >&2
    grep -aE -A3 '^✘ Test .* recorded an issue|error: |Fatal error|fatalError|signal code' "$log" | grep -avE '^(✔|◇|--)' >&2
fi
exit "$result"
