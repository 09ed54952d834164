#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Guests that are no Linux: memtest86+, GNU Mach.
#
# Runs inside of the nested machine: tests/others.bash has put the images into /root; the
# variable CASES names those that are wanted.
set -u
. "$(dirname "$0")/../life/tap.sh"
said=/tmp/said

# OPTION...: start a guest; keys for it go to descriptor 3
begin() {
	rm -f /tmp/keys
	mkfifo /tmp/keys
	vitrine run --verbose "$@" </tmp/keys >$said 2>/tmp/errors &
	vitrine=$!
	exec 3>/tmp/keys
}

# What it has said, a line for each piece that it has put somewhere on its screen.
text() {
	sed 's/\x1b\[[0-9;?]*[A-Za-z]/\n/g' $said | tr '\r' '\n'
}

# TEXT SECONDS: wait until it has said so
says() {
	left=$2
	until text | grep -qF "$1"; do
		left=$((left - 1))
		if [ $left = 0 ] || ! kill -0 "$vitrine" 2>/dev/null; then
			text | tail -n 30
			cat /tmp/errors
			return 1
		fi
		sleep 1
	done
}

# NAME STATUS: it ends with that
ends() {
	exec 3>&-
	wait "$vitrine"
	is "$1" $? "$2"
	note "$(tail -n 3 /tmp/errors)"
}

# 8 MiB: as small as it can be.  It polls all devices, with interrupts off.
memtest() {
	begin --memory 8M --append "console=ttyS0,115200 nopause nobench" /root/memtest
	ok "memtest86+ draws its screen on the serial port" says "Memtest86+ v6" 60
	ok "it tests" says "[Moving inversions, 1s & 0s" 600
	ok "to the end of a pass" says "Press any key to remove this banner" 3000
	is "without an error" "$(text | grep -c 'Failing Address')" 0
	printf '\033' >&3
	ends "Esc: it resets the machine" 119
}

# Without the servers of the Hurd there is no more to come.
gnumach() {
	begin --irqchip --memory 64M --append console=com0 /root/gnumach
	ok "GNU Mach starts, and misses its servers" \
		says "No bootstrap code loaded with the kernel!" 120
	kill "$vitrine"
	ends "and is ended from outside" 143
}

count=0
for name in $CASES; do
	case $name in
	memtest)	count=$((count + 5)) ;;
	gnumach)	count=$((count + 2)) ;;
	esac
done
plan $count
# Who polls with interrupts off must leave the emulated core by itself.
load slice_us=2000 || bail "vitrine.ko does not load"
for name in $CASES; do
	"$name"
done
unload
finish
