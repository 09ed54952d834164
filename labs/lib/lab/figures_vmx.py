# SPDX-License-Identifier: GPL-2.0-only
"""Figures of what the processor knows: layers, root mode, VMCS, checks, EPT.

pictures.py lists them.  Each is a function from the tables of the source
(tables.py) to a Drawing (draw.py).
"""

from collections import Counter

from .draw import FAINT, GUEST, HOST, LOOK, Drawing
from .errors import LabError
from .tables import Source

# What the layers of enum vtr_layer are here.
LAYERS = {
    5: ("guest application", "programs in the guest"),
    4: ("guest os", "the guest's kernel: thinks that the machine is its own"),
    3: ("hypervisor", "vitrine.ko in ring 0 of root mode, the tool `vitrine` in ring 3"),
    2: ("host os", "Linux: schedules vCPU threads, owns memory and files"),
    1: ("hardware", "the processor with VMX: real, or emulated by the nested machine"),
}


def layers(source: Source) -> Drawing:
    drawing = Drawing("layers", 720, 400, "The five layers and the border between them")
    names = source.layers()
    if {number: name for number, (name, _) in LAYERS.items()} != \
            {number: name.replace("guest app", "guest application") for number, name
             in names.items()}:
        raise LabError(f"picture layers: enum vtr_layer has {names}")
    y = 16
    for number in (5, 4, 3, 2, 1):
        name, what = LAYERS[number]
        fill = GUEST if number > 3 else HOST if number > 1 else "#ffffff"
        drawing.rect(150, y, 550, 50, fill=fill)
        drawing.text(166, y + 21, f"{number}  {name}", anchor="start", bold=True, size=14)
        drawing.text(188, y + 40, what.replace("`", ""), anchor="start", within=500)
        y += 56
        if number == 4:
            drawing.line((150, y + 14), (700, y + 14), dash=True)
            y += 34
    drawing.text(75, 66, "VMX non-root", bold=True)
    drawing.text(75, 84, "mode")
    drawing.text(75, 216, "VMX root", bold=True)
    drawing.text(75, 234, "mode")
    drawing.arrow((300, 122), (300, 158))
    drawing.text(312, 136, "VM exit", anchor="start", bold=True)
    drawing.arrow((520, 158), (520, 122))
    drawing.text(532, 136, "VM entry", anchor="start", bold=True)
    drawing.text(425, 356, "An exit goes down to layer 3. What layer 3 cannot finish goes on to",
                 color=FAINT)
    drawing.text(425, 376, "layer 2 and the tool, and comes back the same way.", color=FAINT)
    return drawing


def root_mode(source: Source) -> Drawing:
    drawing = Drawing("root-mode", 760, 330, "Root mode of one core: in, out, and into the guest")
    drawing.box(20, 60, 170, 130, ["VMX off", "CR4.VMXE = 0", "VMX instructions: #UD"],
                head=True, size=12)
    drawing.box(300, 30, 170, 80, ["root mode, ring 3", "host's programs"], fill=HOST, head=True)
    drawing.box(300, 130, 170, 80, ["root mode, ring 0", "Linux, vitrine.ko"], fill=HOST,
                head=True)
    drawing.box(575, 30, 170, 80, ["non-root, ring 3", "guest's programs"], fill=GUEST,
                head=True)
    drawing.box(575, 130, 170, 80, ["non-root, ring 0", "guest's kernel"], fill=GUEST, head=True)
    drawing.arrow((385, 110), (385, 130))
    drawing.arrow((660, 110), (660, 130))
    drawing.arrow((190, 145), (300, 145))
    drawing.text(245, 138, "VMXON", bold=True)
    drawing.arrow((300, 178), (190, 178))
    drawing.text(245, 196, "VMXOFF", bold=True)
    drawing.arrow((470, 145), (575, 145))
    drawing.text(522, 138, "VM entry", bold=True)
    drawing.arrow((575, 178), (470, 178))
    drawing.text(522, 196, "VM exit", bold=True)
    steps = [("before VMXON", "IA32_FEATURE_CONTROL: locked, with VMX on; CR0 and CR4 fit the "
              "fixed-bit MSRs"),
             ("", "CR4.VMXE = 1; a page of this core's own, with the revision identifier in it"),
             ("after VMXOFF", "CR4.VMXE = 0; in root mode clearing it is a #GP"),
             ("each core", source.place("module/main.c", "enable_core") + ", "
              + source.place("module/main.c", "disable_core").split(": ")[1])]
    for number, (head, what) in enumerate(steps):
        y = 244 + 23 * number
        if head:
            drawing.text(20, y, head, anchor="start", bold=True, size=12)
        drawing.text(135, y, what, anchor="start", size=12, within=610)
    return drawing


