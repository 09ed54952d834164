#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Run the unit tests of the tool and join their output into one TAP stream.
#
# usage: run.sh BUILDDIR      (called by `make check`)
#
# Each program BUILDDIR/check/test_* and each script tests/test_*.sh (called
# with BUILDDIR) prints TAP with a plan at its end.  One that fails, dies, or
# prints another number of checks than its plan says counts as a failed test,
# also if all its lines are "ok".
set -eu

[ $# = 1 ] || { echo "usage: run.sh BUILDDIR" >&2; exit 2; }
build=$1
here=$(dirname "$0")
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:abort_on_error=0}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}

total=0
failed=0

report() {	# report "ok"|"not ok" WHAT
	total=$((total + 1))
	[ "$1" = ok ] || failed=$((failed + 1))
	printf '%s %d - %s\n' "$1" "$total" "$2"
}

# Renumber one program's lines; the last check is about the program itself.
run_program() {	# run_program NAME COMMAND...
	local name=$1 status=0 lines=0 plan=0 line log=$build/check/$1.log
	shift
	"$@" >"$log" 2>&1 || status=$?
	while IFS= read -r line; do
		case $line in
		"ok "*) lines=$((lines + 1)); report ok "$name: ${line#* - }" ;;
		"not ok "*) lines=$((lines + 1))
			report "not ok" "$name: ${line#* - }" ;;
		1..*) plan=${line#1..} ;;
		*) printf '# %s\n' "${line#"# "}" ;;
		esac
	done <"$log"
	if [ "$status" -le 1 ] && [ "$lines" = "$plan" ] && [ "$lines" != 0 ]
	then
		report ok "$name: ran all its $plan checks"
	else
		report "not ok" \
			"$name: status $status, $lines checks, plan $plan"
	fi
}

echo "TAP version 13"
found=0
for program in "$build"/check/test_*; do
	[ -x "$program" ] || continue
	found=1
	run_program "$(basename "$program")" "$program"
done
[ $found = 1 ] || report "not ok" "no test program in $build/check"
for script in "$here"/test_*.sh; do
	run_program "$(basename "$script" .sh)" "$script" "$build"
done
echo "1..$total"
echo "# $((total - failed)) passed, $failed failed"
[ "$failed" = 0 ]
