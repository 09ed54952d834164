#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What iasl, the ACPI compiler that firmware is built with, says of the guest's tables.
#
# usage: test_acpi.sh BUILDDIR    (called by run.sh)
#
# Each table is taken apart, and what comes out must compile again: without an error, a
# warning or a remark, and to the same table.  The RSDP holds addresses only.
set -u
build=$1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
number=0
failed=0

# shellcheck disable=SC2317 # the comparing functions are called by name
result() { # STATUS WHAT FILE
	number=$((number + 1))
	if [ "$1" = 0 ]; then
		echo "ok $number - $2"
	else
		echo "not ok $number - $2"
		failed=1
		sed 's/^/# /' "$3"
	fi
}

# The compiler puts its own name and version into the header, and a checksum for them.
same_bytes() { # TABLE
	[ "$(stat -c %s "$1.dat")" = "$(stat -c %s "$1.aml")" ] &&
		! cmp -l "$1.dat" "$1.aml" | awk '$1 != 10 && ($1 < 29 || $1 > 36)' | grep .
}

# Byte code may be written shorter: it is the same if it reads the same.
same_text() { # TABLE
	cp "$1.aml" again.aml
	iasl -d again.aml >again.log 2>&1
	diff <(sed '1,/^ [*][/]/d' "$1.dsl") <(sed '1,/^ [*][/]/d' again.dsl)
}

"$build/check/test_pc" --tables "$dir" >"$dir/log" 2>&1
result $? "the tables are written" "$dir/log"
if ! PATH=$PATH:/usr/sbin type -P iasl >/dev/null; then
	echo "iasl is missing: nested/ensure-packages test" >"$dir/log"
	result 1 "iasl is there" "$dir/log"
	echo "1..$number"
	exit 1
fi
cd "$dir" || exit 1
for table in DSDT FACP APIC FACS XSDT; do
	iasl -d "$table.dat" >"$table.apart" 2>&1 && ! grep -qiE 'error|warning|invalid|incorrect' "$table.apart"
	result $? "iasl takes the $table apart" "$table.apart"
	iasl -oa -p "$table" "$table.dsl" >"$table.again" 2>&1 &&
		grep -q '0 Errors, 0 Warnings, 0 Remarks' "$table.again"
	result $? "what comes out compiles without a remark" "$table.again"
	how=same_bytes
	[ $table != DSDT ] || how=same_text
	$how "$table" >"$table.differs" 2>&1
	result $? "to the same table" "$table.differs"
done
# A damaged table is noticed: else all of this would say nothing.
printf '\377' | dd of=DSDT.dat bs=1 seek=60 conv=notrunc 2>/dev/null
iasl -d DSDT.dat >broken.log 2>&1
grep -qiE 'error|warning|invalid|incorrect' broken.log
result $? "a damaged table would be noticed" broken.log
echo "1..$number"
exit $failed