# Areas of the VMCS in the manual's words: groups of vmx/vmcs_fields.def.
AREAS = [
    ("Guest-state area", GUEST, "saved at exit, loaded at entry",
     ["guest_registers", "guest_segments", "guest_tables", "guest_state"]),
    ("Host-state area", HOST, "loaded at exit", ["host_state"]),
    ("VM-execution control fields", "#ffffff", "what exits", ["controls_exec"]),
    ("VM-exit control fields", "#ffffff", "how an exit goes", ["controls_exit"]),
    ("VM-entry control fields", "#ffffff", "how an entry goes", ["controls_entry"]),
    ("VM-exit information fields", LOOK, "why it came (read only)", ["exit_info"]),
]


def vmcs(source: Source) -> Drawing:
    drawing = Drawing("vmcs", 780, 442, "The areas of a VMCS and how many fields each has")
    fields = source.fields()
    groups = {group for _, _, _, names in AREAS for group in names}
    if groups != {field.group for field in fields}:
        raise LabError("picture vmcs: vmx/vmcs_fields.def has other groups")
    columns = {"16": 480, "32": 545, "64": 610, "natural": 675}
    drawing.text(40, 24, f"{len(fields)} fields of vmx/vmcs_fields.def", anchor="start",
                 bold=True, size=14)
    for width, x in columns.items():
        drawing.text(x, 24, width if width == "natural" else f"{width} bits", size=12)
    drawing.text(745, 24, "all", size=12, bold=True)
    y = 36
    for title, fill, what, names in AREAS:
        many = len(names) > 1
        height = 48 + 22 * (len(names) if many else 0)
        drawing.rect(20, y, 745, height, fill=fill)
        drawing.text(40, y + 20, title, anchor="start", bold=True)
        drawing.text(40, y + 38, what, anchor="start", size=12, color=FAINT)
        rows = [(y + 26, [field for field in fields if field.group in names])]
        for number, name in enumerate(names if many else []):
            line = y + 60 + 22 * number
            drawing.text(60, line, name, anchor="start", mono=True, size=12)
            rows.append((line, [field for field in fields if field.group == name]))
        for line, some in rows:
            counts = Counter(field.width for field in some)
            for width, x in columns.items():
                drawing.text(x, line, str(counts[width] or "-"), size=12)
            drawing.text(742, line, str(len(some)), size=12, bold=True)
        y += height + 5
    return drawing


# IA32_VMX_TRUE_ENTRY_CTLS of the emulated processor, and what vmx/caps.c asks for there.
ENTRY_MUST, ENTRY_MAY = 0x11fb, 0xffff
WANTED = ("Load debug controls", "Load IA32_PAT", "Load IA32_EFER", "Load CET state")


def entry_controls(source: Source) -> Drawing:
    drawing = Drawing("entry-controls", 800, 444, "A control word is fitted to its capability MSR")
    names = source.controls("ENTRY")
    wanted = {bit for bit, name in names.items() if name in WANTED}
    if len(wanted) != len(WANTED):
        raise LabError("picture entry-controls: vmx/controls.def has other names")
    want = sum(1 << bit for bit in wanted)
    top = 24
    left, cell = 190, 23

    def row(y: float, label: str, value: int, mark: set[int], fill: str) -> None:
        drawing.text(left - 12, y + 17, label, anchor="end", size=12)
        for bit in range(top):
            x = left + (top - 1 - bit) * cell
            drawing.rect(x, y, cell, 24, fill=fill if bit in mark else "#ffffff", round=0)
            drawing.text(x + cell / 2, y + 17, str(value >> bit & 1), mono=True, size=12)

    for bit in range(0, top):
        drawing.text(left + (top - 1 - bit) * cell + cell / 2, 52, str(bit), size=9, color=FAINT)
    drawing.text(20, 24, "VM-entry controls: capability MSR IA32_VMX_TRUE_ENTRY_CTLS of the "
                 "emulated processor", anchor="start", bold=True)
    row(60, "wanted", want, wanted, HOST)
    row(110, "must be 1 (MSR 31:0)", ENTRY_MUST,
        {bit for bit in range(top) if ENTRY_MUST >> bit & 1}, LOOK)
    row(160, "may be 1 (MSR 63:32)", ENTRY_MAY,
        {bit for bit in range(top) if ENTRY_MAY >> bit & 1}, GUEST)
    result = (want | ENTRY_MUST) & ENTRY_MAY
    row(220, "(wanted | must) & may", result, wanted & {bit for bit in range(top)
                                                        if result >> bit & 1}, HOST)
    y = 276
    for bit in sorted(wanted):
        fate = "stays" if result >> bit & 1 else "is lost: this processor doesn't have it. " \
            "Required? Then refuse to load."
        drawing.text(40, y, f"bit {bit}", anchor="start", size=12)
        drawing.text(95, y, names[bit], anchor="start", size=12, bold=True)
        drawing.text(280, y, fate, anchor="start", size=12)
        y += 21
    drawing.text(40, y + 8, "The manual's words: must be 1 = allowed 0-settings, may be 1 = "
                 "allowed 1-settings.", anchor="start", size=12, within=740)
    drawing.text(40, y + 30, "A bit of must that nobody wanted is a feature from before there was "
                 "a bit for it: leave it 1.", anchor="start", size=12, within=740)
    drawing.text(40, y + 52, "A word that doesn't fit: VM entry fails with VM-instruction error 7 "
                 "(vmx/caps.c, control_words[]).", anchor="start", size=12, within=740)
    return drawing


