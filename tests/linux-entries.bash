#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Linux by the entries that `make linux` does not use: PVH, and 32 bits.
#
#	tests/linux-entries.bash HOST		prints TAP
#
# The suite linux-entries starts it.  The kernel is the lean one: its vmlinux has a PVH
# entry, its bzImage both others.  Read docs/linux-boot.md, "The other two entries".
set -u
cd "$(dirname "$0")/.." || exit 1
[ $# = 1 ] || { echo "usage: tests/linux-entries.bash HOST" >&2; exit 2; }
host=$1
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
		'[ "$(nproc)" = 2 ] && exit 42' >"$out/said" 2>&1
	status=$?
	result "$what: two CPUs and the RAM disk's command" test $status = 42
	result "$what: by the entry that was meant" grep -q "$sentence" "$out/said"
}

echo "TAP version 13"
echo "1..4"
boots PVH 'PVH, enters protected mode at' "$lean/build/vmlinux"
boots '32 bits' 'Linux, enters protected mode at' "$lean/vmlinuz" \
	--option=--mode --option=protected
exit $failed
