#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# In the nested machine: start the stock Linux in /root as Vitrine's guest.
#
#	start.sh run|exits|step [OPTION...] [-- WORD...]	as of `vitrine`
#
# Started by nested/lib/machine/linux_guest.py.  Ends with the status that the guest
# has handed out, or with that of the tool if it did not come so far.
# The emulated processor takes no interrupt from a guest that has them off: a vCPU that
# spins for another one must leave the only host CPU by itself.
slice=0
[ "$(nproc)" -gt 1 ] || slice=2000
insmod /vitrine/vitrine.ko slice_us=$slice || exit 1
tool=$1
shift
vitrine "$tool" --verbose --kernel /root/vmlinuz --initrd /root/initrd "$@" 2>/tmp/said
status=$?
# The tool has 7 bits for it, a shell's status has 8.
value=$(sed -n 's/.*the guest wrote 0x\([0-9a-f]*\) to the debug exit port.*/\1/p' /tmp/said)
[ -z "$value" ] || status=$((0x$value & 0xff))
grep -v '^vitrine: loaded ' /tmp/said >&2
rmmod vitrine || exit 1
exit "$status"
