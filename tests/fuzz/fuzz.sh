#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# A bounded run of both fuzzers: random calls, random guests.
#
# Runs inside of the nested machine; the suites fuzz-* start it.  The seed is
# printed and decides all; SEED, CALLS and GUESTS in the environment change it.
# What the fuzzers find themselves is in ioctl_fuzz.c and guest_fuzz.c; the rest
# (use after free, leaks, locks) is found by the kernel's checks, which nested/run
# reports.  Read ../life/tap.sh first.
set -u
. "$(dirname "$0")/../life/tap.sh"
SEED=${SEED:-1}
CALLS=${CALLS:-12000}
GUESTS=${GUESTS:-600}

# NAME COMMAND...: ok with the summary in any case
ran() {
	ok "$@"
	[ "$(echo "$output" | grep -c '^# ')" -gt 0 ] || output="no summary"
	echo "$output" | sed 's/^# //; s/^/# /'
}

# The last reference to a VM is dropped after the program has ended.
unloads() {
	tries=0
	until unload; do
		tries=$((tries + 1))
		[ "$tries" -lt 100 ] || return 1
		usleep 50000
	done
}

plan 6
dmesg -n 1			# guests that die are not news here
ok "the module loads" load
ran "$CALLS calls by one thread, seed $SEED" "$here/ioctl_fuzz" -s "$SEED" -c "$CALLS" -t 1
ran "$CALLS calls by four threads" "$here/ioctl_fuzz" -s "$SEED" -c "$CALLS" -t 4
if [ "$(nproc)" -gt 1 ]; then
	ran "$GUESTS guests end in a defined way" "$here/guest_fuzz" -s "$SEED" -n "$GUESTS"
else
	skip "$GUESTS guests end in a defined way" "nobody could rescue the only processor"
fi
ok "the module unloads" unloads
fails "and nothing of it is left" test -e "$debug"
finish
