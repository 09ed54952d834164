#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Suspend and resume: root mode comes back, and guests go on.
#
# Runs inside of the nested machine with two processors, on a kernel with
# CONFIG_PM_DEBUG; the suite life-sleep-lean starts it.  pm_test=core goes
# through all of suspend but the firmware's part: threads are frozen, CPU 1 goes
# offline, the system core operations run on CPU 0, and all of it back.
# The last suspend is a real S3; the emulated machine wakes by itself at once.
# Read tap.sh first.
set -u
. "$(dirname "$0")/tap.sh"
counter=/tmp/count

suspend() {
	echo mem >/sys/power/state
}

go_through_core_test() {
	echo core >/sys/power/pm_test && suspend
	status=$?
	echo none >/sys/power/pm_test
	return "$status"
}

suspends() { # how many have succeeded
	cat /sys/power/suspend_stats/success
}

guest_runs() {
	[ "$(echo "$1" | "$here/guest" step /tmp/other | tail -n 1)" -gt 0 ]
}

plan 20

[ -e /sys/power/pm_test ] || bail "this kernel has no CONFIG_PM_DEBUG: use lean"
grep -q '\[deep\]' /sys/power/mem_sleep || bail "no S3: $(cat /sys/power/mem_sleep)"
# Seconds that the test waits at its deepest point.
echo 1 >/sys/module/suspend/parameters/pm_test_delay
insmod "$here/peek.ko" || bail "peek.ko does not load"
load || bail "vitrine.ko does not load"

dmesg -c >/dev/null
ok "suspend and resume without a guest (pm_test=core)" go_through_core_test
ok "CPU 1 went offline in it" sh -c 'dmesg | grep -q "CPU 1 is now offline"'
ok "the core level was reached" sh -c 'dmesg | grep -q "suspend debug: Waiting for 1 second"'
is "root mode is on everywhere after it" "$(all_cores)" "vmxe=1 root=1"
for cpu in 0 1; do
	is "debugfs: CPU $cpu is in root mode" "$(root_mode $cpu)" on
	ok "a guest runs on CPU $cpu" guest_runs $cpu
done

start /tmp/spin.log spin "$counter" 1
ok "a guest counts on CPU 1" counts_on "$counter" 0
ok "suspend and resume while it runs" go_through_core_test
ok "it counts on" counts_on "$counter" 0
is "root mode is on everywhere" "$(all_cores)" "vmxe=1 root=1"

# The real thing: the processors are reset, and the firmware jumps into Linux.
dmesg -c >/dev/null
ok "suspend to RAM and back through the firmware while it runs" suspend
ok "the firmware woke it" sh -c 'dmesg | grep -q "Waking up from system sleep state S3"'
ok "it counts on after S3" counts_on "$counter" 0
is "root mode is on everywhere after S3" "$(all_cores)" "vmxe=1 root=1"
ok "a new guest runs after S3" guest_runs 0
stop "$pid"
is "all suspends count as successes" "$(suspends)" 3

ok "the module unloads" unload
is "and no core is in root mode" "$(all_cores)" "vmxe=0 root=0"
finish
