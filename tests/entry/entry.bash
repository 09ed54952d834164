#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Tests of VM entry: build the test module, run them in the nested machine.
#
# usage: tests/entry/entry.bash KERNEL [--log DIR] [CASE...]
#
# Called by tests/run and by people, after `make tree KERNEL=...`.  The module is not
# a part of the tree: only this script builds it.  ENTRY_FUZZ and ENTRY_SEED are
# handed on (run.sh); --log keeps the emulator's log, which names the check that it
# has found broken.
set -eu

cd "$(dirname "$0")/../.."
kernel=${1:?usage: tests/entry/entry.bash KERNEL [--log DIR] [CASE...]}
shift
log=()
if [ "${1-}" = --log ]; then
	log=(--keep-log "$2")
	shift 2
fi
build=$PWD/build/$kernel
home=$(nested/kernels get "$kernel")

make --no-print-directory -s -C tests/entry O="$build/root/tests/entry" SOURCES="$build" \
	KDIR="$(cat "$home/kdir")"
exec nested/run --kernel "$kernel" --cpus 2 --timeout 1000 "${log[@]}" \
	--env "ENTRY_FUZZ=${ENTRY_FUZZ:-1000}" --env "ENTRY_SEED=${ENTRY_SEED:-1}" \
	-- sh /vitrine/tests/entry/run.sh "$@"
