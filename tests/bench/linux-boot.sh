#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# In the nested machine: the same Linux under Vitrine and under QEMU with KVM.
#
#	linux-boot.sh CPUS MEMORY COUNTED VMM...	VMM: vitrine, microvm or q35
#
# Started by tests/bench/linux-boot on the host, which makes a table of what is printed.
# COUNTED is 1 if exits are to be counted by the kernel's trace points; that costs time,
# so times come from a run without.
cpus=$1 memory=$2 counted=$3
shift 3
t=/sys/kernel/tracing
words='console=ttyS0 panic=1'

# The events of perf for one kind of exit each: the processor's basic exit reasons.
filters() { # EVENT FIELD
	printf -- '-e %s ' "$1"
	for reason in 0 1 7 10 12 14 18 28 29 30 31 32 40 43 44 45 48 49 52 54 55 56; do
		printf -- '-e %s --filter %s==%s ' "$1" "$2" "$reason"
	done
}

first_entry() { # EVENT on|off
	if [ "$2" = on ]; then
		echo x86-tsc >$t/trace_clock
		echo >$t/trace
		echo 1 >$t/tracing_on
		echo traceoff:1 >$t/events/$1/trigger
		echo 1 >$t/events/$1/enable
	else
		echo 0 >$t/events/$1/enable
		echo '!traceoff:1' >$t/events/$1/trigger
		sed -n 's/^.* \([0-9]\{6,\}\): .*_entry: .*/first entry: \1/p' $t/trace | head -n 1
	fi
}

run() { # EVENT-OF-EXIT FIELD EVENT-OF-ENTRY COMMAND...
	exit=$1 field=$2 entry=$3
	shift 3
	if [ "$counted" = 1 ]; then
		first_entry "$entry" on
		# shellcheck disable=SC2046 # words
		set -- perf stat -a -x ' ' -o /tmp/counts $(filters "$exit" "$field") -- ticks "$@"
	else
		set -- ticks "$@"
	fi
	"$@" </dev/null >/tmp/said 2>/tmp/errors
	grep '^ticks: ' /tmp/errors || { cat /tmp/said /tmp/errors; exit 1; }
	if [ "$counted" = 1 ]; then
		first_entry "$entry" off
		grep "$exit" /tmp/counts | sed 's/^/count: /'
	fi
	# Did the guest come to its end?
	grep -c "as Vitrine's guest" /tmp/said | sed 's/^/init: /'
	grep -o 'Switched to clocksource .*' /tmp/said | tail -n 1
}

qemu() { # MACHINE
	run kvm:kvm_exit exit_reason kvm/kvm_entry \
		qemu-system-x86_64 -L /root/qemu -M "$1" -accel kvm -cpu host -smp "$cpus" -m "$memory" \
		-no-user-config -nodefaults -display none -serial stdio -no-reboot \
		-device isa-debug-exit,iobase=0x501,iosize=4 \
		-kernel /root/vmlinuz -initrd /root/initrd -append "$words"
}

for vmm in "$@"; do
	echo "vmm: $vmm"
	case $vmm in
	vitrine)
		insmod /vitrine/vitrine.ko || exit 1
		run vitrine:vtr_exit reason vitrine/vtr_entry \
			vitrine run --kernel /root/vmlinuz --initrd /root/initrd --cpus "$cpus" \
			--memory "${memory}M" --append "$words"
		rmmod vitrine || exit 1
		;;
	*)
		modprobe kvm_intel || exit 1
		case $vmm in
		microvm) qemu microvm,rtc=on,isa-serial=on ;;
		*) qemu "$vmm" ;;
		esac
		modprobe -r kvm_intel || exit 1
		;;
	esac
done
