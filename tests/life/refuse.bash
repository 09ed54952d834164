#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Processors that cannot run Vitrine: it says so and loads nothing.
#
#	tests/life/refuse.bash KERNEL		prints TAP
#
# Each test is a machine with another processor.  Looked at are the errno that
# insmod prints, the sentence in the kernel log, and that the machine is sound:
# no file, no root mode, no report.  TREE=DIR takes another tree than the
# kernel's own, as for nested/run --tree.
set -eu
. "$(dirname "$0")/tap.bash"

take_kernel refuse.bash "$@"

attempt='insmod '$life'/peek.ko
	insmod /vitrine/vitrine.ko 2>&1
	echo "insmod: status $?"
	dmesg | grep "vitrine: refusing"
	grep -q "^vitrine " /proc/modules && echo "it is loaded"
	[ ! -e /dev/vitrine ] || echo "there is a device"
	cat /sys/module/peek/parameters/cores
	true'

refused() { # NAME CPU ERRNO SENTENCE
	machine --cpu "$2" --timeout 120 -- sh -c "$attempt"
	if grep -qE 'it is loaded|there is a device' <<<"$output"; then
		result "not ok" "$1"
	else
		check "$1" 0 "$3" "vitrine: refusing to load: $4" 'vmxe=0 root=0'
	fi
}

plan 5
refused "no VMX: ENODEV" no-vmx "No such device" "this processor has no VMX"
refused "no EPT: EOPNOTSUPP" no-ept "Operation not supported" "this processor has no EPT"
refused "no unrestricted guest: EOPNOTSUPP" no-ug "Operation not supported" \
	"this processor has no unrestricted guest"
refused "VMX locked off by firmware: EPERM" locked "Operation not permitted" \
	"firmware has locked VMX off .IA32_FEATURE_CONTROL is 0x1"
machine --cpu vmx --timeout 120 -- sh -c "$attempt"
check "the same words about a good processor: it loads" 0 'insmod: status 0' 'it is loaded' \
	'there is a device' 'vmxe=1 root=1'
finish
