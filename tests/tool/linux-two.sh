#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Two stock Debian kernels at once, each controlled by itself.
#
# Runs inside of the nested machine: `nested/linux --script` has put kernel and RAM
# disk into /root.  ./control.sh does the same, and more, with a small guest; here is
# what only an operating system shows: a shell, a clock that stands still, and a power
# button that ends in an orderly way.
set -u
. "$(dirname "$0")/../life/tap.sh"
pty=/vitrine/tests/tool/pty
export PTY_PATIENCE=120

boot() { # NAME: leave it running
	vitrine run --detach --name "$1" --cpus 2 --memory 192M --kernel /root/vmlinuz \
		--initrd /root/initrd --append "console=ttyS0 quiet $1" >/dev/null
}

# NAME TIMES: its shell has come up so often
came_up() {
	tries=0
	until [ "$(grep -c 'ends it; Ctrl-A x does' "/run/vitrine/$1.log")" -ge "$2" ]; do
		tries=$((tries + 1))
		[ "$tries" -lt 600 ] || { tail -n 5 "/run/vitrine/$1.log"; return 1; }
		sleep 1
	done
	sleep 1
}

# NAME COMMAND: what the guest's shell says, behind "said:"
in_guest() {
	printf 'type %s | sed "s/.*/said:&/"; echo END$((1+1))^M\nline END2\ntype ^Ad\nend 0\n' "$2" |
		"$pty" vitrine console --history 0 "$1" 2>/tmp/pty.err | tr -d '\r' |
		sed -n 's/^said://p'
}

field() { # NAME KEY: of ps
	vitrine ps --json | tr '{' '\n' | sed -n "/\"name\":\"$1\"/s/.*\"$2\":\"*\([^,\"}]*\).*/\1/p"
}

hundredths() { # of the guest's own time since its start
	in_guest "$1" 'cut -d" " -f1 /proc/uptime' | tr -d .
}

# On the emulator there are some from the boot: docs/linux-boot.md "What the kernel
# complains about".
complaints() { # NAME: how many lines of its log tell of a clock that is wrong
	in_guest "$1" 'dmesg | grep -ciE "stall|lockup|unstable"'
}

plan 12
# Four vCPUs on two cores: one that waits for another with interrupts off must leave its core.
load slice_us=2000 || bail "vitrine.ko does not load"
ok "one Linux starts" boot a
ok "and another one" boot b
ok "the first has a shell" came_up a 1
ok "the second, too" came_up b 1
is "each was told its own name" "$(in_guest a 'cat /proc/cmdline')/$(in_guest b 'cat /proc/cmdline')" \
	"console=ttyS0 quiet a/console=ttyS0 quiet b"

complaints_a=$(complaints a)
before_a=$(hundredths a) before_b=$(hundredths b)
vitrine pause a
sleep 10
is "one is paused, the other runs" "$(field a state) $(field b state)" "paused running"
vitrine resume a
after_a=$(hundredths a) after_b=$(hundredths b)
note "of 10 s the paused one has seen $((after_a - before_a)) hundredths, the other one $((after_b - before_b))"
ok "the clock of the paused one stood still" test $((after_a - before_a + 800)) -lt $((after_b - before_b))
is "and it did not notice" "$(complaints a)" "$complaints_a"

ok "the power button of the first" vitrine stop --timeout 120 a
ok "has ended it in its own way" grep -q 'reboot: Power down' /run/vitrine/a.log
is "the second runs" "$(field b state)" running
vitrine reset b
ok "and begins again when it is reset" came_up b 2
vitrine stop --force b
unload || sleep 1
finish