STAGES = [
    ("CONTROLS", "1  control fields", "VMfailValid, VM-instruction error 7", "#ffffff"),
    ("HOST", "2  host-state area", "VMfailValid, VM-instruction error 8", HOST),
    ("GUEST", "3  guest-state area", "VM exit, reason 33", GUEST),
    ("MSRS", "4  MSR-load area", "VM exit, reason 34", LOOK),
]


def entry_checks(source: Source) -> Drawing:
    rules = source.rules()
    if {rule.stage for rule in rules} != {stage for stage, _, _, _ in STAGES}:
        raise LabError("picture entry-checks: vmx/rules.def has other stages")
    titles = {stage: Counter(rule.title for rule in rules if rule.stage == stage)
              for stage, _, _, _ in STAGES}
    height = 130 + sum(52 + 19 * len(titles[stage]) for stage, _, _, _ in STAGES)
    drawing = Drawing("entry-checks", 800, height, "What VM entry checks, in its order")
    drawing.box(20, 14, 160, 34, ["VMLAUNCH, VMRESUME"], size=12)
    drawing.text(200, 28, "No current VMCS: VMfailInvalid. Wrong launch state, or blocking by "
                 "MOV SS:", anchor="start", size=12)
    drawing.text(200, 44, "VMfailValid with error 4, 5 or 26.  Then "
                 f"{len(rules)} rules (vmx/rules.def):", anchor="start", size=12)
    y = 66
    for stage, head, failure, fill in STAGES:
        block = 30 + 19 * len(titles[stage])
        drawing.arrow((100, y - 18), (100, y))
        drawing.rect(20, y, 490, block, fill=fill)
        drawing.text(34, y + 19, f"{head}: {sum(titles[stage].values())} rules", anchor="start",
                     bold=True)
        for number, (title, count) in enumerate(titles[stage].items()):
            line = y + 38 + 19 * number
            drawing.text(78, line, str(count), anchor="end", size=12)
            drawing.text(90, line, title, anchor="start", size=12, within=415)
        drawing.arrow((510, y + block / 2), (550, y + block / 2))
        drawing.text(558, y + block / 2 + 4, failure, anchor="start", size=12, within=236)
        y += block + 22
    drawing.arrow((100, y - 22), (100, y))
    drawing.box(20, y, 160, 34, ["the guest runs"], fill=GUEST, size=12)
    drawing.text(200, y + 14, "SDM 3C \"VM Entries\". The host's state is checked before the "
                 "guest's, so an entry that", anchor="start", size=12)
    drawing.text(200, y + 30, "fails in stage 3 or 4 leaves through a host state that is good.",
                 anchor="start", size=12)
    return drawing


LEVELS = [(4, "47:39", "512 GiB"), (3, "38:30", "1 GiB"), (2, "29:21", "2 MiB"),
          (1, "20:12", "4 KiB")]


