#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Loading and unloading a hundred times, with a guest in between, costs nothing.
#
# Runs inside of the nested machine; the suites life-leaks-* start it with one
# processor, where waiting costs no time.  The bound is half a page a load: a
# single page that stays behind each time is twice that.  Smaller things are
# seen by kmemleak, when this runs on the debug kernel with fewer loads.
# Subtle: the first loads do not count, for the kernel's caches grow with them.
set -u
. "$(dirname "$0")/tap.sh"
LOADS=${LOADS:-100}
GUESTS=${GUESTS:-20}

many_loads() {
	i=0
	while [ "$i" -lt "$1" ]; do
		if ! load || ! unload; then
			echo "load number $i"
			return 1
		fi
		i=$((i + 1))
	done
}

free_pages() {
	sync
	echo 3 >/proc/sys/vm/drop_caches
	usleep 300000
	sed -n 's/^nr_free_pages //p' /proc/vmstat
}

# Areas that were freed and wait for a flush of the TLBs are listed as well.
vmalloc_areas() {
	grep -vc unpurged /proc/vmallocinfo
}

many_guests() {
	i=0
	while [ "$i" -lt "$1" ]; do
		echo - | "$here/guest" step /tmp/count >/dev/null || return 1
		i=$((i + 1))
	done
}

# TIMES COMMAND...: call COMMAND with 8, then with TIMES, and compare
leaks_nothing() {
	times=$1
	shift
	"$@" 8 || return 1
	pages=$(free_pages)
	areas=$(vmalloc_areas)
	"$@" "$times" || return 1
	lost=$((pages - $(free_pages)))
	grown=$(($(vmalloc_areas) - areas))
	echo "$lost pages fewer, $grown more vmalloc areas"
	[ "$lost" -lt $((times / 2)) ] && [ "$grown" -lt $((times / 10 + 1)) ]
}

# NAME TIMES COMMAND...
no_leak() {
	name=$1
	shift
	ok "$name" leaks_nothing "$@"
	note "$output"
}

plan 3
no_leak "$LOADS loads and unloads cost no memory" "$LOADS" many_loads
ok "the module loads once more" load
no_leak "$GUESTS VMs with a guest that ran cost no memory" "$GUESTS" many_guests
finish

