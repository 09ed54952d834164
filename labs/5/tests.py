# SPDX-License-Identifier: GPL-2.0-only
"""Lab 5: EPT.  The tests that students have, too.

Each scene runs one part of labs/5/programs/slots.c, which makes a VM whose guest
works off a list of accesses.  At each mark the whole tree, the pages behind it and
the program's own page tables are read from memory; between marks the EPT violations
count.  Addresses, order and contents follow from the seed.
"""

from lab.judge import Lab, expect
from lab.memory import (DIRTY, EXECUTE, IGNORE_PAT, LARGE, PAGE, READ, RIGHTS, WRITE,
                        WRITE_BACK, Entry, Invept, Snapshot, Tree, read_invept, snapshot,
                        watch_invept)
from lab.observe import ADDRESS, FULL_EXITS, Mark
from lab.scene import Scene, Seed, Seen

EPT_VIOLATION = 48
FAR = 1 << 39                   # the second entry of the root table begins here
FACTORS = (1009, 1013, 1019, 1021, 1031, 1033, 1039, 1049, 1051, 1061)
MEMORY, OTHER, GOT = range(3)      # words of the program slots
WALK_WORDS, WALKS = 15, 6
KINDS = (READ, WRITE, EXECUTE)
NAMES = {READ: "a read", WRITE: "a write", EXECUTE: "a fetch", READ | WRITE: "a read and write"}


def part(name: str) -> str:
    return f"insmod /vitrine/vitrine.ko || exit 1\n/root/slots {name}\n"


def far(seed: Seed, name: str) -> int:
    """An address at a boundary of 2 MiB, whose indexes are not 0."""
    return FAR + (seed.pick(f"{name} 3", 1, 511) << 30) + (seed.pick(f"{name} 2", 8, 480) << 21)


def far_page(seed: Seed, name: str) -> int:
    return far(seed, name) + (seed.pick(f"{name} 1", 1, 511) << 12)


def symbols(seed: Seed) -> dict[str, int]:
    return {
        "FACTOR": FACTORS[seed.pick("factor", 0, len(FACTORS))],
        "WORD": seed.pick("word", 1 << 40, 1 << 41),
        "PAGES_AT": far_page(seed, "pages"),
        "PAGES": seed.pick("pages", 600, 900),
        "TOUCHED": seed.pick("touched", 24, 36),
        "ROM_AT": far_page(seed, "rom"),
        "ROM_PAGES": seed.pick("rom pages", 8, 20),
        "LARGE_AT": far(seed, "large"),
        "LOG_AT": far_page(seed, "log"),
        "LOG_PAGES": seed.pick("log pages", 130, 250),
    }


lab = Lab(5, "EPT")
lab.symbols = symbols
lab.scene(Scene("pages", part("pages"), programs=["slots"],
                at_mark={"seen": snapshot(128, [(MEMORY, 900)], 300)}))
lab.scene(Scene("readonly", part("readonly"), programs=["slots"],
                at_mark={"seen": snapshot(8, [(MEMORY, 20)], 100)}))
lab.scene(Scene("large", "echo 4 >/proc/sys/vm/nr_hugepages\n" + part("large"),
                programs=["slots"],
                at_mark={"seen": snapshot(8, [(MEMORY, 1024), (OTHER, 1024), (GOT, 512)])}))
lab.scene(Scene("log", part("log"), programs=["slots"], at_exit={"invept": watch_invept},
                at_break={"invept": read_invept},
                at_mark={"seen": snapshot(16, [(MEMORY, 250)])}))


def shows_other_tables(seen: Seen) -> str | None:
    """The VMCS points to one tree when the guest runs, and to another one to be looked at."""
    for here in seen.recorder.marks.values():
        found, exits = here.found.get("seen"), seen.recorder.exits[:min(here.exits, FULL_EXITS)]
        if not exits or not isinstance(found, Snapshot):
            continue
        used = exits[-1].vmcs["EPT_POINTER"]
        if (used ^ found.tree.eptp) & ADDRESS:
            return f"the EPT pointer is {found.tree.eptp:#x} at a mark; it was {used:#x} at the " \
                "exit before, and the VM keeps its root table"
    return None


