#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# A stock Debian kernel as a guest, under load from inside and outside.
#
#	tests/linux-stress.bash [SECONDS]		prints TAP
#
# The suite linux-stress starts it on the host.  SECONDS are the guest's; without them
# it takes about ten minutes on an idle machine.  Here is what the guest does: stress-ng of
# Debian's package.  What goes on around it, and what is looked at, is in
# tests/tool/linux-stress.sh, which runs in the nested machine.
set -u
cd "$(dirname "$0")/.." || exit 1
seconds=${1:-40}

nested/ensure-packages stress >&2 || exit 1

# Each of them checks what it does (--verify).  Forks and threads; signals; timers;
# interrupts between processors (switch, futex, membarrier, tlb-shootdown: threads on two
# processors that need each other); page faults; memory that does not fit; the FPU's
# registers and the time stamp counter while all of that goes on.
stressors="--fork 1 --pthread 1 --pthread-max 16 --kill 1 --sigq 1 --timer 1 --itimer 1 --switch 2 --futex 1
--membarrier 1 --tlb-shootdown 1 --fault 1 --vm 1 --vm-bytes 96M --vm-method zero-one
--cpu 1 --cpu-method matrixprod --tsc 1"

# A sample every few seconds: uptime, and the timer interrupts of both CPUs.
# shellcheck disable=SC2016 # the guest expands it
exec nested/linux --timeout 3500 --program stress-ng --script /vitrine/tests/tool/linux-stress.sh '
sample() {
	echo "sample $(cut -d" " -f1 /proc/uptime) $(awk "/LOC:/ { print \$2, \$3 }" /proc/interrupts)"
}
( while :; do sample; sleep 3; done ) >/tmp/samples &
sampler=$!
echo "-- begin $(cut -d" " -f1 /proc/uptime)"
stress-ng --verify --metrics-brief --temp-path /tmp --timer-freq 1000 --itimer-freq 1000 \
	--timeout '"$seconds"' '"$(tr '\n' ' ' <<<"$stressors")"'
status=$?
echo "-- end $(cut -d" " -f1 /proc/uptime)"
kill $sampler
cat /tmp/samples
echo "-- log"; dmesg; echo "-- end of log"
exit $status'
