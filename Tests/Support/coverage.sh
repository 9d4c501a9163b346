#!/usr/bin/env bash
# Which lines of the controller's core the simulated worlds reach: builds hawser-trials with the compiler's coverage counters, in
# a build directory of its own, runs worlds, deaths and scenarios, and lists every function of Planning and Reconciliation of
# which a part was never run, with the lines.
#   Tests/Support/coverage.sh [WORLDS]
set -euo pipefail
cd "$(dirname "$0")/../.."
worlds=${1:-2000}
scratch=.build/coverage
swift build --scratch-path "$scratch" --product hawser-trials --explicit-target-dependency-import-check error \
    -Xswiftc -profile-generate -Xswiftc -profile-coverage-mapping
program=$scratch/debug/hawser-trials
rm -f "$scratch"/*.profraw
export LLVM_PROFILE_FILE=$PWD/$scratch/trials-%p.profraw
"$program" --count "$worlds" --quiet 10m
"$program" --crashes --stride 7 --quiet 2m
"$program" --scenarios --count 1 --quiet 2m
tools=$(dirname "$(readlink -f "$(command -v swift)")")
"$tools/llvm-profdata" merge -sparse "$scratch"/*.profraw -o "$scratch/trials.profdata"
sources=(Sources/Core/Planning Sources/Core/Reconciliation)
"$tools/llvm-cov" report "$program" -instr-profile "$scratch/trials.profdata" "${sources[@]}" | sed "s,$PWD/,,"
echo
echo '--- Lines that no world ran'
"$tools/llvm-cov" show "$program" -instr-profile "$scratch/trials.profdata" "${sources[@]}" |
    awk -F'|' '/^\/.*:$/ { sub(/:$/, ""); n = split($0, part, "/"); file = part[n] } $2 ~ /^ *0$/ { sub(/^ +/, "", $1); print file ":" $1 ":" $3 }'
