# SPDX-License-Identifier: GPL-2.0-only
"""Figures of interrupts: the local APIC, and how a vCPU rests and starts.

pictures.py lists them; read figures_run.py before.
"""

import re

from .draw import FAINT, GUEST, HOST, LOOK, Drawing
from .errors import LabError
from .tables import Source

LAPIC, IRQCHIP = "module/lapic.c", "module/irqchip.c"


def _call(source: Source, name: str, function: str) -> str:
    return f"`{source.place(name, function).split(': ')[1]}"


def _offset(source: Source, register: str) -> str:
    """Where a register lies in the page: its number in module/lapic.h, times 16."""
    match = re.search(rf"\bVTR_LAPIC_{register} = (0x[0-9a-f]+)", source.read("module/lapic.h"))
    if not match:
        raise LabError(f"module/lapic.h: has no register {register}")
    return f"{int(match[1], 16) * 16:03X}H"


def local_apic(source: Source) -> Drawing:
    drawing = Drawing("local-apic", 800, 560, "A vector's way through the local APIC")
    for x, width, words in ((20, 220, ["a message: device or IPI", "to whom does it go?",
                                       _call(source, LAPIC, "vtr_lapic_matches")]),
                            (560, 220, ["the timer", "is it time?",
                                        _call(source, LAPIC, "vtr_lapic_timer_expire")])):
        drawing.box(x, 16, width, 64, words, fill=HOST, size=12)
    drawing.rect(20, 110, 760, 330, fill="#ffffff")
    drawing.text(400, 132, "3  the vCPU's local APIC", bold=True)
    drawing.box(260, 146, 280, 64, [f"IRR {_offset(source, 'IRR')}: it waits here",
                                    f"TMR {_offset(source, 'TMR')}: was it a level?",
                                    _call(source, LAPIC, "set_irr")], size=12)
    drawing.arrow((130, 80), (130, 178), (260, 178))
    drawing.arrow((670, 80), (670, 178), (540, 178))
    drawing.box(240, 240, 320, 64, ["is its class above the priority?",
                                    f"PPR {_offset(source, 'PPR')}: the higher one of TPR "
                                    "and ISR", _call(source, LAPIC, "vtr_lapic_next")],
                fill=LOOK, size=12)
    drawing.arrow((400, 210), (400, 240))
    drawing.text(222, 262, "no: it stays in IRR", anchor="end", size=12, bold=True)
    drawing.box(260, 350, 280, 64, [f"ISR {_offset(source, 'ISR')}: it is in service",
                                    "out of IRR, into ISR",
                                    _call(source, LAPIC, "vtr_lapic_take")], size=12)
    drawing.arrow((400, 304), (400, 350))
    drawing.text(412, 332, "yes, and the guest can take it", anchor="start", size=12, bold=True)
    drawing.box(580, 350, 186, 64, [f"EOI {_offset(source, 'EOI')}", "the highest one ends",
                                    _call(source, LAPIC, "end_of_interrupt")], size=12)
    drawing.arrow((580, 382), (540, 382))
    drawing.rect(20, 460, 760, 84, fill=GUEST)
    drawing.text(36, 482, "4  the guest", anchor="start", bold=True)
    drawing.box(290, 476, 220, 52, ["its handler, by the VM entry", "of lab 6"], size=12)
    drawing.arrow((400, 414), (400, 476))
    drawing.arrow((510, 502), (673, 502), (673, 414))
    drawing.text(685, 522, "its last write", anchor="start", size=12)
    drawing.text(36, 382, "a level: the I/O APIC", anchor="start", size=12, color=FAINT)
    drawing.text(36, 400, "hears of the end, too", anchor="start", size=12, color=FAINT)
    return drawing


def vcpu_rests(source: Source) -> Drawing:
    drawing = Drawing("vcpu-rests", 800, 330, "When a vCPU rests, and what ends that")
    text = source.read("ioctl-uapi/vitrine.h")
    for state in ("VTR_ACTIVE", "VTR_HALTED", "VTR_WAIT_SIPI"):
        if state not in text:
            raise LabError(f"ioctl-uapi/vitrine.h: has no {state}")
    drawing.box(30, 130, 200, 70, ["waits for a start-up IPI", "`VTR_WAIT_SIPI",
                                   "its thread sleeps"], fill=HOST, size=12)
    drawing.box(330, 130, 160, 70, ["runs", "`VTR_ACTIVE"], fill=GUEST, size=12)
    drawing.box(610, 130, 160, 70, ["halted", "`VTR_HALTED", "its thread sleeps"], fill=HOST,
                size=12)
    drawing.arrow((230, 150), (330, 150))
    drawing.text(280, 116, "start-up IPI", size=12, bold=True)
    drawing.text(280, 98, _call(source, IRQCHIP, "take_sipi")[1:], size=11, mono=True)
    drawing.arrow((490, 150), (610, 150))
    drawing.text(550, 116, "HLT", size=12, bold=True)
    drawing.arrow((610, 182), (490, 182))
    drawing.text(550, 226, "an event to take", size=12, bold=True)
    drawing.text(550, 244, _call(source, IRQCHIP, "event_for_halted")[1:], size=11, mono=True)
    drawing.arrow((380, 200), (380, 280), (130, 280), (130, 200))
    drawing.arrow((690, 200), (690, 300), (110, 300), (110, 200))
    drawing.text(255, 270, "INIT", size=12, bold=True)
    drawing.text(400, 320, "INIT", size=12, bold=True)
    drawing.box(20, 16, 220, 46, ["a new vCPU: all but the first,", "which begins to run"],
                size=12)
    drawing.arrow((130, 62), (130, 130))
    drawing.arrow((410, 130), (410, 84), (450, 84), (450, 130))
    drawing.text(430, 74, "a start-up IPI is ignored", size=12, bold=True)
    return drawing