for scene in ("pages", "readonly", "large", "log"):
    lab.suspicion(scene)(shows_other_tables)


# ---- what a run shows -----------------------------------------------------------------


def mark(seen: Seen, number: int) -> Mark:
    said = [line for line in seen.output.strip().splitlines() if not line.startswith("#")]
    expect(number in seen.recorder.marks,
           "the guest did not come to the end of its list" + (f" ({said[-1]})" if said else ""),
           "it comes to the end of its list")
    return seen.recorder.marks[number]


def look(seen: Seen, number: int) -> Snapshot:
    found = mark(seen, number).found["seen"]
    assert isinstance(found, Snapshot)
    return found


def violations(seen: Seen, first: int, second: int, start: int, size: int) -> list[tuple[int, int]]:
    """EPT violations in a range of guest addresses: page and kind of access, in order."""
    mark(seen, second)
    return [(at & ~(PAGE - 1), seen_exit.qualification & RIGHTS)
            for seen_exit in seen.recorder.between(first, second)
            if seen_exit.reason == EPT_VIOLATION
            and start <= (at := seen_exit.vmcs["GUEST_PHYSICAL_ADDRESS"]) < start + size]


def nth(seen: Seen, i: int, count: int) -> int:
    """As the function of that name in the program."""
    return i * symbols(seen.seed)["FACTOR"] % count


def told_of(accesses: list[tuple[int, int]]) -> str:
    return ", ".join(f"{NAMES.get(kind, 'an access')} at {at:#x}" for at, kind in accesses[:3]) \
        or "none"


def rights(entry: Entry | None) -> str:
    if not entry:
        return "no leaf"
    return "".join(c if entry.value & bit else "-" for c, bit in zip("RWX", KINDS))


def invepts(seen: Seen, after: int, exits: int) -> list[Invept]:
    """Those executed since a tick, while so many exits had been seen."""
    return [found for here in seen.recorder.breaks if here.tick > after and here.exits == exits
            if isinstance(found := here.found["invept"], Invept)]


def expect_flush(found: list[Invept], tree: Tree, why: str) -> None:
    expect(found, f"no INVEPT before the next VM entry after {why}",
           "the old translation may still be cached: INVEPT comes first")
    expect(any(one.type == 2 or one.type == 1 and one.eptp == tree.eptp for one in found),
           f"INVEPT of type {found[0].type} with the EPT pointer {found[0].eptp:#x}",
           f"type 1 (single context) with {tree.eptp:#x}, as in the VMCS")


# ---- pages ----------------------------------------------------------------------------


@lab.test("violations", "each page that a guest touches costs one EPT violation, and only one",
          10, "pages", read="SDM 3C \"EPT Violations\"; vmx/exit.c, decode_slat(); "
          "module/memory.c, the preface and map_page()")
def once_each(seen: Seen) -> None:
    s = symbols(seen.seed)
    wanted = [(s["PAGES_AT"] + PAGE * nth(seen, i, s["PAGES"] - 1), KINDS[i % 3])
              for i in range(s["TOUCHED"])]
    found = violations(seen, 1, 2, s["PAGES_AT"], PAGE * s["PAGES"])
    wrong = next((n for n, pair in enumerate(zip(found, wanted)) if pair[0] != pair[1]),
                 min(len(found), len(wanted)))
    expect(found == wanted, f"{len(found)} violations, from number {wrong + 1} on "
           f"{told_of(found[wrong:])}",
           f"{len(wanted)}, from there on {told_of(wanted[wrong:])}")


@lab.test("frames", "the processor's walk leads to the program's pages", 10, "pages",
          after=["violations"], read="SDM 3C \"EPT Translation Mechanism\"; ept/hw.h, "
          "EPT_INDEX(); ept/ept.c, map()")
