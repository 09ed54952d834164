# SPDX-License-Identifier: GPL-2.0-only
"""Figures of what happens at run time: exit loop, registers, events.

pictures.py lists them; read figures_vmx.py before.
"""

from .draw import FAINT, GUEST, HOST, LOOK, Drawing
from .errors import LabError
from .tables import Source


def exit_loop(source: Source) -> Drawing:
    drawing = Drawing("exit-loop", 800, 560, "The way of one exit, and where its code is")
    drawing.rect(20, 16, 760, 84, fill=GUEST)
    drawing.text(36, 38, "4, 5  the guest", anchor="start", bold=True)
    drawing.box(310, 44, 180, 40, ["an instruction exits"], size=12)
    drawing.rect(20, 122, 760, 290, fill=HOST)
    drawing.text(36, 143, "3  vitrine.ko", anchor="start", bold=True)
    drawing.rect(20, 428, 760, 116, fill="#ffffff")
    drawing.text(36, 450, "2, 3  the tool", anchor="start", bold=True)

    def step(x: float, y: float, what: str, name: str, function: str, width: int = 230) -> None:
        file, call = source.place(name, function).split(": ")
        call = call.removesuffix("()") if name.endswith(".S") else call
        drawing.box(x, y, width, 52, [what, f"`{file}", f"`{call}"], size=12)

    step(470, 150, "save the guest's registers", "vmx/enter.S", "vmx_exit_here")
    step(470, 226, "VMCS fields become words", "vmx/exit.c", "vmx_describe_exit")
    step(470, 328, "one handler for each kind", "module/handle.c", "vtr_handle_exit")
    step(100, 150, "load registers, VMRESUME", "vmx/enter.S", "vmx_enter")
    step(100, 226, "signals, events, host state", "module/vcpu.c", "enter_once")
    step(100, 328, "finish the instruction", "module/handle.c", "vtr_complete_pending")
    step(470, 470, "which device is it?", "userspace-tool/run/vcpu_loop.c", "vcpu_once", 270)
    drawing.box(100, 470, 230, 52, ["ioctl(VTR_VCPU_RUN)"], size=12)
    drawing.arrow((490, 64), (585, 64), (585, 150))
    drawing.text(597, 115, "VM exit", anchor="start", bold=True, size=12)
    drawing.arrow((585, 202), (585, 226))
    drawing.arrow((585, 278), (585, 328))
    drawing.arrow((215, 226), (215, 202))
    drawing.arrow((215, 150), (215, 64), (310, 64))
    drawing.text(203, 115, "VM entry", anchor="end", bold=True, size=12)
    drawing.arrow((470, 354), (400, 354), (400, 252), (330, 252))
    drawing.text(392, 303, "done: enter again", anchor="end", size=12, bold=True)
    drawing.arrow((585, 380), (585, 470))
    drawing.text(573, 404, "needs a device: RUN returns", anchor="end", size=12, bold=True)
    drawing.arrow((470, 496), (330, 496))
    drawing.arrow((215, 470), (215, 380))
    drawing.arrow((215, 328), (215, 278))
    return drawing


# Short words for the rows of docs/state-ownership.md that need some.
SHORT = {
    "segments: selector, base, limit, rights": "segments with base, limit, rights",
    "interruptibility, pending debug exceptions, activity":
        "interruptibility, activity, pending #DB",
}
WHEN = [
    ("entry/exit", "at each entry and exit", "the processor by the VMCS, or vmx/run.c", GUEST),
    ("stay", "once a stay", "switch_to_guest(), switch_to_host()", HOST),
    ("RUN", "once a RUN", "vtr_fpu_swap_in(), vtr_fpu_swap_out()", "#ffffff"),
    ("never in the core", "never in the core", "each access exits", "#ffffff"),
]


