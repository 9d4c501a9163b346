#!/usr/bin/env bash
# Does the net catch fish? Plants every deliberate bug of bugs/ into a copy of the sources, all at once and asleep (plant.py),
# builds hawser-trials from it once, wakes one bug after the other, and looks whether a simulated world finds it.
# Says so as it goes; the exit status is 1 when one was not found.
#
# usage: run.sh [--worlds N] [--table FILE] [--build-only] [NAME...]
#   --worlds N     at most so many worlds for each bug (2000)
#   --table FILE   writes a table of all bugs to FILE
#   --build-only   only builds: .build/mutations/.build/release/hawser-trials
#   NAME           only the bugs of these names
# JOBS in the environment: how many bugs are awake at once (one on each processor)
set -euo pipefail
cd "$(dirname "$0")/../.."
worlds=2000 table='' build_only='' names=()
while [[ $# -gt 0 ]]; do
    case $1 in
    --worlds) worlds=$2 && shift 2 ;;
    --table) table=$2 && shift 2 ;;
    --build-only) build_only=yes && shift ;;
    -*) echo "run.sh: what is $1?" >&2 && exit 64 ;;
    *) names+=("$1") && shift ;;
    esac
done
copy=.build/mutations
new=$(mktemp -d)
trap 'rm -rf "$new"' EXIT

tar -c --exclude=./.build --exclude=./.git . | tar -x -C "$new"
python3 Tests/Mutations/plant.py Tests/Mutations/bugs "$new" >"$new/bugs.tsv"
# What is as it was keeps its time, so that it is not built again.
mkdir -p "$copy"
while IFS= read -r file; do
    cmp -s "$new/$file" "$copy/$file" && continue
    mkdir -p "$(dirname "$copy/$file")"
    cp "$new/$file" "$copy/$file"
done < <(cd "$new" && find . -type f)
(cd "$copy" && find Sources Tests -type f) | while IFS= read -r file; do [[ -e $new/$file ]] || rm "$copy/$file"; done
echo "building hawser-trials with $(wc -l <"$copy/bugs.tsv") bugs asleep"
(cd "$copy" && swift build -c release --product hawser-trials) >"$copy/build.log" 2>&1 || {
    grep -E '^[^ ]*: error:' "$copy/build.log" | sort -u | head -20
    echo "it could not be built: $copy/build.log"
    exit 1
}
[[ -n $build_only ]] && exit 0
trials=$PWD/$copy/.build/release/hawser-trials

# Wakes one bug. Prints its name, what it broke and in which world; the worlds are tried in order.
wake() {
    local number=$1 name=$2 output status=0
    output=$(HAWSER_BUG=$number timeout 600 "$trials" --count "$worlds" --first-only --workers 1 2>&1) || status=$?
    local broken seed
    broken=$(sed -n 's/^BROKEN \([A-Z-]*\):.*/\1/p' <<<"$output" | head -1)
    seed=$(sed -n 's/^  seed \([0-9]*\).*/\1/p' <<<"$output" | head -1)
    if [[ $status -eq 2 ]] && ! HAWSER_BUG=0 "$trials" --from "$seed" --count 1 --first-only >/dev/null 2>&1; then
        # What is broken without a bug finds none.
        printf '%s\t%s\t%s\n' "$name" 'NOT FOUND' "before world $seed, which is broken without it"
    elif [[ $status -eq 2 ]]; then
        printf '%s\t%s\t%s\n' "$name" "$broken" "$seed"
    elif [[ $status -ge 124 ]]; then
        printf '%s\t%s\t%s\n' "$name" 'it stops' "$(grep -o '^[0-9]* worlds' <<<"$output" | tail -1)"
    else
        printf '%s\t%s\t%s\n' "$name" 'NOT FOUND' "$worlds"
    fi
}
export -f wake
export trials worlds
results=$copy/results.tsv
: >"$results"
while IFS=$'\t' read -r number name _; do
    if [[ ${#names[@]} -eq 0 || " ${names[*]} " == *" $name "* ]]; then echo "$number" "$name"; fi
done <"$copy/bugs.tsv" |
    xargs -P "${JOBS:-$(nproc)}" -L 1 bash -c 'wake "$1" "$2"' wake |
    while IFS=$'\t' read -r name broken seed; do
        printf '%-44s %-18s %s\n' "$name" "$broken" "$seed"
        printf '%s\t%s\t%s\n' "$name" "$broken" "$seed" >>"$results"
    done
total=$(wc -l <"$results")
missed=$(grep -c 'NOT FOUND' "$results" || true)
echo "$total bugs, $((total - missed)) found within $worlds worlds each"

if [[ -n $table ]]; then
    {
        echo '# Deliberate bugs'
        echo
        echo "Does the net catch fish? Each of these bugs was planted into the sources that ship, and the simulated worlds"
        echo "(\`hawser-trials\`) were run from seed 1 until one showed a broken invariant of the design."
        echo "\`make mutations\` does all that again and writes this page: $total bugs, of which $((total - missed)) were found within"
        echo "$worlds worlds each."
        echo
        echo '| the bug | where | what was seen broken | in the world of seed |'
        echo '| --- | --- | --- | --- |'
        while IFS=$'\t' read -r _ name file what; do
            IFS=$'\t' read -r _ broken seed < <(grep -P "^$name\t" "$results") || continue
            echo "| $what | \`$(basename "$file" .swift)\` | $broken | $seed |"
        done <"$copy/bugs.tsv"
    } >"$table"
    echo "written: $table"
fi
[[ $missed -eq 0 ]]