def frames(seen: Seen) -> None:
    s, now = symbols(seen.seed), look(seen, 2)
    expect(not now.tree.bad, f"an entry points to {now.tree.bad[0].frame:#x}, where no memory is"
           if now.tree.bad else "", "an entry holds the physical address of a table")
    for i in range(s["TOUCHED"]):
        page = nth(seen, i, s["PAGES"] - 1)
        gpa = s["PAGES_AT"] + PAGE * page
        leaf, frame = now.tree.leaf(gpa), now.frame(now.told[MEMORY] + PAGE * page)
        expect(leaf, f"no leaf for {gpa:#x}", "one that maps it")
        expect(leaf and leaf.frame == frame, f"{gpa:#x} leads to {leaf.frame if leaf else 0:#x}",
               f"the page behind the slot, {frame or 0:#x}")
        value = s["WORD"] + i if i % 3 == 1 else PAGE * page
        expect(now.quadword(gpa + 8) == value, f"the word at {gpa + 8:#x} is "
               f"{now.quadword(gpa + 8):#x}", f"{value:#x}")


@lab.test("entries", "entries are as the manual wants them, and there is none too many", 10,
          "pages", after=["violations"],
          read="SDM 3C \"EPT Translation Mechanism\", the tables of formats; ept/hw.h; ept/ept.c, "
               "make_leaf()")
def entries(seen: Seen) -> None:
    s, now = symbols(seen.seed), look(seen, 2)
    for entry in now.tree.tables:
        expect(not entry.value & 0xf8, f"an entry of level {entry.level} is {entry.value:#x}",
               "bits 7:3 of an entry that points to a table are zero")
    mine = now.tree.within(s["PAGES_AT"], PAGE * s["PAGES"])
    for leaf in mine:
        at = f"the leaf for {leaf.gpa:#x} is {leaf.value:#x}"
        expect(leaf.memory_type == WRITE_BACK, f"{at}: memory type {leaf.memory_type}",
               "RAM is write-back, type 6")
        expect(leaf.value & IGNORE_PAT, f"{at}: bit 6 is 0",
               "1, else a guest's PAT could make the host's memory uncached")
        expect(leaf.rights == RIGHTS, f"{at}: rights {rights(leaf)}",
               "RWX, for slot and host allow all")
    written = {s["PAGES_AT"] + PAGE * nth(seen, i, s["PAGES"] - 1)
               for i in range(s["TOUCHED"]) if i % 3 == 1}
    for leaf in mine if now.tree.keeps_accessed_dirty else []:
        expect(bool(leaf.value & DIRTY) == (leaf.gpa in written),
               f"bit 9 (dirty) of the leaf for {leaf.gpa:#x} is {leaf.value >> 9 & 1}",
               "the processor sets it at the first write, nobody else")
    expect(len(mine) == s["TOUCHED"], f"{len(mine)} leaves in the slot",
           f"{s['TOUCHED']}, one for each page that was touched")


def expected_walk(tree: Tree, gpa: int) -> list[tuple[int, int]]:
    """Levels, and the flags of their entries; the first that is absent is the last."""
    way = [(entry.level, entry.value & 0xfff) for entry in tree.walk(gpa)]
    if not way or not tree.leaf(gpa):
        way.append((way[-1][0] - 1 if way else 4, 0))
    return way


@lab.test("walk", "VTR_VM_WALK reads the entries that the processor reads", 10, "pages",
          after=["frames"], read="ept/ept.c, walk(); module/slat.h, struct vtr_slat_walk")
