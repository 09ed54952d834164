# SPDX-License-Identifier: GPL-2.0-only
"""Lab 4: which rules and defects there are, and which of them a student gets.

The twelve states are made by states.c.  For each there are three rules to break, and
for six of them three defects to mend; the student's name picks one.  `labs/4/try
sheet` shows a student's own ones; tests.py and staff/hidden.py make runs of them.

Spoiler: DEFECTS says what is wrong with the broken states.  To read it takes the
second part of the lab from you.
"""

from dataclasses import dataclass
from typing import NamedTuple

from lab.scene import Seed


class Rule(NamedTuple):
    """A rule to be broken, by a change of this field alone."""
    rule: str
    field: str


class Spoilt(NamedTuple):
    """A field's value made wrong: bits cleared, bits set, then a number added."""
    clear: int
    set: int
    add: int = 0


class Defect(NamedTuple):
    """One field is spoilt, in one way or in the other."""
    rule: str
    field: str
    first: Spoilt
    second: Spoilt


BREAKS = {
    "real": (Rule("GUEST_CR0_MUST_BE_1", "SECONDARY_VM_EXEC_CONTROL"),
             Rule("GUEST_CR4_MUST_BE_1", "GUEST_CR4"),
             Rule("CS_G_HIGH", "GUEST_CS_LIMIT")),
    "protected": (Rule("TR_UNUSABLE", "GUEST_TR_AR_BYTES"),
                  Rule("GDTR_LIMIT_HIGH", "GUEST_GDTR_LIMIT"),
                  Rule("RIP_HIGH", "GUEST_RIP")),
    "pae": (Rule("GUEST_PG_NEEDS_PE", "GUEST_CR0"),
            Rule("GUEST_PCIDE_NEEDS_64", "GUEST_CR4"),
            Rule("PDPTE0_RESERVED", "GUEST_PDPTR0")),
    "v86": (Rule("V86_BASE_DS", "GUEST_DS_SELECTOR"),
            Rule("V86_LIMIT_SS", "GUEST_SS_LIMIT"),
            Rule("V86_RIGHTS_FS", "GUEST_FS_AR_BYTES")),
    "long": (Rule("GUEST_64_NEEDS_PAE", "GUEST_CR4"),
             Rule("CS_L_AND_DB", "GUEST_CS_AR_BYTES"),
             Rule("GUEST_EFER_LMA", "VM_ENTRY_CONTROLS")),
    "user": (Rule("ACTIVITY_HLT_DPL", "GUEST_ACTIVITY_STATE"),
             Rule("FS_BASE_CANONICAL", "GUEST_FS_BASE"),
             Rule("DS_DPL_RPL", "GUEST_DS_AR_BYTES")),
    "exception": (Rule("EVENT_ERROR_CODE_MISSING", "VM_ENTRY_INTR_INFO_FIELD"),
                  Rule("EVENT_ERROR_CODE_HIGH", "VM_ENTRY_EXCEPTION_ERROR_CODE"),
                  Rule("EVENT_EXCEPTION_VECTOR", "VM_ENTRY_INTR_INFO_FIELD")),
    "interrupt": (Rule("RFLAGS_IF_INTERRUPT", "GUEST_RFLAGS"),
                  Rule("BLOCKING_STI_INTERRUPT", "GUEST_INTERRUPTIBILITY_INFO"),
                  Rule("EVENT_ERROR_CODE_UNDUE", "VM_ENTRY_INTR_INFO_FIELD")),
    "nmi": (Rule("EVENT_NMI_VECTOR", "VM_ENTRY_INTR_INFO_FIELD"),
            Rule("VIRTUAL_NMIS_NEED_NMI_EXITING", "PIN_BASED_VM_EXEC_CONTROL"),
            Rule("BLOCKING_MOV_SS_NMI", "GUEST_INTERRUPTIBILITY_INFO")),
    "areas": (Rule("MSR_FS_BASE", "VM_ENTRY_MSR_LOAD_COUNT"),
              Rule("EXIT_STORE_ALIGN", "VM_EXIT_MSR_STORE_ADDR"),
              Rule("ENTRY_LOAD_WIDTH", "VM_ENTRY_MSR_LOAD_ADDR")),
    "apic": (Rule("TPR_THRESHOLD_VTPR", "TPR_THRESHOLD"),
             Rule("VPID_ZERO", "VIRTUAL_PROCESSOR_ID"),
             Rule("APIC_REGISTER_NEEDS_TPR_SHADOW", "CPU_BASED_VM_EXEC_CONTROL")),
    "host": (Rule("HOST_CS_SELECTOR", "HOST_CS_SELECTOR"),
             Rule("HOST_64_PAE", "HOST_CR4"),
             Rule("HOST_PAT", "HOST_IA32_PAT")),
}

