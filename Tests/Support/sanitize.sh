#!/usr/bin/env bash
# Builds the tests with a sanitizer, in a build directory of its own, and runs those of one process: what ThreadSanitizer or
# AddressSanitizer reports makes it fail. Arguments after the first go to `swift build` and `swift test`.
#   Tests/Support/sanitize.sh thread|address [FLAG ...]
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
kind=${1:?thread or address}
shift
scratch=.build/$kind
log=$scratch/tests.log

# Left out: whole installations and private machines, whose programs are processes of their own; the simulated worlds and the
# planner, which have no threads and hold no memory by hand; the clients of others; and the two suites that mostly wait for
# some hundred processes of nbd-server: they would take six minutes.
left_out='^AcceptanceTests\.|^SimulatedWorldTests\.|^RepositoryTests\.|^PlanningTests\.|PythonClientTests|RecordedAnswersTests|PrivateMachineRunTests'
left_out+='|NBDServerExportsTests|TwentyChangesTests'

swift build --build-tests --sanitize="$kind" --scratch-path "$scratch" "$@" || exit 1

suppressions=$PWD/Tests/Support/$kind.suppressions
case $kind in
    thread) export TSAN_OPTIONS="suppressions=$suppressions halt_on_error=0 exitcode=66 second_deadlock_stack=1" ;;
    # The runtime keeps metadata for ever, on purpose: what is not freed at the end is no leak.
    address) export ASAN_OPTIONS="detect_leaks=0 detect_stack_use_after_return=1" ;;
esac
swift test --skip-build --sanitize="$kind" --scratch-path "$scratch" --no-parallel "$@" --skip "$left_out" >"$log" 2>&1
status=$?
reports=$(grep -acE 'WARNING: ThreadSanitizer|ERROR: AddressSanitizer' "$log")
grep -aE '^(✔|✘) Test run' "$log"
if [[ $status -ne 0 || $reports -ne 0 ]]; then
    printf '%s: %s reports, exit status %s (all of it: %s)\n' "$kind" "$reports" "$status" "$log" >&2
    grep -aE -A12 'WARNING: ThreadSanitizer|ERROR: AddressSanitizer|^✘ Test .* recorded an issue' "$log" | head -150 >&2
    exit 1
fi
printf '%s: nothing reported\n' "$kind"
