#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# KVM before, during and after Vitrine: who comes second is refused, cleanly.
#
# Runs inside of the nested machine with --module kvm-intel; the suites
# life-kvm-* start it.  Newer kernels enter root mode when kvm_intel is loaded,
# older ones when the first VM is made; so the refusal shows in one or the other.
# Subtle: on an older kernel KVM warns, by its own WARN, that somebody else owns
# the emergency callback; the suite names that one report with --expect-log.
set -u
. "$(dirname "$0")/tap.sh"

works='KVM ran a guest to HLT'

kvm() {
	"$here/kvm_hlt" 2>&1
}

# Does this kernel's KVM use root mode from the moment it is loaded?
enables_at_load() {
	[ "$(all_cores)" = "vmxe=1 root=1" ]
}

kvm_after_vitrine_at_load() {
	fails "Vitrine first: kvm_intel does not load" modprobe kvm_intel
	is "and there is no KVM" "$(kvm)" "/dev/kvm: No such file or directory"
}

kvm_after_vitrine_at_use() {
	ok "Vitrine first: kvm_intel loads" modprobe kvm_intel
	is "but cannot make a VM" "$(kvm)" "KVM_CREATE_VM: Device or resource busy"
}

vitrine_guest_runs() {
	[ "$(echo - | "$here/guest" step /tmp/count | tail -n 1)" -gt 0 ]
}

plan 19

insmod "$here/peek.ko" || bail "peek.ko does not load"

ok "KVM alone: kvm_intel loads" modprobe kvm_intel
early=no
! enables_at_load || early=yes
is "KVM alone: works" "$(kvm)" "$works"
fails "KVM first: Vitrine does not load" load
is "its errno" "$(load 2>&1 | sed 's/.*: //')" "Device or resource busy"
ok "the log says what to do" \
	sh -c 'dmesg | grep -q "vitrine: refusing to load: kvm_intel is loaded; run: modprobe -r kvm_intel"'
is "KVM still works" "$(kvm)" "$works"
ok "modprobe -r kvm_intel, as it says" modprobe -r kvm_intel
is "leaves no core in root mode" "$(all_cores)" "vmxe=0 root=0"

ok "now Vitrine loads" load
is "with each core in root mode" "$(all_cores)" "vmxe=1 root=1"
if [ "$early" = yes ]; then
	kvm_after_vitrine_at_load
else
	kvm_after_vitrine_at_use
fi
is "the cores stay in root mode" "$(all_cores)" "vmxe=1 root=1"
ok "Vitrine runs a guest meanwhile" vitrine_guest_runs
ok "Vitrine unloads" unload
is "after it no core is in root mode" "$(all_cores)" "vmxe=0 root=0"

# The emergency callback is free again only for a KVM that is loaded now.
modprobe -r kvm_intel 2>/dev/null || true
ok "kvm_intel loads again" modprobe kvm_intel
is "and works" "$(kvm)" "$works"
modprobe -r kvm_intel
is "the CR4 shadow is true in the end" \
	"$(sed -n 's/.*cr4=\([^ ]*\) shadow=\1 .*/same/p' /sys/module/peek/parameters/cores | sort -u)" same

finish
