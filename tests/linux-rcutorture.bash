#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# rcutorture in the lean kernel as a guest with 2 vCPUs.
#
#	tests/linux-rcutorture.bash HOST [SECONDS]	prints TAP
#
# The suite linux-rcutorture starts it on the host.  Readers, writers and callers of
# grace periods run against each other while one CPU goes off and comes back every few
# seconds (INIT and start-up IPI each time) and tasks are shuffled from CPU to CPU.  RCU
# notices lost timer ticks and lost interrupts between processors as stalls, and a
# memory that is not coherent as an old element that is still seen.
#
# The modules are the kernel's own: read tests/rcutorture/Kbuild.
set -u
cd "$(dirname "$0")/.." || exit 1
[ $# -ge 1 ] || { echo "usage: tests/linux-rcutorture.bash HOST [SECONDS]" >&2; exit 2; }
host=$1
seconds=${2:-90}
build=build/rcutorture

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
number=0
failed=0

result() { # WHAT CONDITION...
	number=$((number + 1))
	local what=$1
	shift
	if "$@"; then
		echo "ok $number - $what"
	else
		echo "not ok $number - $what"
		failed=1
		tail -n 40 "$out/said" | tr -d '\r' | sed 's/^/# /'
	fi
}

modules() {
	local lean source
	nested/ensure-packages build >&2
	lean=$(nested/kernels get lean) || return 1
	source=$(cat "$lean/source")
	mkdir -p "$build"
	cp -u tests/rcutorture/Kbuild tests/rcutorture/affinity.c "$source/kernel/torture.c" \
		"$source/kernel/rcu/rcutorture.c" "$build" || return 1
	make -s -C "$(cat "$lean/kdir")" M="$PWD/$build" modules >"$build/log" 2>&1 && return
	sed 's/^/# /' "$build/log"
	return 1
}

has() { # PATTERN
	tr -d '\r' <"$out/said" | grep -qE "$1"
}

# The last line of statistics: is the number behind KEY above 0?
counted() { # KEY
	local value
	value=$(tr -d '\r' <"$out/said" | sed -n "s/.*rcu-torture: .* $1: \([0-9]*\).*/\1/p" | tail -n 1)
	[ "${value:-0}" -gt 0 ]
}

echo "TAP version 13"
echo "1..7"
result "the kernel's modules build" modules
nested/linux --host "$host" --guest lean --timeout 3500 \
	--guest-file "$build/torture.ko" --guest-file "$build/affinity.ko" \
	--guest-file "$build/rcutorture.ko" "
insmod torture.ko && insmod affinity.ko || exit 1
insmod rcutorture.ko torture_type=rcu onoff_interval=1000 onoff_holdoff=5 shuffle_interval=3 \
	stutter=5 stat_interval=15 nreaders=3 fwd_progress_holdoff=15 || exit 1
sleep $seconds
rmmod rcutorture || exit 1
echo '-- log'; dmesg; echo '-- end'" >"$out/said" 2>&1
status=$?
tr -d '\r' <"$out/said" | sed -n 's/.*\(rcu-torture:\( rtc: .* ver:\|--- \).*\)/# \1/p'
result "the guest comes to an end" test "$status" = 0
result "its verdict" has 'rcu-torture:--- End of test: SUCCESS'
result "there were new versions to read" counted '[Vv][Ee][Rr]'
result "a CPU went off" has 'rcu-torture: .*onoff: [0-9]+/[0-9]+:[1-9]'
result "and came back, by INIT and start-up IPI" counted onoff
result "no stall, nothing worse" eval '! has "rcu: INFO|detected stall|lockup|BUG|Oops|WARNING|!!!"'
exit $failed
