#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# What `make demo` runs inside of the nested machine: load the module, show root
# mode on each core, run a guest on each core with every exit printed, unload.
# Ends with 0 only if every step did what it says.
set -eu

say() {
	printf '\n== %s\n' "$*"
}

die() {
	echo "demo: $*" >&2
	dmesg | tail -n 5 >&2
	exit 1
}

guest=/vitrine/guests/demo.elf
cpus=$(nproc)

say "1 hardware: $(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1), $cpus core(s)"
say "2 host OS: Linux $(uname -r)"

say "3 hypervisor: insmod vitrine.ko"
insmod /vitrine/vitrine.ko || die "the module was refused"
for file in /sys/kernel/debug/vitrine/cpu*; do
	mode=$(sed -n 's/^vmx_root_mode: //p' "$file")
	echo "${file##*/}: VMX root mode $mode"
	[ "$mode" = on ] || die "${file##*/} is not in root mode"
done

say "4 guest: ${guest##*/}, one vCPU on each core; every exit, with its way through the layers"
cpu=0
while [ "$cpu" -lt "$cpus" ]; do
	echo
	echo "-- on core $cpu"
	taskset "$(printf %x $((1 << cpu)))" vitrine exits "$guest" || die "the guest failed on core $cpu"
	cpu=$((cpu + 1))
done

say "rmmod vitrine"
rmmod vitrine || die "the module could not be unloaded"
dmesg | grep 'vitrine: ' | tail -n 2
echo
echo "Next: make shell, then: vitrine step $guest"
