#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Two guests at once, each controlled by itself, and consoles on terminals.
#
# Runs inside of the nested machine; the suite control-lean starts it.  The guest is
# control.elf, which ticks and answers keys; ./pty is somebody at a terminal.  Read
# docs/console.md for what is promised, and ../life/tap.sh for the words used here.
set -u
. "$(dirname "$0")/../life/tap.sh"
pty=/vitrine/tests/tool/pty
guest=/vitrine/guests/control.elf
run="vitrine run --irqchip"

# ---- words for this script -----------------------------------------------------------

detached() { # NAME OPTION...: start a VM, and see it up
	name=$1
	shift
	$run --detach --name "$name" "$@" $guest >/dev/null || return 1
	tries=0
	until grep -q '^up$' "/run/vitrine/$name.log"; do
		tries=$((tries + 1))
		[ "$tries" -lt 200 ] || return 1
		usleep 20000
	done
}

at_terminal() { # LOG COMMAND...: what to do comes from stdin
	log=$1
	shift
	"$pty" "$@" >"$log" 2>&1 || { cat "$log"; return 1; }
}

# NAME: "TICKS COUNTER" of the guest, decimal
clocks() {
	printf 'type TC\nline tsc \ntype ^Ad\nend 0\n' |
		"$pty" vitrine console --history 0 "$1" >/tmp/clocks 2>&1 || return 1
	# shellcheck disable=SC2046 # two words each
	set -- $(sed -n 's/.*ticks 0*\([0-9a-f]*\).*/\1/p; s/.*tsc 0*\([0-9a-f]*\).*/\1/p' /tmp/clocks)
	echo "$((0x0$1)) $((0x0$2))"
}

ticks() {
	# shellcheck disable=SC2046 # two words each
	set -- $(clocks "$1")
	echo "$1"
}

# NAME KEY: of ps
field() {
	vitrine ps --json | tr '{' '\n' | sed -n "/\"name\":\"$1\"/s/.*\"$2\":\"*\([^,\"}]*\).*/\1/p"
}

gone() { # NAME: it and its files
	[ -z "$(field "$1" pid)" ] && [ ! -e "/run/vitrine/$1.sock" ] && [ ! -e "/run/vitrine/$1.lock" ]
}

says() { # PATTERN COMMAND...: fails, and says why
	pattern=$1
	shift
	! "$@" >/tmp/says 2>&1 && grep -q -- "$pattern" /tmp/says || { cat /tmp/says; return 1; }
}

plan 54
load || bail "vitrine.ko does not load"

# ---- two at once ----------------------------------------------------------------------

ok "a VM is left running" detached a
ok "and another one" detached b --memory 32M
is "ps shows the first" "$(field a state) $(field a vcpus) $(field a memory)" "running 1 67108864"
is "and the second" "$(field b state) $(field b memory)" "running 33554432"
ok "a name that is taken is refused" says "a VM called 'a' is running already" $run --name a $guest
ok "so is what is no name" says "letters, digits" $run --name a/b $guest
ok "a VM that is not there has no console" says "no VM 'c' is running: see" vitrine console c

# ---- pause: a stands still, b goes on ----------------------------------------------------

# shellcheck disable=SC2046 # two words each
set -- $(clocks a) $(clocks b)
before_a=$1 counter_a=$2 before_b=$3 counter_b=$4
ok "the guests answer" test "$before_a" -gt 0 -a "$before_b" -gt 0
ok "pause" vitrine pause a
is "ps shows it" "$(field a state) $(field b state)" "paused running"
ok "pausing twice is refused" says "paused already" vitrine pause a
ok "a paused VM can't take its power button" says "paused, so the guest" vitrine stop a
paused=$(cut -d' ' -f1 /proc/uptime | tr -d .)
sleep 3
ok "resume" vitrine resume a
paused=$(($(cut -d' ' -f1 /proc/uptime | tr -d .) - paused))
ok "resuming twice is refused" says "not paused" vitrine resume a
# shellcheck disable=SC2046 # two words each
set -- $(clocks a) $(clocks b)
ticks_a=$(($1 - before_a)) ticks_b=$(($3 - before_b))
counted_a=$((($2 - counter_a) / 1000)) counted_b=$((($4 - counter_b) / 1000))
note "a: $ticks_a ticks, $counted_a thousand counts; b: $ticks_b, $counted_b; paused $paused/100 s"
ok "the paused one ticks again" test "$ticks_a" -gt 0
# 50 ticks in a second; b was asked a little later than a each time.
ok "it has not made up for the pause" test $((ticks_a + paused / 2)) -le $((ticks_b + 25))
ok "the other one has gone on meanwhile" test "$ticks_b" -ge $((paused / 2 - 25))
# Counts for each tick, of a, is that of b within 5 in 100.
ok "its time stamp counter stood still, too" \
	test $((counted_a * 100 / ticks_a)) -ge $((counted_b * 95 / ticks_b)) -a \
	$((counted_a * 100 / ticks_a)) -le $((counted_b * 105 / ticks_b))

