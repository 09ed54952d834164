# SPDX-License-Identifier: GPL-2.0-only
"""Lab 5: the tests that only staff has.

They look at more of the runs of the visible tests, and add two: `sparse` makes VMs
with many tables and counts free pages, `moved` deletes a slot while a fault is looking
its page up.  judge.load() calls add(); read labs/5/tests.py before.
"""

from pathlib import Path

from lab.judge import Lab, expect, expect_no_leak, load_file
from lab.memory import ACCESSED, DIRTY, LARGE, LEAF, PAGE, WRITE, snapshot
from lab.observe import free_pages
from lab.scene import Scene, Seen

own = load_file(Path(__file__).resolve().parents[1] / "tests.py")
VMS = 4
TABLES = 64                     # of each VM, and as many pages of the guest
SPARSE = """\
insmod /vitrine/vitrine.ko || exit 1
vms() {{
	n=$1
	while [ $n -gt 0 ]; do
		/root/slots sparse || exit 1
		n=$((n - 1))
	done
	settle
}}
vms 2
mark 1
vms 4
mark 2
"""


def add(lab: Lab) -> None:
    lab.scene(Scene("sparse", SPARSE, programs=["slots"], at_mark={"free": free_pages}))
    lab.scene(Scene("moved", own.part("moved"), programs=["slots"],
                    at_mark={"seen": snapshot(8, [(own.MEMORY, 16)])}))

    @lab.test("split", "a leaf of 2 MiB that is split for the log keeps all but the right to write",
              10, "large", after=["large"], read="ept/ept.c, split_leaf() and fill_split()")
    def split(seen: Seen) -> None:
        at = own.symbols(seen.seed)["LARGE_AT"]
        before, after = own.look(seen, 2).tree.leaf(at), own.look(seen, 3).tree
        parts = after.within(at, LARGE)
        expect(len(parts) == 512 and all(leaf.level == 1 for leaf in parts),
               f"{len(parts)} leaves, the first of {parts[0].bytes if parts else 0:#x} bytes, "
               "after the log has begun", "512 small ones, for a log wants each page for itself")
        for n, leaf in enumerate(parts):
            expect(leaf.frame == before.frame + n * PAGE, f"page {n} leads to {leaf.frame:#x}",
                   f"{before.frame + n * PAGE:#x}, as before")
            kept = before.value & 0xfff & ~(LEAF | WRITE)
            expect(leaf.value & 0xfff & ~(LEAF | WRITE) == kept,
                   f"the flags of page {n} are {leaf.value & 0xfff:#x}, those of the large leaf "
                   f"{before.value & 0xfff:#x}", "rights to read and fetch, memory type, accessed "
                   "and dirty are kept")
            expect(not leaf.value & WRITE, f"page {n} has {own.rights(leaf)}",
                   "R-X: its next write must be noticed")
        whole = own.look(seen, 5).tree.leaf(at)
        expect(whole and whole.level == 2, "small leaves after the log has ended",
               "a leaf of 2 MiB again at the next access")

    @lab.test("log-begins", "a log that begins while pages are mapped misses no write", 5, "log",
              after=["log"], read="module/dirty.c, protect_some(); ept/ept.c, protect_leaf()")
    def log_begins(seen: Seen) -> None:
        own.expect_log(seen, 6, [])
        own.expect_log(seen, 7, [22])

    @lab.test("no-bits", "without accessed and dirty bits of the processor a leaf counts as used",
              5, "readonly", after=["read-only"], read="module/slat.h, accessed_dirty; ept/ept.c, "
              "make_leaf()")
    def no_bits(seen: Seen) -> None:
        tree = own.look(seen, 3).tree
        expect(not tree.keeps_accessed_dirty, f"the EPT pointer is {tree.eptp:#x}",
               "bit 6 is 0: a read-only slot switches the processor's bits off")
        for leaf in tree.leaves.values():
            wanted = ACCESSED | (DIRTY if leaf.value & WRITE else 0)
            expect(leaf.value & (ACCESSED | DIRTY) == wanted,
                   f"the leaf for {leaf.gpa:#x} is {leaf.value:#x}",
                   "accessed, and dirty if it may be written: nobody will set the bits later")

    @lab.test("no-leak", f"{VMS} VMs with {TABLES} tables each cost no memory", 5, "sparse",
              after=["violations"], read="module/memory.c, vtr_mem_fault(): the reference; "
              "ept/ept.c, next_table() and free_table()")
    def no_leak(seen: Seen) -> None:
        own.mark(seen, 2)
        before, after = (seen.recorder.marks[number].found["free"] for number in (1, 2))
        expect_no_leak(before, after, VMS * TABLES // 2, f"{VMS} VMs")

    @lab.test("moved", "a slot that goes during a fault is not mapped any more", 5, "moved",
              after=["violations"], read="module/memory.c, the preface, steps (1) and (4)")
    def moved(seen: Seen) -> None:
        at = own.symbols(seen.seed)["PAGES_AT"]
        found = own.violations(seen, 1, 2, at, 16 * PAGE)
        expect(found and found[0][1] == WRITE, own.told_of(found), "the guest's write")
        leaves = own.look(seen, 2).tree.within(at, 16 * PAGE)
        expect(not leaves, f"a leaf for {leaves[0].gpa if leaves else 0:#x} with "
               f"{own.rights(leaves[0] if leaves else None)}, where no slot is any more",
               "none: the fault has to look the slot up again")
