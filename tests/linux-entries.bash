#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Linux by the ways that `make linux` does not go: entered by PVH and in 32 bits, with
# interrupts that the processor delivers, and on one host CPU.
#
#	tests/linux-entries.bash HOST [WAY...]		prints TAP
#
# The suite linux-entries starts it.  The kernel is the lean one: its vmlinux has a PVH
# entry, its bzImage both others.  Read docs/linux-boot.md, "The other two entries".
set -u
cd "$(dirname "$0")/.." || exit 1
[ $# -ge 1 ] || { echo "usage: tests/linux-entries.bash HOST [WAY...]" >&2; exit 2; }
host=$1
shift
[ $# != 0 ] || set -- pvh 32-bits apicv one-cpu
lean=$(nested/kernels get lean) || exit 1

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
number=0
failed=0

result() { # WHAT CONDITION...
	number=$((number + 1))
	local what=$1
	shift
	if "$@"; then
		echo "ok $number - $what"
	else
		echo "not ok $number - $what"
		failed=1
		tail -n 20 "$out/said" | tr -d '\r' | sed 's/^/# /'
	fi
}

boots() { # WHAT SENTENCE IMAGE OPTION...
	local what=$1 sentence=$2 image=$3 status
	shift 3
	# shellcheck disable=SC2016 # the guest expands it
	nested/linux --host "$host" --guest lean --image "$image" "$@" \
		'[ "$(nproc)" = 2 ] && grep LOC: /proc/interrupts && exit 42' >"$out/said" 2>&1
	status=$?
	result "$what: two CPUs and the RAM disk's command" test $status = 42
	result "$what: by the entry that was meant" grep -q "$sentence" "$out/said"
}

# By itself the processor ends interrupts without an exit: there are fewer writes to the
# APIC than ticks of its timers.
ends_by_itself() {
	tr -d '\r' <"$out/said" | awk '
		$1 == "LOC:" { ticks = $2 + $3 }
		$1 == "APIC_WRITE" { writes = $2 }
		END { print "# " ticks " ticks, " writes " writes"; exit !(writes < ticks) }'
}

echo "TAP version 13"
echo "1..$(($# * 2 + $(printf '%s\n' "$@" | grep -cx apicv)))"
for way; do
	case $way in
	pvh)
		boots PVH 'PVH, enters protected mode at' "$lean/build/vmlinux" ;;
	32-bits)
		boots '32 bits' 'Linux, enters protected mode at' "$lean/vmlinuz" \
			--option=--mode --option=protected ;;
	apicv)
		boots 'virtual-interrupt delivery' 'Linux, enters long mode at' "$lean/vmlinuz" \
			--parameter=apicv=2 --option=--stats
		result "and the processor ended them" ends_by_itself ;;
	# Two vCPUs take turns, also when one spins for the other with interrupts off.
	one-cpu)
		boots 'one host CPU' 'Linux, enters long mode at' "$lean/vmlinuz" --host-cpus=1 ;;
	esac
done
exit $failed