def ept_walk(source: Source) -> Drawing:
    drawing = Drawing("ept-walk", 800, 400, "From a guest-physical address to a host-physical one")
    source.place("ept/hw.h", "EPT_INDEX")
    drawing.text(20, 24, "guest-physical address", anchor="start", bold=True)
    parts = [(f"{bits}", f"index, level {level}") for level, bits, _ in LEVELS]
    for number, (bits, what) in enumerate([*parts, ("11:0", "offset")]):
        drawing.box(140 + 128 * number, 36, 128, 42, [bits, what], fill=GUEST, size=12)
    drawing.box(14, 150, 90, 60, ["EPTP", "in VMCS"], fill=HOST, head=True, size=12)
    for number, (level, _, span) in enumerate(LEVELS):
        x = 150 + 128 * number
        drawing.rect(x, 120, 100, 150, fill=HOST)
        drawing.text(x + 50, 112, f"level {level}", size=12, bold=True)
        drawing.rect(x, 180, 100, 26, fill="#ffffff", round=0)
        drawing.text(x + 50, 197, "entry", size=12)
        drawing.text(x + 50, 290, f"entry spans {span}", size=11, within=126)
        drawing.arrow((x + 15, 78), (x + 15, 180), dash=True, color=FAINT)
        if level > 1:
            drawing.arrow((x + 100, 193), (x + 114, 193), (x + 114, 130), (x + 128, 130))
    drawing.arrow((104, 180), (127, 180), (127, 130), (150, 130))
    drawing.box(668, 150, 112, 76, ["page of the host", "address + offset"], head=True, size=10)
    drawing.arrow((634, 193), (668, 193))
    drawing.arrow((720, 78), (720, 150), dash=True, color=FAINT)
    drawing.text(20, 320, "Bit 7 of an entry of level 3 or 2 makes it a leaf: the page is 1 GiB or "
                 "2 MiB, the walk ends there, and", anchor="start", size=12)
    drawing.text(20, 338, "the lower bits of the address are the offset.", anchor="start", size=12)
    drawing.text(20, 362, "Bits 2:0 all 0: not present. That, or a right that is missing in any "
                 "entry on the way: EPT violation (exit 48).", anchor="start", size=12)
    drawing.text(20, 386, "A combination that may not be (write without read, reserved bits, a bad "
                 "memory type): misconfiguration (exit 49).", anchor="start", size=12)
    return drawing


def ept_entry(source: Source) -> Drawing:
    bits = source.bits("ept/hw.h", "EPT")
    drawing = Drawing("ept-entry", 820, 330, "The bits of an EPT entry")
    # (high, low, name in ept/hw.h, text in a leaf, text in an entry that points to a table)
    columns = [(63, 52, None, "ignored", "ignored", 110),
               (51, 12, "ADDR_MASK", "address of the page", "address of the next table", 210),
               (11, 10, None, "-", "-", 44), (9, 9, "DIRTY", "D", "-", 36),
               (8, 8, "ACCESSED", "A", "A", 36), (7, 7, "LEAF", "1", "0", 36),
               (6, 6, "IGNORE_PAT", "I", "0", 36), (5, 3, "MEMTYPE_MASK", "type", "0", 70),
               (2, 2, "EXEC", "X", "X", 36), (1, 1, "WRITE", "W", "W", 36),
               (0, 0, "READ", "R", "R", 36)]
    x = 110
    drawing.text(100, 84, "leaf", anchor="end", bold=True)
    drawing.text(100, 134, "table", anchor="end", bold=True)
    for high, low, name, leaf, table, width in columns:
        if name and bits.get(name) != (high, low):
            raise LabError(f"picture ept-entry: ept/hw.h has EPT_{name} at {bits.get(name)}")
        drawing.text(x + width / 2, 52, f"{high}:{low}" if high != low else str(high), size=10,
                     color=FAINT)
        fill = {"X": LOOK, "W": LOOK, "R": LOOK, "type": GUEST, "1": HOST}.get(leaf, "#ffffff")
        drawing.rect(x, 62, width, 34, fill=fill, round=0)
        drawing.text(x + width / 2, 84, leaf, size=12)
        drawing.rect(x, 112, width, 34, fill=LOOK if table in "XWR" else "#ffffff", round=0)
        drawing.text(x + width / 2, 134, table, size=12)
        x += width
    drawing.text(20, 24, "ept/hw.h; SDM 3C \"The Extended Page Table Mechanism (EPT)\"",
                 anchor="start", bold=True)
    notes = [("R W X", "read, write, execute: all 0 means not present"),
             ("type", "memory type of a leaf: 6 write-back, 0 uncacheable (others: the MTRRs')"),
             ("I", "ignore the guest's PAT"),
             ("1", "leaf: bit 7 of levels 2 and 3; ignored at level 1: every entry is a leaf there"),
             ("A D", "accessed, dirty: written by the processor if bit 6 of the EPTP says so"),
             ("0", "reserved here: anything else is an EPT misconfiguration"),
             ("address", "low bits of a big page's address are reserved: 20:12 at 2 MiB, 29:12 at "
              "1 GiB")]
    for number, (name, what) in enumerate(notes):
        y = 178 + 22 * number
        drawing.text(40, y, name, anchor="start", size=12, bold=True)
        drawing.text(120, y, what, anchor="start", size=12, within=690)
    return drawing