def registers(source: Source) -> Drawing:
    saved = source.saved_by_assembly()
    if len(saved) != 15:
        raise LabError(f"picture registers: vmx/enter.S saves {len(saved)} registers")
    for function in ("switch_to_guest", "switch_to_host"):
        source.place("vmx/run.c", function)
    by_when: dict[str, list[str]] = {when: [] for when, _, _, _ in WHEN}
    for state, when in source.switched():
        if state != "other general registers":
            by_when[when.split(",")[0]].append(SHORT.get(state, state))
    rows = {when: (len(states) + 1) // 2 for when, states in by_when.items()}
    height = 110 + sum(48 + 21 * count for count in rows.values())
    drawing = Drawing("registers", 800, height, "Who switches which state, and when")
    drawing.rect(20, 14, 760, 76, fill=LOOK)
    drawing.text(36, 34, "at each entry and exit: vmx/enter.S, in software", anchor="start",
                 bold=True)
    for number in range(2):
        some = saved[number * 8:number * 8 + 8]
        drawing.text(52, 56 + 21 * number, "  ".join(some), anchor="start", mono=True, size=12)
    y = 98
    for when, head, who, fill in WHEN:
        block = 40 + 21 * rows[when]
        drawing.rect(20, y, 760, block, fill=fill)
        drawing.text(36, y + 21, f"{head}: {who}", anchor="start", bold=True, within=730)
        for number, state in enumerate(by_when[when]):
            drawing.text(52 + 360 * (number % 2), y + 44 + 21 * (number // 2), state,
                         anchor="start", size=12, within=352)
        y += block + 8
    return drawing


def events(source: Source) -> Drawing:
    drawing = Drawing("events", 800, 500, "An interrupt on its way into the guest")
    can = source.place("vmx/inject.c", "vmx_can_inject").split(": ")[1]
    window = source.place("vmx/inject.c", "vmx_set_window").split(": ")[1]
    inject = source.place("vmx/inject.c", "vmx_inject").split(": ")[1]
    again = source.place("vmx/inject.c", "vmx_requeue_event").split(": ")[1]
    drawing.box(270, 14, 260, 40, ["an interrupt waits for the guest"], fill=HOST)
    drawing.box(270, 84, 260, 76, ["can it be taken now?", "RFLAGS.IF = 1, no shadow of STI",
                                   "or MOV SS", f"`{can}"], size=12)
    drawing.box(20, 200, 320, 76, ["no: ask for the window", "interrupt-window exiting = 1",
                                   f"`{window}"], head=True, size=12)
    drawing.box(460, 200, 320, 76, ["yes: inject with this entry",
                                    "VM-entry interruption information", f"`{inject}"],
                head=True, size=12)
    drawing.arrow((400, 54), (400, 84))
    drawing.arrow((270, 122), (180, 122), (180, 200))
    drawing.arrow((530, 122), (620, 122), (620, 200))
    drawing.box(20, 306, 320, 56, ["the guest runs until it can take one", "(STI, POPF, IRET)"],
                fill=GUEST, size=12)
    drawing.arrow((180, 276), (180, 306))
    drawing.box(20, 394, 320, 56, ["exit 7, interrupt window: clear the",
                                   "control, it exits for ever else"], fill=LOOK, size=12)
    drawing.arrow((180, 362), (180, 394))
    drawing.arrow((340, 422), (400, 422), (400, 160))
    drawing.box(460, 306, 320, 56, ["the entry delivers it: the guest's IDT,", "stack, handler"],
                fill=GUEST, size=12)
    drawing.arrow((620, 276), (620, 306))
    drawing.box(460, 394, 320, 76, ["an exit in the middle of the delivery:",
                                    "IDT-vectoring information has it back", f"`{again}"],
                fill=LOOK, size=12)
    drawing.arrow((620, 362), (620, 394))
    drawing.arrow((460, 432), (430, 432), (430, 238), (460, 238))
    drawing.text(20, 486, "Exceptions and NMIs are injected the same way; an NMI has a window of "
                 "its own.", anchor="start", size=12, color=FAINT)
    return drawing


TYPES = {"INTERRUPT": "external interrupt", "NMI": "NMI", "EXCEPTION": "hardware exception",
         "SOFT_INT": "software interrupt (INT n)",
         "PRIV_SOFT_EXC": "privileged software exception (INT1)",
         "SOFT_EXC": "software exception (INT3, INTO)"}


def interruption_info(source: Source) -> Drawing:
    drawing = Drawing("interruption-info", 780, 290, "The format of interruption information")
    info = source.bits("vmx/inject.c", "INFO")
    types = source.event_types()
    if info != {"VALID": (31, 31), "ERROR": (11, 11)} or set(types.values()) != set(TYPES):
        raise LabError("picture interruption-info: vmx/inject.c says something else")
    drawing.text(20, 24, "VM-entry, VM-exit and IDT-vectoring information: one format",
                 anchor="start", bold=True)
    x = 20
    for bits, text, width, fill in (("31", "valid", 70, HOST), ("30:13", "0", 180, "#ffffff"),
                                    ("12", "NMI unblocked", 130, "#ffffff"),
                                    ("11", "error code", 110, HOST), ("10:8", "type", 110, LOOK),
                                    ("7:0", "vector", 140, GUEST)):
        drawing.text(x + width / 2, 54, bits, size=11, color=FAINT)
        drawing.box(x, 62, width, 38, [text], fill=fill, size=12)
        x += width
    drawing.text(20, 132, "type", anchor="start", bold=True)
    for number, (value, name) in enumerate(sorted(types.items())):
        drawing.text(40, 156 + 21 * number, str(value), anchor="start", mono=True, size=12)
        drawing.text(64, 156 + 21 * number, TYPES[name], anchor="start", size=12)
    notes = [("bit 11", "an error code is delivered, too: it has a"),
             ("", "field of its own. At entry only with vectors"),
             ("", "8, 10 to 14, 17 (21 with CET), and not in"), ("", "real mode."),
             ("type 4-6", "the length of the instruction goes in, too."),
             ("bit 12", "in exit information only; 0 at entry.")]
    for number, (what, note) in enumerate(notes):
        y = 156 + 21 * number
        if what:
            drawing.text(380, y, what, anchor="start", size=12, bold=True)
        drawing.text(460, y, note, anchor="start", size=12, within=312)
    return drawing
