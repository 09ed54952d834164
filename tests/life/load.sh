#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Loading and unloading: what the cores see of it, and what is refused.
#
# Runs inside of the nested machine; the suites life-load-* start it.  The cores'
# own word (peek.ko) stands beside Vitrine's.  A module that is in use cannot be
# unloaded; each kind of file is tried alone, with all others closed.
# Read tap.sh first; leaks.sh has the test of what many loads cost.
set -u
. "$(dirname "$0")/tap.sh"

refused_with() { # ERRNO COMMAND...: it fails and says so
	text=$1
	shift
	! output=$("$@" 2>&1) && echo "$output" | grep -q "$text"
}

held_by() { # device|vm|vcpu|mmap: what alone keeps the module
	start /tmp/hold.log hold "$1"
	ok "rmmod is refused while only this is open: $1" \
		refused_with 'Resource temporarily unavailable' unload
	stop "$pid"
	wait_until_unused || note "the module is still in use: $(grep vitrine /proc/modules)"
}

# The last reference to a VM is dropped after the program has ended.
wait_until_unused() {
	tries=0
	until [ "$(cat /sys/module/vitrine/refcnt)" = 0 ]; do
		tries=$((tries + 1))
		[ "$tries" -lt 100 ] || return 1
		usleep 20000
	done
}

plan 18

insmod "$here/peek.ko" || bail "peek.ko does not load"
before=$(cr4_state)
is "before: CR4.VMXE is clear on every core" "$(all_cores)" "vmxe=0 root=0"

ok "the module loads" load
is "loaded: each core has VMXE and is in root mode" "$(all_cores)" "vmxe=1 root=1"
is "debugfs says so for each core" \
	"$(cat "$debug"/cpu* | grep -c '^vmx_root_mode: on')" "$(nproc)"
is "the kernel's CR4 shadow is true" \
	"$(sed -n 's/.*cr4=\([^ ]*\) shadow=\1 .*/same/p' /sys/module/peek/parameters/cores | sort -u)" same
ok "the device is there" test -c /dev/vitrine
is "for root only" "$(stat -c %a /dev/vitrine)" 600
ok "a second insmod: File exists" refused_with 'File exists' load

for what in device vm vcpu mmap; do
	held_by "$what"
done
is "refused unloads changed nothing" "$(all_cores)" "vmxe=1 root=1"

ok "the module unloads" unload
is "unloaded: CR4 and shadow are as before on every core" "$(cr4_state)" "$before"
is "and no core is in root mode" "$(all_cores)" "vmxe=0 root=0"
fails "the device is gone" test -e /dev/vitrine

# The kernel's own rule for modules: say it, and load.
dmesg -c >/dev/null
insmod "$module" surprise=1 || true
ok "an unknown parameter is named in the log" \
	sh -c 'dmesg | grep -q "vitrine: unknown parameter .surprise. ignored"'
unload || true

finish