# ---- reset ---------------------------------------------------------------------------------

pid=$(field a pid)
before_a=$(ticks a) before_b=$(ticks b)
ok "reset" vitrine reset a
sleep 1
ok "the guest begins again" test "$(ticks a)" -lt "$before_a"
ok "the other one does not" test "$(ticks b)" -gt "$before_b"
is "its process is the same" "$(field a pid)" "$pid"
ok "a paused VM" vitrine pause a
ok "is reset" vitrine reset a
is "and stays paused" "$(field a state)" "paused"
lines=$(grep -c '^up$' /run/vitrine/a.log)
vitrine resume a
sleep 1
is "it begins when it is resumed" "$(grep -c '^up$' /run/vitrine/a.log)" $((lines + 1))

# ---- stop ------------------------------------------------------------------------------------

ok "stop" vitrine stop --timeout 20 a
ok "it is gone" gone a
is "the guest has switched itself off" "$(tail -n 1 /run/vitrine/a.log)" "off"
is "the other one runs" "$(field b state)" "running"
printf 'type I\nline ignores\ntype ^Ad\nend 0\n' | at_terminal /tmp/log vitrine console b
ok "one that ignores its button is ended" vitrine stop --timeout 1 b
ok "it is gone, too" gone b
$run --detach --name deaf /vitrine/guests/spin.elf >/dev/null
vitrine run --detach --name old /vitrine/guests/spin.elf >/dev/null
ok "a VM without a button is not stopped" says "no power button" vitrine stop old
ok "but by force" vitrine stop --force old
kill -STOP "$(field deaf pid)"
ok "a process that does not answer is killed" vitrine stop --force deaf
ok "and its name can be taken again" detached deaf
ok "by one that ends" vitrine stop deaf

# ---- terminals --------------------------------------------------------------------------------

ok "Ctrl-A d leaves the terminal, as it was" at_terminal /tmp/log $run --name t --log /tmp/t.log $guest <<END
raw
line up
type z
line <z>
type ^Ad
end 0
cooked
END
ok "another terminal comes back, and sees what was" at_terminal /tmp/log vitrine console t <<END
raw
line <z>
type y
line <y>
type ^A^A
line <
type ^Ad
end 0
cooked
END
ok "--log has all of it" sh -c 'grep -q "^<z>" /tmp/t.log && grep -q "^<y>" /tmp/t.log'
ok "Ctrl-A s types the size" at_terminal /tmp/log vitrine console t <<END
size 40 132
raw
type ^As
line <1>
line <3>
line <2>
type ^Ad
end 0
END
# Two at once: the second one looks, then takes the keys.
"$pty" vitrine console t >/tmp/first 2>&1 <<END &
raw
line has taken the keys
type ^Ad
end 0
cooked
END
first=$!
usleep 500000
ok "a second console takes the keys" at_terminal /tmp/second vitrine console --history 0 t <<END
raw
line this one only looks
type G
nap 300
type ^At
line has the keys
type v
line <v>
type ^Ad
end 0
END
fails "what it typed before went nowhere" grep -q '<G>' /tmp/t.log
kill $first 2>/dev/null
ok "a console that is ended by a signal gives the terminal back" at_terminal /tmp/log \
	vitrine console --take t <<END
raw
kill 15
end 143
cooked
END
ok "and its keys: the next one has them" at_terminal /tmp/log vitrine console t <<END
raw
type u
line <u>
type ^Ax
end 0
cooked
END
ok "Ctrl-A x has ended it" gone t
ok "what the guest ends with, its console does" sh -c \
	"$run --detach --name q $guest >/dev/null; printf 'raw\ntype Q\nend 1\ncooked\n' | $pty vitrine console q"

# ---- deaths ------------------------------------------------------------------------------------

(
	until [ -n "$(field k pid)" ]; do usleep 50000; done
	kill -9 "$(field k pid)"
) &
ok "a VM killed by SIGKILL gives the terminal back" at_terminal /tmp/log $run --name k $guest <<END
raw
line up
end 137
cooked
END
ok "its name can be taken again" detached k
pid=$(field k pid)
kill -9 "$pid"
ok "also that of a detached one" detached k
kill -TERM "$(field k pid)"
ok "SIGTERM for the one in front is one for the VM" at_terminal /tmp/log $run --name f $guest <<END
line up
kill 15
end 143
cooked
END
is "a guest that resets itself ends with 119" \
	"$(printf 'line up\ntype R\nend 119\n' | "$pty" $run $guest >/dev/null 2>&1; echo $?)" 0
ok "or begins again, with --on-reset restart" at_terminal /tmp/log $run --on-reset restart $guest <<END
line up
type R
line up
type R
line up
type Q
end 1
END
tries=0
until unload 2>/dev/null || [ "$tries" = 100 ]; do
	tries=$((tries + 1))
	usleep 50000
done
fails "all VMs have let go of the module" loaded
finish
