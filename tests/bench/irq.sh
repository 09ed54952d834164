#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# In the nested machine: the bench of interrupts under Vitrine and KVM.
#
#	irq.sh VMM...		VMM: vitrine-0, vitrine-1, vitrine-2 (level of apicv) or kvm
#
# Started by tests/bench/interrupts on the host, which makes a table of what is printed.
set -e
for vmm in "$@"; do
	case $vmm in
	vitrine-*) name=vitrine; insmod /vitrine/vitrine.ko apicv="${vmm#vitrine-}" ;;
	*) name=$vmm; modprobe kvm_intel ;;
	esac
	for mode in xapic x2apic; do
		echo "run: $vmm $mode"
		irq "$name" "$mode"
	done
	case $vmm in
	vitrine-*) rmmod vitrine ;;
	*) modprobe -r kvm_intel ;;
	esac
done