def walk(seen: Seen) -> None:
    now = look(seen, 5)
    for n in range(WALKS):
        words = now.told[GOT + WALK_WORDS * n:][:WALK_WORDS]
        gpa, levels, allowed, size = words[1], words[2] & 0xffffffff, words[2] >> 32, words[3]
        wanted = expected_walk(now.tree, gpa)
        level = [words[6 + i // 2] >> 32 * (i % 2) & 0xffffffff for i in range(min(levels, 4))]
        found = list(zip(level, (word & 0xfff for word in words[9:])))
        expect(found == wanted, f"the walk for {gpa:#x} has read (level, flags) {shown(found)}",
               f"{shown(wanted)}")
        leaf = now.tree.leaf(gpa)
        common = RIGHTS if leaf else 0
        for entry in now.tree.walk(gpa):
            common &= entry.value
        expect(allowed == common and size == (leaf.bytes if leaf else 0),
               f"the walk for {gpa:#x} says rights {allowed}, leaf of {size:#x} bytes",
               f"rights {common}, {leaf.bytes if leaf else 0:#x} bytes")


def shown(way: list[tuple[int, int]]) -> str:
    return " ".join(f"({level}, {flags:#x})" for level, flags in way) or "nothing"


@lab.test("host-rights", "a page that the host maps read-only is so for the guest, until it writes",
          5, "pages", after=["violations"],
          read="docs/memory.md \"Which leaf\"; module/memory.c, map_page()")
def host_rights(seen: Seen) -> None:
    s = symbols(seen.seed)
    gpa = s["PAGES_AT"] + PAGE * (s["PAGES"] - 1)
    shared, own = look(seen, 3).tree.leaf(gpa), look(seen, 4).tree.leaf(gpa)
    expect(shared and not shared.value & WRITE, f"after a read of a page that nobody has written "
           f"to, the leaf has {rights(shared)}", "R-X: it is the host's page of zeroes")
    # More than one, if the host takes its page of zeroes back while the fault looks.
    found = violations(seen, 3, 4, gpa, PAGE)
    expect(found and set(found) == {(gpa, WRITE)}, f"the write then costs {told_of(found)}",
           f"{NAMES[WRITE]} at {gpa:#x}")
    expect(own and shared and own.frame != shared.frame and own.value & WRITE,
           f"after it the leaf has {rights(own)} and "
           f"{'another' if own and shared and own.frame != shared.frame else 'the same'} page",
           "RWX and a page of its own")


@lab.test("read-only", "a guest reads and executes a read-only slot, and cannot write to it", 10,
          "readonly", read="module/memory.c, map_page(); vmx/exit.c, decode_slat()")
def read_only(seen: Seen) -> None:
    s = symbols(seen.seed)
    size = PAGE * s["ROM_PAGES"]
    for number in (2, 3):
        for leaf in look(seen, number).tree.within(s["ROM_AT"], size):
            expect(leaf.rights == READ | EXECUTE, f"the leaf for {leaf.gpa:#x} has {rights(leaf)}",
                   "R-X")
    page = [s["ROM_AT"] + PAGE * n for n in range(4)]
    for found, wanted in (
            (violations(seen, 1, 2, s["ROM_AT"], size),
             [(page[0], READ), (page[1], EXECUTE), (page[2], READ)]),
            (violations(seen, 2, 3, s["ROM_AT"], size), [(page[0], WRITE), (page[3], WRITE)])):
        expect(found == wanted, told_of(found), told_of(wanted))
    now = look(seen, 3)
    expect(now.quadword(page[0] + 8) == 0, f"the word at {page[0] + 8:#x} is "
           f"{now.quadword(page[0] + 8) or 0:#x}", "0, as before the guest's write")


# ---- 2 MiB ----------------------------------------------------------------------------


@lab.test("large", "a huge page of the host is one leaf of 2 MiB", 10, "large",
          read="docs/memory.md \"Which leaf\"; module/memory.c, best_level(); ept/ept.c, "
               "make_leaf()")
def large(seen: Seen) -> None:
    s, now = symbols(seen.seed), look(seen, 2)
    at = s["LARGE_AT"]
    leaf, frame = now.tree.leaf(at), now.frame(now.told[MEMORY])
    expect(leaf and leaf.level == 2, f"a leaf of {leaf.bytes if leaf else 0:#x} bytes for {at:#x}",
           "one of 0x200000: the host has a huge page there, slot and addresses fit")
    assert leaf
    expect(leaf.value & 0x1ff000 == 0, f"its frame is {leaf.frame:#x}",
           "aligned to 2 MiB: bits 20:12 are reserved there")
    expect(leaf.frame == frame, f"its frame is {leaf.frame:#x}", f"{frame or 0:#x}")
    expect(leaf.memory_type == WRITE_BACK and leaf.value & IGNORE_PAT and leaf.rights == RIGHTS,
           f"it is {leaf.value:#x}", "write-back, PAT ignored, RWX")
    found = violations(seen, 1, 2, at, LARGE)
    expect(len(found) == 1, f"{len(found)} violations in these 2 MiB", "one")


@lab.test("misfits", "where a leaf of 2 MiB does not fit there are small ones", 5, "large",
          after=["large"], read="module/slots.c, vtr_slot_allows_leaf(); module/memory.c, "
          "best_level()")
def misfits(seen: Seen) -> None:
    s, now = symbols(seen.seed), look(seen, 2)
    at = s["LARGE_AT"]
    for start, size, hva, why in (
            (at + LARGE, LARGE // 2, now.told[MEMORY] + LARGE, "the slot ends inside of it"),
            (at + 2 * LARGE, LARGE, now.told[OTHER] + PAGE, "guest and host address differ in "
             "bits 20:12"),
            (at + 4 * LARGE, LARGE, now.told[GOT], "the host has small pages there")):
        leaves = now.tree.within(start, LARGE)
        expect(leaves, f"no leaf at {start:#x}", "the guest has touched pages there")
        for leaf in leaves:
            expect(leaf.level == 1, f"a leaf of {leaf.bytes:#x} bytes at {leaf.gpa:#x}",
                   f"small ones: {why}")
            frame = now.frame(hva + leaf.gpa - start)
            expect(leaf.gpa < start + size and leaf.frame == frame,
                   f"{leaf.gpa:#x} leads to {leaf.frame:#x}", f"{frame or 0:#x}")


# ---- the log of writes -------------------------------------------------------------------


def expect_log(seen: Seen, number: int, wanted: list[int]) -> None:
    """The log at a mark holds these of the order's pages, and what may be written is in it."""
    s, now = symbols(seen.seed), look(seen, number)
    words = now.told[GOT:]
    found = {page for page in range(s["LOG_PAGES"]) if words[page // 64] >> page % 64 & 1}
    pages = {nth(seen, i, s["LOG_PAGES"]) for i in wanted}
    missing, extra = sorted(pages - found), sorted(found - pages)
    expect(not missing, f"page {missing[0] if missing else 0} is not in the log",
           "the guest has written to it")
    expect(not extra, f"page {extra[0] if extra else 0} is in the log",
           "the guest has not written to it since it was cleared")
    for leaf in now.tree.within(s["LOG_AT"], PAGE * s["LOG_PAGES"]):
        page = (leaf.gpa - s["LOG_AT"]) // PAGE
        expect(leaf.level == 1, f"a leaf of {leaf.bytes:#x} bytes in a slot with a log",
               "the log wants each page for itself")
        expect(page in found or not leaf.value & WRITE,
               f"page {page} is not in the log, its leaf has {rights(leaf)}",
               "a page that can be written to unnoticed is in the log")


@lab.test("log", "the log holds the pages that the guest has written to, and no other", 10, "log",
          read="module/dirty.c, the preface and vtr_dirty_may_write()")
def log(seen: Seen) -> None:
    expect_log(seen, 2, list(range(10)))


@lab.test("log-again", "a page that is cleared is protected, and noted again at the next write",
          10, "log", after=["log"], read="module/dirty.c, clear_word(); ept/ept.c, protect_leaf()")
def log_again(seen: Seen) -> None:
    s = symbols(seen.seed)
    expect_log(seen, 3, [1, 3, 5, 7, 9])
    found = violations(seen, 3, 4, s["LOG_AT"], PAGE * s["LOG_PAGES"])
    wanted = [(s["LOG_AT"] + PAGE * nth(seen, i, s["LOG_PAGES"]), WRITE) for i in (0, 4)]
    expect(found == wanted, f"violations afterwards: {told_of(found)}",
           f"{told_of(wanted)}: the other pages are still mapped as the guest needs them")
    expect_log(seen, 4, [0, 1, 3, 4, 5, 7, 9])


@lab.test("flush", "INVEPT comes between taking a right away and the next VM entry", 10, "log",
          after=["log-again"],
          read="SDM 3C \"Guidelines for Use of the INVEPT Instruction\"; vmx/run.c, "
               "vmx_flush_slat(); module/memory.c, vtr_mem_flush_if()")
def flush(seen: Seen) -> None:
    cleared = mark(seen, 3)
    expect_flush(invepts(seen, mark(seen, 2).tick, cleared.exits), look(seen, 3).tree,
                 "pages were cleared from the log")
