#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# In the nested machine: record a timer tick and a key stroke of a Linux guest.
#
#	story.sh COMMAND-FILE...	vmlinuz and initrd lie in /root
#
# Started by nested/lib/machine/linux_story.py, which makes the tables out of what is
# printed here: the addresses of functions (the guest has the same kernel as the
# machine around it, and does not move it), and the kernel's trace.  Its clock is the
# time stamp counter, so all lines count the same ticks.
tracing=/sys/kernel/tracing

wait_for() { # TEXT	in what the guest says
	left=600
	until grep -q "$1" /tmp/said; do
		left=$((left - 1))
		[ $left -gt 0 ] || { cat /tmp/said; echo "the guest did not say '$1'"; exit 1; }
		sleep 1
	done
}

# The whole local APIC in software: each step is seen.
insmod /vitrine/vitrine.ko apicv=0 || exit 1
mkfifo /tmp/keys
vitrine run --kernel /root/vmlinuz --initrd /root/initrd --cpus 2 --memory 256M -- \
	console=ttyS0 nokaslr </tmp/keys >/tmp/said 2>/tmp/errors &
exec 3>/tmp/keys
wait_for 'press a key'
sleep 2

echo x86-tsc >$tracing/trace_clock
echo 16384 >$tracing/buffer_size_kb
for event in vitrine timer/hrtimer_expire_entry irq_vectors/local_timer_entry \
	sched/sched_waking sched/sched_switch syscalls/sys_exit_read; do
	echo 1 >$tracing/events/$event/enable || exit 1
done
echo >$tracing/trace
echo 1 >$tracing/tracing_on
printf k >&3
sleep 2
echo 0 >$tracing/tracing_on

printf '\n' >&3
wait
cat /tmp/errors
echo "-- functions"
grep -i ' [tw] [^ ]*$' /proc/kallsyms
echo "-- trace"
cat $tracing/trace
echo "-- said"
tail -n 3 /tmp/said
rmmod vitrine
