#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Run the tests of VM entry inside of the nested machine.
#
# usage: run.sh [CASE...]	(default: all; entry_test --list names them)
#
# Loads vitrine_entry.ko, which is Vitrine with the hook of vmx/tests/entry_hook.c,
# instead of vitrine.ko.  ENTRY_FUZZ is the number of random states, ENTRY_SEED the
# first seed.
set -eu

here=${0%/*}
insmod "$here/vitrine_entry.ko"
# Failures by the thousand are meant: not in the log.
dmesg -n 1
status=0
"$here/entry_test" "$@" || status=$?
rmmod vitrine_entry
exit $status
