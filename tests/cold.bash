#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The cold way: boot without a saved machine and run what `make demo` runs.
#
#	tests/cold.bash KERNEL		prints TAP
#
# The suites cold-* start it on the host; each kernel has one, so that the way
# a newcomer takes is tested as it is.
set -u
cd "$(dirname "$0")/.." || exit 1
[ $# = 1 ] || { echo "usage: tests/cold.bash 6.1|6.12|lean|debug" >&2; exit 2; }

out=$(mktemp)
trap 'rm -f "$out"' EXIT
failed=0
number=0

check() { # WHAT COMMAND...
	number=$((number + 1))
	what=$1
	shift
	if "$@"; then
		echo "ok $number - $what"
	else
		echo "not ok $number - $what"
		failed=1
	fi
}

times() { # COUNT PATTERN: lines of the output that match
	[ "$(grep -cE "$2" "$out")" -ge "$1" ]
}

echo "TAP version 13"
echo "1..8"
nested/run --cold --time --kernel "$1" --cpus 2 --timeout 300 -- demo >"$out" 2>"$out.err"
status=$?
grep 'nested/run: .* s  ' "$out.err" | sed 's/^/# /'
check "the demo ends with status 0" test $status = 0
check "both cores are in VMX root mode" times 2 '^cpu[01]: VMX root mode on$'
check "the guest speaks on each core" times 2 '^Hello from VitrineGlass$'
check "an EPT violation is shown for each core" times 2 '4 → 3 → 4 +EPT_VIOLATION'
check "CPUID is answered in the module" times 2 '4 → 3 → 4 +CPUID'
check "port output goes up to the tool" times 2 '3 tool → 2 → 3 → 4 +IO .*OUT 0x3f8'
check "hypercalls and the halt are shown" times 4 ' (VMCALL|HLT) +[0-9]'
check "the module is unloaded again" times 1 'unloaded, root mode is off on every core'
[ $failed = 0 ] || sed 's/^/# /' "$out" "$out.err" | tail -n 40
rm -f "$out.err"
exit $failed
