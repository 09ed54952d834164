#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Loading, unloading and cores that come and go, each against programs at work.
#
# Runs inside of the nested machine with two processors; the suite life-races-lean
# starts it.  load.sh and cores.sh test the same things one at a time; here the
# fuzzer of tests/fuzz and several shells do them at once.  Read tap.sh first.
set -u
. "$(dirname "$0")/tap.sh"
ROUNDS=${ROUNDS:-20}
fuzz="$here/../fuzz/ioctl_fuzz"

# NUMBER: load and unload, never minding who is quicker
load_and_unload() {
	i=0
	while [ "$i" -lt "$ROUNDS" ]; do
		load 2>/dev/null || true
		usleep $((i % 7 * 3000))
		unload 2>/dev/null || true
		i=$((i + 1))
	done
	touch "/tmp/racer.$1"
}

# Open the device and make a guest for a moment, whenever there is a device.
use_it() {
	until [ -e /tmp/racer.1 ] && [ -e /tmp/racer.2 ]; do
		echo - | "$here/guest" step /tmp/count >>/tmp/used 2>/dev/null || true
		cat "$debug"/*/* "$debug"/cpu* >/dev/null 2>&1 || true
		usleep 1000
	done
}

race() {
	rm -f /tmp/racer.* /tmp/used
	load_and_unload 1 &
	load_and_unload 2 &
	use_it
	wait
	unload 2>/dev/null || true
	! loaded && grep -q '^1$' /tmp/used
}

cores_come_and_go() {
	"$fuzz" -s "$1" -c 6000 -t 4 >/tmp/fuzz.log 2>&1 &
	fuzzer=$!
	toggles=0
	while kill -0 "$fuzzer" 2>/dev/null; do
		echo 0 >/sys/devices/system/cpu/cpu1/online || return 1
		usleep 30000
		echo 1 >/sys/devices/system/cpu/cpu1/online || return 1
		usleep 50000
		toggles=$((toggles + 1))
	done
	wait "$fuzzer" || { cat /tmp/fuzz.log; return 1; }
	echo "$toggles times"
	[ "$toggles" -ge 3 ]
}

plan 6
[ "$(nproc)" = 2 ] || bail "two processors are needed: nested/run --cpus 2"
insmod "$here/peek.ko" || bail "peek.ko does not load"
dmesg -n 1
before=$(cr4_state)
ok "two shells load and unload it $ROUNDS times while guests run" race
is "then the cores are as before" "$(cr4_state)" "$before"
ok "the module loads" load
ok "CPU 1 goes and comes under random calls" cores_come_and_go 11
note "$output"
is "then every core is in root mode" "$(all_cores)" "vmxe=1 root=1"
ok "and the module unloads" unload
finish
