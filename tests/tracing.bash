#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The commands of docs/tracing.md do what it says.
#
#	tests/tracing.bash KERNEL		prints TAP
#
# The suite "tracing" starts it on the host.  The commands are taken out of the
# page itself (its indented lines; a "nested/run" line is for the host and left
# out) and run in one nested machine, in their order; then their output is
# looked at.  Read next: tests/ioctl/trace_test.c, which tests the contents.
set -u
cd "$(dirname "$0")/.." || exit 1
[ $# = 1 ] || { echo "usage: tests/tracing.bash 6.1|6.12|lean" >&2; exit 2; }

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
mapfile -t commands < <(sed -n 's/^    //p' docs/tracing.md | grep -v '^nested/run')

{
	echo 'insmod /vitrine/vitrine.ko || exit 9; cd /tmp'
	for i in "${!commands[@]}"; do
		printf '{ %s\n} </dev/null >/out/%u 2>&1; echo $? >/out/%u.status\n' \
			"${commands[i]}" "$i" "$i"
	done
	echo 'killall vitrine; sleep 1; rmmod vitrine'
} >"$out/script"
nested/run --kernel "$1" --memory 512 --program perf --program trace-cmd --file "$out/script:/root/script" \
	--out "$out/out" --timeout 400 -- sh /root/script >"$out/log" 2>&1
status=$?

number=0
failed=0
result() { # WHAT CONDITION...
	number=$((number + 1))
	local what=$1
	shift
	if "$@" 2>/dev/null; then
		echo "ok $number - $what"
	else
		echo "not ok $number - $what"
		failed=1
		[ ! -e "${shown:-$out/log}" ] || sed 's/^/# /' "${shown:-$out/log}" | tail -n 20
	fi
}

# COMMAND PATTERN: what the command (its first words) has printed
prints() {
	for i in "${!commands[@]}"; do
		[[ ${commands[i]} == "$1"* ]] && shown=$out/out/$i
	done
	result "$1: shows $2" grep -qE "$2" "$shown"
}

echo "TAP version 13"
result "the machine runs the page's ${#commands[@]} commands" test $status = 0 -a ${#commands[@]} -ge 9
for i in "${!commands[@]}"; do
	shown=$out/out/$i
	result "${commands[i]}: status 0" grep -qx 0 "$out/out/$i.status"
done
prints 'cat /sys/kernel/tracing/trace' 'vtr_exit: .*HLT'
prints 'trace-cmd report' 'vtr_user_exit'
prints 'perf stat' '[1-9][0-9]* +vitrine:vtr_entry'
prints 'vitrine exits' 'CPUID'
prints 'vitrine step' 'VMCALL'
prints 'vitrine ept --vm a --gpa' 'level 1, page table'
prints 'vitrine ept --vm a --gva' '^  data .*HPA 0x'
prints 'vitrine explain' 'access to the translated address itself'
echo "1..$number"
exit $failed
