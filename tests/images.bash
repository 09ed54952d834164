#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Guests that nobody here wrote: images of Debian's packages, byte for byte.
#
#	tests/images.bash HOST [NAME...]	prints TAP
#
# The suite images starts it.  What each needs, and how far it comes, is in
# docs/linux-boot.md, "Other images".  Images come from nested/kernels.
set -u
cd "$(dirname "$0")/.." || exit 1
[ $# -ge 1 ] || { echo "usage: tests/images.bash HOST [NAME...]" >&2; exit 2; }
host=$1
shift
[ $# != 0 ] || set -- memtest gnumach xen

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
number=0
failed=0

# shellcheck disable=SC2317 # all of these are called by name
result() { # WHAT PATTERN
	number=$((number + 1))
	if tr -d '\r' <"$out/said" | grep -qaE "$2"; then
		echo "ok $number - $1"
	else
		echo "not ok $number - $1"
		failed=1
		tail -n 20 "$out/said" | tr -cd '\n -~' | sed 's/^/# /'
	fi
}

run_image() { # NAME CPUS OPTION...
	local image cpus=$2
	image=$(nested/kernels get "$1")/image
	shift 2
	# shellcheck disable=SC2016 # the machine's shell expands it
	nested/run --quiet --kernel "$host" --cpus "$cpus" --memory 256 --timeout 900 \
		--file "$image:/root/image" -- sh -c '
			insmod /vitrine/vitrine.ko
			vitrine run --verbose "$@" /root/image 2>&1
			echo "status $?"
			rmmod vitrine && echo "the module is gone"' sh "$@" >"$out/said" 2>&1
}

memtest() {
	run_image memtest 1 --memory 8M --timeout 60 \
		--append 'console=ttyS0,115200 nosmp keyboard=legacy nopause nobench'
	result "memtest86+: begins by the 64-bit entry" 'Linux, enters long mode at 0x100200'
	result "memtest86+: its screen comes through the serial port" 'Memtest86\+ v6'
	result "memtest86+: it tests" 'Testing: *[0-9]+'
	result "memtest86+: and goes on until the time is over" '^status 124'
}

gnumach() {
	run_image gnumach 1 --irqchip --memory 64M --timeout 60 --append 'console=com0'
	result "GNU Mach: begins as a multiboot kernel" 'multiboot, enters protected mode'
	result "GNU Mach: says what it is" 'GNU Mach 1\.8'
	result "GNU Mach: misses its servers" 'No bootstrap code loaded with the kernel'
}

xen() {
	run_image xen 1 --irqchip --memory 128M --timeout 60 \
		--append 'com1=115200,8n1 console=com1 no-real-mode'
	result "Xen: begins as a multiboot kernel" 'multiboot, enters protected mode'
	result "Xen: says what it is" 'Xen version 4\.17'
	result "Xen: misses a first domain" 'dom0|DOM0'
}

echo "TAP version 13"
for name; do
	"$name"
done
echo "1..$number"
exit $failed