EVENT = "VM_ENTRY_INTR_INFO_FIELD"
AREA = "VM_ENTRY_MSR_LOAD_ADDR"
DEFECTS = {
    "long": (Defect("RFLAGS_BIT_1", "GUEST_RFLAGS", Spoilt(2, 0), Spoilt(2, 0x11)),
             Defect("SS_P", "GUEST_SS_AR_BYTES", Spoilt(0x80, 0), Spoilt(0x80, 0x1000)),
             Defect("GUEST_CR0_MUST_BE_1", "GUEST_CR0", Spoilt(0x20, 0),
                    Spoilt(0x20, 0x40000))),
    "protected": (Defect("TR_TYPE_32", "GUEST_TR_AR_BYTES", Spoilt(0xf, 9), Spoilt(0xf, 1)),
                  Defect("IDTR_LIMIT_HIGH", "GUEST_IDTR_LIMIT", Spoilt(0, 0x10000),
                         Spoilt(0, 0xff0000)),
                  Defect("GUEST_SYSENTER_EIP", "GUEST_SYSENTER_EIP", Spoilt(0, 1 << 62),
                         Spoilt(0, 1 << 50))),
    "v86": (Defect("V86_BASE_CS", "GUEST_CS_BASE", Spoilt(0, 0x100), Spoilt(0, 8)),
            Defect("V86_LIMIT_ES", "GUEST_ES_LIMIT", Spoilt(0xf, 0), Spoilt(0, 0xf0000)),
            Defect("V86_RIGHTS_GS", "GUEST_GS_AR_BYTES", Spoilt(0x60, 0), Spoilt(1, 0))),
    "exception": (Defect("EVENT_RESERVED", EVENT, Spoilt(0, 1 << 12), Spoilt(0, 0x40100000)),
                  Defect("EVENT_TYPE_RESERVED", EVENT, Spoilt(0xf00, 0x100),
                         Spoilt(0xf00, 0x100)),
                  Defect("EVENT_ERROR_CODE_UNDUE", EVENT, Spoilt(0xff, 6), Spoilt(0xff, 0))),
    "areas": (Defect("MSR_FS_BASE", AREA, Spoilt(0, 0, 16), Spoilt(0, 0, 16)),
              Defect("ENTRY_LOAD_ALIGN", AREA, Spoilt(0, 8), Spoilt(0, 8)),
              Defect("EXIT_STORE_WIDTH", "VM_EXIT_MSR_STORE_ADDR", Spoilt(0, 1 << 51),
                     Spoilt(0, 1 << 45))),
    "host": (Defect("HOST_FS_SELECTOR", "HOST_FS_SELECTOR", Spoilt(0, 4), Spoilt(0, 3)),
             Defect("HOST_CR4_MUST_BE_1", "HOST_CR4", Spoilt(0x2000, 0), Spoilt(0x2000, 0)),
             Defect("HOST_TR_BASE", "HOST_TR_BASE", Spoilt(1 << 62, 0), Spoilt(0xffff << 48, 0))),
}


@dataclass(frozen=True)
class Task:
    """One state of a run; LINE is what hook.c reads of it."""
    kind: str
    state: str
    rule: str
    field: str                  # the one that may change
    line: str

    @property
    def name(self) -> str:
        return f"{self.kind}_{self.state}()"


def rule_of(seed: Seed, state: str) -> Rule:
    return BREAKS[state][seed.pick(f"break {state}", 0, 3)]


def defect_of(seed: Seed, state: str) -> Defect:
    return DEFECTS[state][seed.pick(f"mend {state}", 0, 3)]


def breaking(seed: Seed, state: str, rule: Rule, name: str) -> Task:
    values = seed.pick(f"values {name} break {state}", 0, 1 << 31)
    return Task("break", state, rule.rule, rule.field, f"break {state} {values:x} {rule.rule}")


def mending(seed: Seed, state: str, defect: Defect, name: str) -> Task:
    spoilt = defect.second if name == "again" else defect.first
    values = seed.pick(f"values {name} mend {state}", 0, 1 << 31)
    return Task("mend", state, defect.rule, defect.field,
                f"mend {state} {values:x} {defect.field} {spoilt.clear:x} {spoilt.set:x} "
                f"{spoilt.add:x}")


# The last task, so that the carrier goes on, whatever became of the others.
END = Task("valid", "long", "", "", "valid long 0")


def run(seed: Seed, name: str) -> list[Task]:
    """What a run consists of: all of a student's tasks, in an order of the student's own.

    "yours" is the visible run; "again" has other numbers and the same fields spoilt
    in another way; "every" has all rules and all defects, for those who change the lab.
    """
    if name == "every":
        return [*everything(seed), END]
    tasks = [breaking(seed, state, rule_of(seed, state), name) for state in BREAKS]
    tasks += [mending(seed, state, defect_of(seed, state), name) for state in DEFECTS]
    order = seed.shuffle(f"order {name}", [str(n) for n in range(len(tasks))])
    return [*(tasks[int(n)] for n in order), END]


def everything(seed: Seed) -> list[Task]:
    return [*(breaking(seed, state, rule, "every") for state in BREAKS for rule in BREAKS[state]),
            *(mending(seed, state, defect, name) for state in DEFECTS
              for defect in DEFECTS[state] for name in ("every", "again"))]
