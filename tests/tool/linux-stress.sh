#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# A Linux under load, while its host works and moves its vCPUs from core to core.
#
# Runs inside of the nested machine: tests/linux-stress.bash has put kernel and RAM disk
# into /root, and into the latter what the guest does.  The host's own log is judged by
# nested/run.
set -u
. "$(dirname "$0")/../life/tap.sh"
said=/tmp/said

# ---- around the guest ----------------------------------------------------------------

# The process that has the VM: not the one that was started, which shows its console.
vm_pid() {
	vitrine ps --json | tr '{' '\n' | sed -n '/"name":"stress"/s/.*"pid":"*\([0-9]*\).*/\1/p'
}

# The threads of the vCPUs, by their names.
vcpus() {
	grep -l '^vcpu ' /proc/"$vm"/task/*/comm 2>/dev/null | cut -d/ -f5
}

# THREAD: the core that it has run on last
core_of() {
	sed 's/.*) //' "/proc/$vm/task/$1/stat" 2>/dev/null | cut -d' ' -f37
}

# Two vCPUs on two cores change places; every fourth time they share one.
move() {
	round=0
	while :; do
		round=$((round + 1))
		core=$((round % 2))
		for thread in $(vcpus); do
			before=$(core_of "$thread")
			taskset -p $((1 << core)) "$thread" >/dev/null 2>&1
			[ $((round % 4)) = 0 ] || core=$((1 - core))
			usleep 20000
			[ "$before" = "$(core_of "$thread")" ] || echo "$thread"
		done
		usleep 200000
	done
}

# Work for cores and memory: sums, new processes, and pages that move below the guest.
work() {
	while :; do
		dd if=/dev/zero bs=64k count=4 2>/dev/null | sha256sum
		echo 1 >/proc/sys/vm/compact_memory
		sleep 1
	done
}

now() { # the host's uptime in hundredths
	cut -d' ' -f1 /proc/uptime | tr -d .
}

# MARK: wait until the guest has said it
wait_for() {
	until grep -q "^-- $1" $said; do
		kill -0 "$vitrine" 2>/dev/null || return 1
		usleep 100000
	done
}

# ---- what it has said -------------------------------------------------------------------

guest_at() { # MARK: its uptime there, in hundredths
	tr -d '\r' <$said | sed -n "s/^-- $1 \([0-9.]*\)$/\1/p" | tr -d .
}

# Lines of the guest's log that tell of an interrupt that did not come, or worse.  Only
# until ACPI's timer is found the emulator is too slow for the kernel's judgement of the
# time stamp counter: docs/linux-boot.md "What the kernel complains about".
complaints() {
	tr -d '\r' <$said | sed -n '/^-- log/,/^-- end of log/p' |
		grep -E 'stall|lockup|BUG|Oops|WARNING|[Uu]nstable|blocked for more|no irq handler|nobody cared' |
		grep -vE 'RETBleed: WARNING|Marking (clocksource .tsc-early.|TSC) (as )?unstable|Unstable clock detected'
}

# Between any two samples both CPUs had timer interrupts; and there are as many samples as
# fit into half of the time.
ticked() { # SECONDS
	tr -d '\r' <$said | awk -v wanted="$(($1 / 6))" '
	$1 != "sample" { next }
	n++ && ($3 <= first || $4 <= second) { print "no tick before " $2; bad = 1 }
	{ first = $3; second = $4 }
	END { print n " samples, ticks: " first " and " second; exit bad || n < wanted || n < 2 }'
}

plan 8
load slice_us=2000 || bail "vitrine.ko does not load"
vitrine run --name stress --verbose --stats --cpus 2 --memory 256M --kernel /root/vmlinuz \
	--initrd /root/initrd --append console=ttyS0 </dev/null >$said 2>/tmp/errors &
vitrine=$!
ok "the guest begins to work" wait_for begin
vm=$(vm_pid)
host_begin=$(now)
move >/tmp/moved &
mover=$!
work >/dev/null &
worker=$!
ok "and comes to an end" wait_for 'end [0-9]'
host_end=$(now)
kill $mover $worker
wait $vitrine
guest=$(($(guest_at end) - $(guest_at begin)))
host=$((host_end - host_begin))
sed -n '/^-- begin/,/^-- end [0-9]/p' $said | tr -d '\r' | sed 's/^/# /'
sed 's/^/# /' /tmp/errors

ok "stress-ng has found no fault" grep -q 'the guest wrote 0x0 to the debug exit port' /tmp/errors
note "$(complaints)"
is "the guest's log has no complaint" "$(complaints)" ""
note "$(ticked $((guest / 100)))"
ok "the timers of both vCPUs ticked all along" ticked $((guest / 100))
note "guest: $guest hundredths of a second, host: $host"
# The host sees the marks up to a tenth of a second late, and on a machine that has a lot to do.
off=$((guest - host))
ok "the guest's clock and the host's agree" test ${off#-} -le $((200 + host / 100))
note "moves: $(sort /tmp/moved | uniq -c | tr '\n' ' ')"
ok "each vCPU was moved from core to core" test "$(sort /tmp/moved | uniq -c | awk '$1 >= 2' | wc -l)" = 2
ok "the module unloads" unload
finish
