#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The ways in which a stock Debian kernel ends, each told from the others.
#
#	tests/linux-ends.bash HOST GUEST [END...]	prints TAP
#
# The suite linux-ends starts it.  Each end costs a boot.  The table is in
# docs/linux-boot.md, "How it ends"; read nested/lib/machine/linux_guest.py before.
set -u
cd "$(dirname "$0")/.." || exit 1
[ $# -ge 2 ] || { echo "usage: tests/linux-ends.bash HOST GUEST [END...]" >&2; exit 2; }
host=$1
guest=$2
shift 2
[ $# != 0 ] || set -- poweroff reboot halt triple panic button

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
		tail -n 20 "$out/said" | tr -d '\r' | sed 's/^/# /'
	fi
}

# The guest boots with two vCPUs, runs COMMAND, and does not come back from it.  Its log
# would be half of the work of a boot.
ends_with() { # WHAT STATUS SENTENCE COMMAND OPTION...
	local what=$1 wanted=$2 sentence=$3 command=$4 status
	shift 4
	nested/linux --host "$host" --guest "$guest" --append quiet "$@" \
		"$command; sleep 60; exit 1" \
		>"$out/said" 2>&1
	status=$?
	result "$what: status $wanted (it is $status)" test $status = "$wanted"
	result "$what: and a sentence" grep -q "$sentence" "$out/said"
}

# Somebody at the terminal leaves the guest and presses its power button from outside.
switched_off() {
	PTY_PATIENCE=1500 "build/$host/root/tests/tool/pty" nested/linux --host "$host" \
		--guest "$guest" --append quiet --timeout 3000 >"$out/said" 2>&1 <<-'END'
		line ends it; Ctrl-A x
		nap 2000
		type ^Ad
		line The guest goes on
		type vitrine stop --timeout 300 linux; echo "stop ends with $?"^M
		line stop ends with 0
		type grep -q "reboot: Power down" /run/vitrine/linux.log && echo "log: $((40 + 2))"^M
		line log: 42
		type exit^M
		end 0
	END
}

echo "TAP version 13"
echo "1..$(($# * 2))"
for end; do
	case $end in
	poweroff)
		ends_with poweroff 0 'the guest switched itself off' 'poweroff -f' ;;
	reboot)
		ends_with reboot 119 'the guest reset itself' 'reboot -f' ;;
	halt)
		ends_with halt 118 'halted all its vCPUs with interrupts off' 'halt -f' ;;
	triple)
		ends_with 'triple fault' 120 'triple fault at RIP' 'reboot -f' --append 'quiet reboot=t' ;;
	panic)
		ends_with panic 117 'kernel has panicked' 'echo c > /proc/sysrq-trigger' \
			--module pvpanic-mmio ;;
	button)
		result "button: left by Ctrl-A d, pressed, and Linux has switched itself off" \
			switched_off
		result "button: not by force" eval '! grep -q "ended by force" "$out/said"' ;;
	esac
done
exit $failed
