#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Cores that come and go, and NMIs that hit while a guest runs.
#
# Runs inside of the nested machine with two processors; the suites life-cores-*
# start it.  A core that goes offline must leave root mode and give back each
# VMCS that it has loaded; the guest that ran there goes on elsewhere.  An NMI
# that ends a stay in the guest is the host's.  Read tap.sh first.
set -u
. "$(dirname "$0")/tap.sh"
ROUNDS=${ROUNDS:-3}
counter=/tmp/count

offline() {
	echo 0 >/sys/devices/system/cpu/cpu1/online
}

online() {
	echo 1 >/sys/devices/system/cpu/cpu1/online
}

# COMMAND: after each change of CPU 1 it must hold
over_rounds() {
	i=0
	while [ "$i" -lt "$ROUNDS" ]; do
		if ! { offline && "$@" && online && "$@"; }; then
			echo "round $i"
			online 2>/dev/null
			return 1
		fi
		i=$((i + 1))
	done
}

each_online_core_is_on() {
	[ "$(all_cores)" = "vmxe=1 root=1" ] || { vmx_state; return 1; }
}

# Or say what is known of the guest.
guest_and_cores_go_on() {
	each_online_core_is_on || return 1
	counts_on "$counter" 0 || { cat /tmp/spin.log "$debug"/vm*/info "$debug"/vm*/vcpu0/exits; return 1; }
}

# ---- a stopped vCPU, run for one HLT at a time ------------------------------------

start_stepper() {
	rm -f /tmp/orders "$counter"
	mkfifo /tmp/orders
	"$here/guest" step "$counter" </tmp/orders >/tmp/steps 2>&1 &
	stepper=$!
	started="$started $stepper"
	exec 3>/tmp/orders
	wait_for_line /tmp/steps ready || bail "guest step: $(cat /tmp/steps)"
}

# CPU EXPECTED: run there once; the count must then be EXPECTED
step_on() {
	echo "$1" >&3
	wait_for_line /tmp/steps "$2"
}

# Its input ends; its status is this function's.
stop_stepper() {
	exec 3>&-
	wait "$stepper"
}

# ---- NMI ------------------------------------------------------------------------------

nmis_of() { # CPU
	awk -v column=$(($1 + 2)) '$1 == "NMI:" { print $column }' /proc/interrupts
}

# CPU: how often an exception or NMI (exit reason 0) has ended a stay there
nmi_exits() {
	cat "$debug"/vm*/vcpu0/exits | awk '$1 == "0" { n += $3 } END { print n + 0 }'
}

# CPU: the other core asks it for a back trace, by NMI, while a guest spins on it
nmi_reaches() {
	start /tmp/spin.log spin "$counter" "$1"
	nmis=$(nmis_of "$1")
	exits=$(nmi_exits)
	taskset -c $((1 - $1)) sh -c 'for i in 1 2 3; do echo l >/proc/sysrq-trigger; done'
	nmis=$(($(nmis_of "$1") - nmis))
	exits=$(($(nmi_exits) - exits))
	is "CPU $1: the host has seen 3 NMIs" "$nmis" 3
	ok "CPU $1: NMIs ended the guest's stay (exit reason 0: $exits times)" \
		test "$exits" -ge 1
	ok "CPU $1: the guest counts on" counts_on "$counter" 0
	stop "$pid"
	rm -f "$counter"
}

plan 24

[ "$(nproc)" = 2 ] || bail "two processors are needed: nested/run --cpus 2"
insmod "$here/peek.ko" || bail "peek.ko does not load"
load || bail "vitrine.ko does not load"

ok "idle: CPU 1 goes and comes $ROUNDS times, always in root mode" \
	over_rounds each_online_core_is_on
ok "CPU 1 goes offline" offline
is "debugfs: CPU 1 is offline and out of root mode" \
	"$(sed -n 1,2p "$debug/cpu1" | tr '\n' ' ')" "online: no vmx_root_mode: off "
ok "CPU 1 comes back" online
is "debugfs: CPU 1 is in root mode" "$(root_mode 1)" on

start /tmp/spin.log spin "$counter" 1
ok "a guest counts on CPU 1" counts_on "$counter" 0
ok "CPU 1 goes and comes $ROUNDS times under it, and it counts on" \
	over_rounds guest_and_cores_go_on
stop "$pid"

start_stepper
ok "a vCPU runs on CPU 1 and stops" step_on 1 1
is "its VMCS stays on CPU 1" "$(sed -n 's/^current_vmcs: //p' "$debug/cpu1")" yes
ok "CPU 1 goes offline with it" offline
ok "the vCPU runs on CPU 0" step_on 0 2
ok "CPU 1 comes back" online
ok "and the vCPU to it" step_on 1 3
ok "and back to CPU 0" step_on 0 4
stop_stepper
is "the vCPU's program ends well" "$?" 0
rm -f "$counter"

load_with_one_core() {
	unload && offline && load && return
	dmesg | tail -n 4
	vmx_state
	return 1
}

ok "the module is loaded while CPU 1 is offline" load_with_one_core
ok "CPU 1 comes" online
is "and is in root mode" "$(all_cores)" "vmxe=1 root=1"

nmi_reaches 1
nmi_reaches 0

finish
