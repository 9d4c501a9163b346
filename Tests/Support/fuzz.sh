#!/usr/bin/env bash
# Gives every reader of outside input to libFuzzer for some seconds each. What breaks one is left in .build/fuzzing/found,
# to be mended and then kept in Tests/Fuzzing/corpus, where the tests read it for ever.
#   Tests/Support/fuzz.sh SECONDS [TARGET ...]
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
seconds=${1:?how many seconds for each target}
shift
fuzz=.build/fuzzing/release/hawser-fuzz
found=.build/fuzzing/found
corpus=Tests/Fuzzing/corpus
mkdir -p "$found"
targets=("$@")
((${#targets[@]})) || mapfile -t targets < <(ls "$corpus")

# Memory, where there is such a directory: most targets write files, and the disk is not what is looked at.
[[ -d /dev/shm && -w /dev/shm ]] && export TMPDIR=/dev/shm

# libFuzzer itself says where a program ended.
export SWIFT_BACKTRACE=enable=no

failed=()
for target in "${targets[@]}"; do
    # What libFuzzer finds to be interesting goes to the first directory, and is there the next time.
    learned=.build/fuzzing/learned/$target
    log=.build/fuzzing/$target.log
    mkdir -p "$learned"
    if "$fuzz" --target="$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=4096 \
        -artifact_prefix="$found/$target-" -print_final_stats=1 "$learned" "$corpus/$target" >"$log" 2>&1; then
        runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
        printf '%-20s held for %s inputs\n' "$target" "$runs"
    else
        failed+=("$target")
        printf '%-20s DOES NOT HOLD, see %s\n' "$target" "$log"
        grep -aE 'Fatal error|ERROR:|Test unit written' "$log" | sed 's/^/    /'
    fi
done
((${#failed[@]} == 0))
