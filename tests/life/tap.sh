# SPDX-License-Identifier: GPL-2.0-only
# TAP for the life tests inside of the nested machine (busybox sh).
#
# The scripts beside this file read it first: `. "$(dirname "$0")/tap.sh"`.
# ok, is and fails each print one result; bail ends everything for what no
# further test can make sense of.  A script ends with `finish`.  The second half
# are the few things that all life tests do: load, unload, look at the cores,
# keep guests.

here=$(cd "$(dirname "$0")" && pwd)
module=/vitrine/vitrine.ko
debug=/sys/kernel/debug/vitrine
nr=0
failed=0
planned=0
started=

plan() {
	planned=$1
	echo "TAP version 13"
	echo "1..$planned"
}

result() { # ok|not ok, NAME
	nr=$((nr + 1))
	[ "$1" = ok ] || failed=$((failed + 1))
	echo "$1 $nr - $2"
}

note() {
	echo "$*" | sed 's/^/# /'
}

# NAME COMMAND...: the command must succeed
ok() {
	what=$1
	shift
	if output=$("$@" 2>&1); then
		result ok "$what"
	else
		result "not ok" "$what"
		note "command: $*"
		[ -z "$output" ] || note "$output"
	fi
}

# NAME COMMAND...: the command must fail
fails() {
	what=$1
	shift
	if output=$("$@" 2>&1); then
		result "not ok" "$what"
		note "command succeeded: $*"
	else
		result ok "$what"
	fi
}

# NAME WHAT-IS WHAT-OUGHT-TO-BE
is() {
	if [ "$2" = "$3" ]; then
		result ok "$1"
	else
		result "not ok" "$1"
		note "got:      $2"
		note "expected: $3"
	fi
}

skip() { # NAME REASON
	nr=$((nr + 1))
	echo "ok $nr - $1 # SKIP $2"
}

bail() {
	echo "Bail out! $*"
	stop_all
	exit 1
}

finish() {
	stop_all
	[ "$failed" -eq 0 ] && [ "$nr" -eq "$planned" ]
	exit
}

# ---- Vitrine ---------------------------------------------------------------------

load() { # PARAMETER=VALUE...
	insmod "$module" "$@"
}

unload() {
	rmmod vitrine
}

loaded() {
	grep -q '^vitrine ' /proc/modules
}

# What the cores say themselves: "cpu0 vmxe=1 root=1", a line each.
vmx_state() {
	sed 's/cr4=[^ ]* shadow=[^ ]* //' /sys/module/peek/parameters/cores
}

# CR4 and its shadow as they are.
cr4_state() {
	sed 's/ vmxe=.*//' /sys/module/peek/parameters/cores
}

# CPU: on or off, as Vitrine says
root_mode() {
	sed -n 's/^vmx_root_mode: //p' "$debug/cpu$1"
}

all_cores() { # vmxe=N root=N: the state of each online core
	vmx_state | sed 's/^cpu[0-9]* //' | sort -u
}

# ---- guests -----------------------------------------------------------------------

# LOG ARG...: start `guest ARG...` behind, wait until it is ready; its pid is $pid
start() {
	log=$1
	shift
	"$here/guest" "$@" >"$log" 2>&1 &
	pid=$!
	started="$started $pid"
	wait_for_line "$log" ready || bail "guest $* did not start: $(cat "$log")"
}

wait_for_line() { # FILE LINE
	tries=0
	until grep -q "^$2\$" "$1" 2>/dev/null; do
		tries=$((tries + 1))
		[ "$tries" -lt 300 ] || return 1
		usleep 50000
	done
}

# End a guest program and see it gone, so that what it held is free.
stop() {
	kill "$1" 2>/dev/null || true
	wait "$1" 2>/dev/null || true
}

stop_all() {
	for each in $started; do
		stop "$each"
	done
	started=
}

# FILE PAGE: what guest PAGE has counted to
count() {
	od -An -tu4 -N4 -j $(($2 * 4096)) "$1" | tr -d ' '
}

# FILE PAGE: does it count on?
counts_on() {
	before=$(count "$1" "$2")
	tries=0
	while [ "$(count "$1" "$2")" = "$before" ]; do
		tries=$((tries + 1))
		[ "$tries" -lt 500 ] || return 1
		usleep 20000
	done
}
