#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# KVM before, during and after Vitrine: who comes second is refused, cleanly.
#
# Runs inside of the nested machine with --module kvm-intel; the suites
# life-kvm-* start it.  Both want root mode and the same hotplug state of the
# kernel, and each refuses to load with EBUSY while the other one is there.
# kvm_intel asks for the emergency callback before it is refused, finds it taken
# and prints a WARN of its own, once when it comes and once when it goes:
# the suite names them with --expect-log cpu_emergency_.*register_virt_callback.
# Subtle: rmmod leaves kvm.ko loaded, which takes an emulator long to load; the
# module that matters is kvm_intel.  Read tap.sh first.
set -u
. "$(dirname "$0")/tap.sh"

works='KVM ran a guest to HLT'

kvm() {
	"$here/kvm_hlt" 2>&1
}

vitrine_guest_runs() {
	[ "$(echo - | "$here/guest" step /tmp/count | tail -n 1)" -gt 0 ]
}

plan 19

insmod "$here/peek.ko" || bail "peek.ko does not load"

ok "KVM alone: kvm_intel loads" modprobe kvm_intel
is "KVM alone: works" "$(kvm)" "$works"
fails "KVM first: Vitrine does not load" load
is "its errno" "$(load 2>&1 | sed 's/.*: //')" "Device or resource busy"
ok "the log says what to do" \
	sh -c 'dmesg | grep -q "vitrine: refusing to load: kvm_intel is loaded; run: modprobe -r kvm_intel"'
is "KVM still works" "$(kvm)" "$works"
ok "kvm_intel is removed, as it says" rmmod kvm_intel
is "leaves no core in root mode" "$(all_cores)" "vmxe=0 root=0"

ok "now Vitrine loads" load
is "with each core in root mode" "$(all_cores)" "vmxe=1 root=1"
is "Vitrine first: kvm_intel does not load" "$(modprobe kvm_intel 2>&1 | sed 's/.*: //')" \
	"Device or resource busy"
is "so there is no KVM" "$(kvm)" "/dev/kvm: No such file or directory"
is "the cores stay in root mode" "$(all_cores)" "vmxe=1 root=1"
ok "Vitrine runs a guest meanwhile" vitrine_guest_runs
ok "Vitrine unloads" unload
is "after it no core is in root mode" "$(all_cores)" "vmxe=0 root=0"

ok "kvm_intel loads again" modprobe kvm_intel
is "and works" "$(kvm)" "$works"
rmmod kvm_intel
is "the CR4 shadow is true in the end" \
	"$(sed -n 's/.*cr4=\([^ ]*\) shadow=\1 .*/same/p' /sys/module/peek/parameters/cores | sort -u)" same

finish
