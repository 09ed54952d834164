#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# `vitrine ept` on real tables: what it says is true.
#
# Runs inside of the nested machine; the suite ept-lean starts it.  The host
# physical address that it prints is judged by two others: the kernel's own page
# map of the process, and physical memory itself, where the guest's counter must
# count.  Read ../life/tap.sh first; userspace-tool/tests/test_ept.c tests the
# picture without a machine.
set -u
. "$(dirname "$0")/../life/tap.sh"
guests=/vitrine/guests
counter=0x200000		# spin.elf counts here
gva=$counter			# and maps it there

# The physical address behind HVA, by the kernel's page map: 8 bytes a page.
pagemap() { # PID HVA
	frame=$(dd if="/proc/$1/pagemap" bs=8 skip=$(($2 / 4096)) count=1 2>/dev/null |
		od -An -tx8 | tr -d ' ')
	printf '0x%x\n' $(((0x$frame & 0x7fffffffffffff) * 4096 + $2 % 4096))
}

physical() { # HPA: 4 bytes of memory, past every page table
	dd if=/dev/mem bs=4 skip=$(($1 / 4)) count=1 2>/dev/null | od -An -tu4 | tr -d ' '
}

counts_at() { # HPA
	before=$(physical "$1")
	tries=0
	while [ "$(physical "$1")" = "$before" ]; do
		tries=$((tries + 1))
		[ "$tries" -lt 100 ] || return 1
		usleep 20000
	done
}

shows() { # NAME PATTERN: of the text in $text
	ok "$1" sh -c 'echo "$1" | grep -q -- "$2" || { echo "$1"; echo "lacks: $2"; false; }' - "$text" "$2"
}

plan 21

load || bail "vitrine.ko does not load"
vitrine run --name counted "$guests/spin.elf" >/tmp/spin.log 2>&1 &
pid=$!
started=$pid
tries=0
until vitrine ept --vm counted 2>/dev/null | grep -q "^0x0000200000"; do
	tries=$((tries + 1))
	[ "$tries" -lt 100 ] || bail "the guest does not count: $(cat /tmp/spin.log)"
	usleep 50000
done

# ---- one address --------------------------------------------------------------------
text=$(vitrine ept --vm counted --gpa $counter)
for level in 4 3 2; do
	shows "level $level is a table" "^  level $level, .* rwx table of level $((level - 1))"
done
shows "level 1 is a leaf" "^  level 1, page table  *entry   0 = .* rwx leaf 4K WB"
hpa=$(echo "$text" | sed -n 's/^ *HPA \(0x[0-9a-f]*\).*/\1/p')
hva=$(echo "$text" | sed -n 's/.*HVA \(0x[0-9a-f]*\) .*/\1/p')
is "the host physical address is that of the process' page" "$hpa" "$(pagemap "$pid" "$hva")"
ok "the guest's counter counts there, in physical memory" counts_at "$hpa"

text=$(vitrine ept --vm counted --gpa 0x300000)
shows "a page that the guest has not touched is not mapped" "not mapped: the first access"
text=$(vitrine ept --vm counted --gpa 0x4000000000)
shows "an address behind all memory is in no slot" "slot: none"
fails "an address wider than the processor's is refused" vitrine ept --vm counted --gpa 0xffffffffffffffff

# ---- two dimensions -----------------------------------------------------------------
text=$(vitrine ept --vm counted --gva $gva)
for entry in PML4E PDPTE PDE; do
	shows "the guest's $entry goes through four levels" "^  $entry .*EPT 4\[.*3\[.*2\[.*1\[.* HPA 0x"
done
shows "the guest's tables are in words" "holds 0x2000e3: present writable supervisor accessed dirty"
shows "the data lies where --gpa has found it" "^  data .* HPA $hpa (4K rwx)"
shows "entries are counted" "^19 entries read with nothing cached: 3 of the guest, 16 of EPT"
text=$(vitrine ept --vm counted --gva 0x900000000000)
shows "a linear address that cannot be is told" "not canonical"

# ---- the whole tree -------------------------------------------------------------------
pages=$(sed -n 's/^mapped_4k: //p' "$debug"/vm*/info)
text=$(vitrine ept --vm counted)
is "the ranges have all leaves that the module counts" \
	"$(echo "$text" | awk '$2 == "4K" { n += $4 } END { print n }')" "$pages"
shows "the counter's range has its addresses" "^0x0000200000-0x0000201000 *4K *rwx *1 *0 *$hva *$hpa *1\$"
stop "$pid"

# ---- a guest of its own --------------------------------------------------------------
# touch.elf writes 8 MiB from 0x600000 on, page by page.
text=$(vitrine ept --at-exit 2052 "$guests/touch.elf")
shows "2000 pages side by side are one range" '^0x0000600000-.* 4K *rwx *20[0-9][0-9] *0 '
shows "frame numbers are the host's secret" ' hidden '
is "ranges and --json agree" "$(vitrine ept --json "$guests/demo.elf" | tr '{' '\n' | grep -c start)" \
	"$(vitrine ept "$guests/demo.elf" | grep -c '^0x')"
unload || sleep 1
finish
