#!/usr/bin/env bash
# Does the net catch fish? Puts one deliberate bug after the other into a copy of the sources, builds hawser-trials with it, and
# looks whether a simulated world finds it. Prints a table; the exit status is 1 when one was not found.
#
# usage: run.sh [WORLDS] [NAME...]     at most so many worlds for each bug (400); only the bugs of these names
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
root=$PWD
worlds=${1:-400}
[[ $# -gt 0 ]] && shift
copy=.build/mutations
list=Tests/Mutations/bugs

mkdir -p "$copy"
# What was built of the copy stays, so that each bug costs little more than its own file.
tar -c --exclude=.build --exclude=.git . | tar -x -C "$copy"
cd "$copy" || exit 1
printf '%-34s %-12s %s\n' bug found 'after, by'
missed=0
for file in "$root/$list"/*.bug; do
    name=$(basename "$file" .bug)
    if [[ $# -gt 0 ]] && ! [[ " $* " == *" $name "* ]]; then continue; fi
    source=$(sed -n 's/^file: //p' "$file")
    cp "$root/$source" "$source"
    if ! perl -e '
        use strict; local $/;
        open(my $b, "<", $ARGV[0]) or die; my $bug = <$b>;
        my ($from, $to) = $bug =~ /^<<<<\n(.*?)^====\n(.*?)^>>>>$/ms or die "the bug has no <<<<, ====, >>>>";
        open(my $s, "<", $ARGV[1]) or die; my $text = <$s>; close $s;
        my $at = index($text, $from); die "its text is not there\n" if $at < 0;
        substr($text, $at, length $from) = $to;
        open(my $o, ">", $ARGV[1]) or die; print $o $text;
    ' "$file" "$source"; then
        printf '%-34s %-12s %s\n' "$name" 'NO LONGER FITS' "$source"
        missed=1
    else
        if ! swift build --product hawser-trials >build.log 2>&1; then
            printf '%-34s %-12s %s\n' "$name" 'NOT BUILT' "$(grep -m1 error: build.log)"
            missed=1
        else
            output=$(timeout 600 .build/debug/hawser-trials --count "$worlds" --first-only 2>&1)
            status=$?
            broken=$(grep -m1 '^BROKEN' <<<"$output" | sed 's/^BROKEN \([A-Z-]*\):.*/\1/')
            seed=$(grep -m1 -o 'seed [0-9]*' <<<"$output" | head -1)
            if [[ $status -eq 2 ]]; then
                printf '%-34s %-12s %s\n' "$name" yes "$seed, $broken"
            elif [[ $status -ge 128 ]]; then
                printf '%-34s %-12s %s\n' "$name" yes 'the program stops itself'
            else
                printf '%-34s %-12s %s\n' "$name" NO "$worlds worlds"
                missed=1
            fi
        fi
    fi
    cp "$root/$source" "$source"
done
exit "$missed"
