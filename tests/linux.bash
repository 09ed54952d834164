#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# A stock Debian kernel as a guest: what `make linux` promises.
#
#	tests/linux.bash HOST GUEST [OPTION...]		prints TAP
#
# OPTIONs are for `vitrine run`, but for --parameter= (of the module) and --host-cpus=,
# which are for nested/linux.
#
# The suites linux-* start it on the host.  The guest boots once with 2 vCPUs; what
# it says is looked at here.  Read nested/lib/machine/linux_guest.py before.
set -u
cd "$(dirname "$0")/.." || exit 1
[ $# -ge 2 ] || { echo "usage: tests/linux.bash HOST 6.1|6.1-generic|6.12 [OPTION...]" >&2; exit 2; }
host=$1
guest=$2
shift 2
options=()
for word; do
	case $word in
	--parameter=* | --host-cpus=*) options+=("$word") ;;
	*) options+=("--option=$word") ;;
	esac
done

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
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
		tail -n 20 "$out/said" | tr -d '\r' | sed 's/^/# /'
	fi
}

says() { # LINE
	tr -d '\r' <"$out/said" | grep -qxF "$1"
}

has() { # PATTERN
	tr -d '\r' <"$out/said" | grep -qE "$1"
}

# What the guest's kernel says at levels 0 to 3, errors and worse, but for what
# docs/linux-boot.md "What the kernel complains about" explains.
explained='RETBleed: WARNING: Spectre v2 mitigation|TSC_DEADLINE disabled due to Errata|mce: Unable to init MCE device'
errors() {
	tr -d '\r' <"$out/said" | sed -n '/^-- log$/,/^-- end$/p' | grep -E '^<[0-3]>' |
		grep -vE "$explained"
}

# The same CPU's count of timer interrupts before and after: more.
ticked() { # COLUMN
	# shellcheck disable=SC2046 # two numbers
	set -- $(tr -d '\r' <"$out/said" | awk -v n="$1" '$1 == "LOC:" { print $(n + 1) }')
	[ $# = 2 ] && [ "$2" -gt "$1" ]
}

# The guest's clock shows its host's time: on Bochs that machine begins with the year 2000.
clock_is_right() {
	local said begin
	said=$(tr -d '\r' <"$out/said" | sed -n 's/^guest says //p')
	for begin in 946684800 "$began"; do
		[ "$said" -ge "$begin" ] && [ "$said" -le $((begin + 600)) ] && return
	done
	echo "# the guest's clock says $said"
	return 1
}

command='echo "guest says $(date +%s)"; nproc; uname -r; grep "cpu cores" /proc/cpuinfo
echo "clock $(cat /sys/devices/system/clocksource/clocksource0/current_clocksource)"
grep LOC: /proc/interrupts
sleep 1; taskset 1 true; taskset 2 true
grep LOC: /proc/interrupts
echo "-- log"; dmesg -r; echo "-- end"
exit 137'

echo "TAP version 13"
echo "1..12"
began=$(date +%s)
nested/linux --host "$host" --guest "$guest" "${options[@]}" "$command" >"$out/said" 2>"$out/err"
status=$?
cat "$out/err" >>"$out/said"
result "the guest's command ends with its own status" test $status = 137
result "the kernel is the package's, and its sum is printed" has '^  SHA-256 [0-9a-f]{64}$'
result "its release is the package's" says "$(cat "$(nested/kernels get "$guest")/release")"
result "it was told nothing but its console" has '^command line: console=ttyS0$'
result "two CPUs are online" has '^2$'
result "they are cores of one package" has '^cpu cores.*: 2$'
result "the timer of the first ticks" ticked 1
result "the timer of the second ticks" ticked 2
result "the guest's log has no error" eval '! errors >"$out/errors"'
sed 's/^/# /' "$out/errors"
result "no clock was found to be unstable" eval '! has "Marking (TSC|clocksource).*unstable|rcu.*stall"'
result "and the kernel's clock is its time stamp counter" says 'clock tsc'
result "its date and time are the host's" clock_is_right
exit $failed
