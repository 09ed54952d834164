#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# In the nested machine: start the stock Linux in /root as Vitrine's guest.
#
#	start.sh run|exits|step [OPTION...] [-- WORD...]	as of `vitrine`
#
# Started by nested/lib/machine/linux_guest.py.  Ends with the status that the guest
# has handed out, or with that of the tool if it did not come so far.  If there is a
# terminal, somebody sits there, who may leave the guest by Ctrl-A d and come back.
# The emulated processor takes no interrupt from a guest that has them off: a vCPU that
# spins for another one must leave the only host CPU by itself.
slice=0
[ "$(nproc)" -gt 1 ] || slice=2000
# shellcheck disable=SC2086 # several words are several parameters
insmod /vitrine/vitrine.ko slice_us=$slice ${MODULE_ARGS-} || exit 1
tool=$1
shift
set -- --name linux --kernel /root/vmlinuz --initrd /root/initrd "$@"

runs() {
	vitrine ps --json | grep -q '"name":"linux"'
}

# This machine is all that is around a guest that was left: it must not end now.
shell_around() {
	cat <<-END

	The guest goes on. This is a shell of the machine around it.
	  vitrine console linux   back to the guest    vitrine exits --vm linux   watch it
	  vitrine stop linux      its power button     exit                       end both
	END
	sh
	! runs || vitrine stop --force linux
}

if [ -t 0 ]; then
	# Help and messages of the tool come at once.
	vitrine "$tool" "$@"
	status=$?
	! runs || shell_around
else
	vitrine "$tool" --verbose "$@" 2>/tmp/said
	status=$?
	# The tool has 7 bits for it, a shell's status has 8.
	value=$(sed -n 's/.*the guest wrote 0x\([0-9a-f]*\) to the debug exit port.*/\1/p' /tmp/said)
	[ -z "$value" ] || status=$((0x$value & 0xff))
	grep -v '^vitrine: loaded ' /tmp/said >&2
fi
rmmod vitrine || exit 1
exit "$status"
