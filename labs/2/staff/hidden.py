# SPDX-License-Identifier: GPL-2.0-only
"""Lab 2: the tests that only staff has.

Scenes: `moved` takes a vCPU from core to core, `more` breaks and mends a VMCS,
runs a guest of the tool and counts free pages, `without` loads the module on a
processor without unrestricted guest.  judge.load() calls add(); read
labs/2/tests.py before.
"""

from lab.judge import Lab, expect, expect_no_leak, load_file
from lab.observe import NO_VMCS, free_pages
from lab.scene import LABS, Scene, Seen

visible = load_file(LABS / "2/tests.py")

ON_FIRST, ON_SECOND, BACK = 1, 2, 3
MOVED = """\
insmod /vitrine/vitrine.ko || exit 1
taskset 1 ./bare create run mark 1 core 1 run core 0 mark 2 run tell 3 close
"""
BROKEN, TOLD, OTHER, OTHER_TOLD, MENDED, MENDED_TOLD, TOOL, TOOL_DONE, EARLY, LATE = range(1, 11)
COUNT = 400
MORE = """\
insmod /vitrine/vitrine.ko || exit 1
taskset 1 ./bare create hint {FAULT} mark 1 run tell 2 say hint {OTHER} mark 3 run tell 4 \\
	hint 0xff mark 5 run tell 6 close
mark 7
taskset 1 vitrine run /root/halt.elf
mark 8
refused() {{
	./bare create refused $1 close
	settle
}}
refused 400
mark 9
refused 400
mark 10
"""


def add(lab: Lab) -> None:
    lab.scene(Scene("moved", MOVED, cpus=2, programs=["bare"], at_mark=visible.LOOKS))
    lab.scene(Scene("more", MORE, programs=["bare"], guests=["halt"],
                    at_mark=visible.LOOKS | {"free": free_pages}))
    lab.scene(Scene("without", "mark 1\ninsmod /vitrine/vitrine.ko\nmark 2\n", cpu="no-ug"))

    @lab.test("moved", "a VMCS that goes to another core is cleared on the old one", 6, "moved",
              after=["hlt"], needs_later=True,
              read="SDM 3C \"Software Use of Virtual-Machine Control Structures\"; vmx/vmcs.c, "
                   "clear_here()")
    def moved(seen: Seen) -> None:
        at = visible.mark(seen, ON_FIRST).cores[0].current_vmcs
        first, second = visible.mark(seen, ON_SECOND).cores
        expect(second.current_vmcs == at, "core 1 ran the vCPU and its VMCS is not current there",
               "VMPTRLD on core 1")
        expect(first.current_vmcs == NO_VMCS, f"the VMCS at {at:#x} is current on both cores",
               "VMCLEAR on core 0 before VMPTRLD on core 1")
        visible.expect_halt(seen.recorder.between(ON_SECOND, BACK), visible.halts(seen)[2])

    @lab.test("core-state", "on another core the VMCS holds that core's host state", 4, "moved",
              after=["moved"], needs_later=True,
              read="vmx/setup.c, vmx_write_host_core_state()")
    def core_state(seen: Seen) -> None:
        per_core = ("HOST_TR_BASE", "HOST_GDTR_BASE")
        for number, core in ((ON_FIRST, 0), (ON_SECOND, 1), (BACK, 0)):
            # As it was before the vCPU came there: an exit loads what the VMCS holds.
            there = visible.host(seen, ON_FIRST, core)
            visible.expect_fields(visible.vmcs(seen, number),
                                  {field: there[field] for field in per_core}, f"core {core}'s")

    @lab.test("mended", "after two errors of different kinds the mended VMCS is launched", 4,
              "more", after=["error"], needs_later=True,
              read="vmx/run.c, describe_failure(); SDM 3C \"VM Entries\"")
    def mended(seen: Seen) -> None:
        symbols = lab.symbols(seen.seed)
        for broken, told, name in ((BROKEN, TOLD, "FAULT"), (OTHER, OTHER_TOLD, "OTHER")):
            visible.expect_error(seen, broken, told, visible.FAULTS[symbols[name] - 1])
        visible.expect_halt(seen.recorder.between(MENDED, MENDED_TOLD), visible.halts(seen)[0])

    @lab.test("named", "the sentence about it names the field", 3, "more", after=["error"],
              inside=True, read="vmx/run.c, describe_failure(), vmx_find_broken_rule()")
    def named(seen: Seen) -> None:
        fault = visible.FAULTS[lab.symbols(seen.seed)["FAULT"] - 1]
        said = [line for line in seen.output.splitlines() if "VM entry failed" in line]
        expect(said, "no sentence", f"one with {fault.field} in it")
        named = [other.field for other in visible.FAULTS if other.field in said[0]]
        expect(named == [fault.field], said[0], f"one with {fault.field} in it, and that alone")

    @lab.test("segments", "an unusable segment is marked so, a usable one not", 5, "more",
              after=["region"], read="SDM 3C \"Guest Register State\"; vmx/state.c, pack_rights()")
    def segments(seen: Seen) -> None:
        exits = seen.recorder.between(TOOL, TOOL_DONE)
        expect(exits, "the tool's guest was never left", "it halts")
        visible.expect_fields(exits[0].vmcs, {
            "GUEST_LDTR_AR_BYTES": 0x10000, "GUEST_CS_AR_BYTES": 0xa09b,
            "GUEST_SS_AR_BYTES": 0xc093, "GUEST_TR_AR_BYTES": 0x8b}, "as the tool has asked for")

    @lab.test("no-leak", f"{COUNT} vCPUs that are refused cost no memory", 5, "more",
              after=["region"], read="vmx/vmcs.c, vmx_vmcs_free(); vmx/backend.c, destroy_parts()")
    def no_leak(seen: Seen) -> None:
        before, after = (visible.mark(seen, number).found["free"] for number in (EARLY, LATE))
        expect_no_leak(before, after, COUNT // 2, f"{COUNT} of them: a VMCS is a page")

    @lab.test("without", "a processor that lacks a required control is refused", 5, "without",
              after=["controls"], read="vmx/caps.c, fit_control_word(), refuse_control()")
    def without(seen: Seen) -> None:
        visible.mark(seen, 1)
        expect(not visible.mark(seen, 2).cores[0].in_root_mode,
               "the module has loaded on a processor without unrestricted guest",
               "it refuses: a required bit is 0 in the high half of the capability MSR")
