#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Ends of a machine while Vitrine is loaded and guests run on both cores.
#
#	tests/life/ends.bash KERNEL		prints TAP
#	ONLY=crash tests/life/ends.bash KERNEL	one of reboot kexec crash panic
#
# Reboot, kexec, a crash with a crash kernel, a panic without one.  A core in
# root mode ignores INIT and cannot change CR4.VMXE: so a second kernel starts
# only if the core that jumps into it has left root mode, and has two processors
# only if the other one has, too.  TREE=DIR takes another tree than the
# kernel's own, as for nested/run --tree.
# Subtle: --crash brings a kernel image and a script for the kernel that comes
# second, whether by a crash or by kexec.
set -eu
. "$(dirname "$0")/tap.bash"

take_kernel ends.bash "$@"

# FIRST: before any guest competes for the processors.  Then load, keep a guest
# on each core, and end it by LAST.
in_machine() { # FIRST LAST OPTIONS...
	local commands="$1; . $life/tap.sh; load || exit 9
		start /tmp/log spin /tmp/count 0 1; $2; sleep 60"
	shift 2
	machine --cpus 2 --timeout 900 "$@" -- sh -c "$commands" $life/x
}

# The second kernel has both processors, and Vitrine's guests are gone.
second='echo "second kernel: $(nproc) processors"; [ -e /dev/vitrine ] || echo "without Vitrine"'
both='sed -i s/nr_cpus=1/nr_cpus=2/ /crash/command-line'
load_next='modprobe sha256-ssse3 2>/dev/null; kexec -s -l /crash/vmlinuz \
	--initrd=/crash/initrd --command-line="$(cat /crash/command-line)"'

test_reboot() {
	in_machine true 'reboot -f' --expect-reboot
	check "reboot: the machine resets" 0
}

test_kexec() {
	in_machine "$both; { $load_next; } || exit 8" 'kexec -e' --crash "$second"
	check "kexec: the next kernel starts, on both cores" 0 \
		'second kernel: 2 processors' 'without Vitrine'
}

test_crash() {
	in_machine "$both; crash-load || exit 8" \
		"taskset -c 0 sh -c 'echo c >/proc/sysrq-trigger'" \
		--crash "$second; ls /proc/vmcore"
	check "crash: the crash kernel starts, on both cores" 0 \
		'second kernel: 2 processors' 'without Vitrine' '/proc/vmcore'
}

test_panic() {
	in_machine true 'echo c >/proc/sysrq-trigger'
	check "panic without a crash kernel: its message appears" 125 \
		'Kernel panic - not syncing: sysrq triggered crash' 'the kernel panicked'
}

tests=${ONLY:-reboot kexec crash panic}
for each in $tests; do
	if ! declare -F "test_$each" >/dev/null; then
		echo "tests/life/ends.bash: ONLY=$each: choose of reboot kexec crash panic" >&2
		exit 2
	fi
done
plan "$(wc -w <<<"$tests")"
for each in $tests; do
	"test_$each"
done
finish
