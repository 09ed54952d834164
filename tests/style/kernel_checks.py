# SPDX-License-Identifier: GPL-2.0-only
"""Checks that need the kernel's own tools: headers, warnings, sparse, checkpatch.

Called by run through the list CHECKS at the end.  Kernels come from
nested/kernels; checkpatch.pl and kernel-doc from the kernel source that the
User Mode Linux artefact was built from.  Everything is built in copies below
build/style/, with -Werror, so that a second run compiles only what changed and
still sees every warning.  Read next: tree.py.
"""
from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

from tree import BUILD, KERNEL_FOLDERS, TOP, Check, Failure, Seed, Tree

JOBS = min(2, os.cpu_count() or 1)
MIRRORED = KERNEL_FOLDERS + ("ioctl-uapi",)


def need(program: str, package: str) -> str:
    found = shutil.which(program)
    if not found:
        raise Failure(f"{program} is not installed: apt-get install {package}")
    return found


@cache
def artefact(kernel: str) -> Path:
    done = subprocess.run([TOP / "nested/kernels", "get", kernel],
                          stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise Failure(f"no kernel to build against: `nested/kernels get {kernel}` failed")
    return Path(done.stdout.strip())


def kernel_script(name: str) -> Path:
    """Find a script of the kernel source, which only own kernels come with."""
    script = Path((artefact("uml") / "source").read_text().strip()) / "scripts" / name
    if not script.is_file():
        raise Failure(f"{script} is missing: nested/kernels clean uml")
    return script


# ---- building in a copy ----------------------------------------------------------

def put(path: Path, data: bytes) -> None:
    """Write @path unless it is like that already: make looks at the time."""
    if not path.is_file() or path.read_bytes() != data:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def copy_sources(tree: Tree, where: Path) -> None:
    wanted = tree.under(MIRRORED, (".c", ".h", ".S", ".def"))
    for name in wanted:
        put(where / name, tree.raw(name))
    for folder in MIRRORED:
        for path in (where / folder).rglob("*.[chS]"):
            if str(path.relative_to(where)) not in wanted:
                path.unlink()


def kbuild(kernel: str, where: Path, *arguments: str) -> tuple[int, str]:
    """Build @where as an external module; return make's status and output."""
    kdir = (artefact(kernel) / "kdir").read_text().strip()
    done = subprocess.run(["make", "-k", "-C", kdir, f"M={where}", f"-j{JOBS}", *arguments, "modules"],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    (where / "build.log").write_text(done.stdout)
    return done.returncode, done.stdout


def complaints(log: str, where: Path) -> list[str]:
    lines = [line for line in log.splitlines()
             if re.search(r"(error|warning):|undefined!|objtool:", line)
             and "Skipping BTF generation" not in line]
    return [line.replace(f"{where}/", "") for line in dict.fromkeys(lines)]


def build_whole(tree: Tree, kernel: str, where: Path, only: list[str] | None,
                *arguments: str) -> list[str]:
    """Build the module, or with @only just these files, and return complaints."""
    copy_sources(tree, where)
    text = tree.text("Kbuild")
    if only is not None:
        objects = " ".join(re.sub(r"\.[cS]$", ".o", name) for name in only)
        text = f"obj-m := seeded.o\nseeded-y := module/main.o {objects}\n"
    put(where / "Kbuild", text.encode())
    status, log = kbuild(kernel, where, *arguments)
    found = complaints(log, where)
    if only is None and status and not found:
        found = [f"the build for {kernel} failed: {where}/build.log"]
    if found and only is None:
        # objtool and modpost speak once: see what they say again next time.
        for path in where.rglob("*.o"):
            path.unlink()
    return found


def place(name: str, only: list[str] | None) -> Path:
    return BUILD / (name if only is None else "seeded-" + name)


def check_w1(kernel: str):
    def run(tree: Tree, only: list[str] | None) -> list[str]:
        return build_whole(tree, kernel, place(f"w1-{kernel}", only), only,
                           "W=1", "KCFLAGS=-Werror")
    return run


def check_sparse(tree: Tree, only: list[str] | None) -> list[str]:
    """C=2 runs sparse on each file, compiled or not."""
    need("sparse", "sparse")
    where = place("w1-6.1", only)
    problems = build_whole(tree, "6.1", where, only, "W=1", "KCFLAGS=-Werror", "C=2")
    log = (where / "build.log").read_text()
    if only is None and "  CHECK " not in log:
        problems.append(f"sparse was not called: {where}/build.log")
    return [line for line in problems if not line.startswith("make")]


# ---- headers ---------------------------------------------------------------------

def check_headers(tree: Tree, only: list[str] | None) -> list[str]:
    """Compile each header alone, twice in one file: nothing before it, guarded."""
    where = place("headers", only)
    copy_sources(tree, where)
    names = [name for name in only or tree.under(KERNEL_FOLDERS, (".h",)) if "/tests/" not in name]
    objects = []
    for name in names:
        stem = "alone_" + re.sub(r"\W", "_", name)
        put(where / f"{stem}.c", f'#include "{name}"\n#include "{name}"\n'.encode())
        objects.append(f"{stem}.o")
    put(where / "alone.c", b'#include <linux/module.h>\nMODULE_LICENSE("GPL");\n'
                           b'MODULE_DESCRIPTION("headers");\n')
    put(where / "Kbuild", f"obj-m := headers.o\nheaders-y := alone.o {' '.join(objects)}\n".encode())
    status, log = kbuild("6.1", where, "KCFLAGS=-Werror")
    found = complaints(log, where)
    return found or ([f"the build failed: {where}/build.log"] if status else [])


UAPI = "ioctl-uapi/vitrine.h"
USES = """#include "vitrine.h"
#include "vitrine.h"
int main(void) { return VTR_API_VERSION == 0; }
"""


def check_uapi(tree: Tree, only: list[str] | None) -> list[str]:
    """The ABI's header by itself: C11, C17 and C++, every warning an error."""
    problems = []
    where = place("uapi", only)
    put(where / "vitrine.h", tree.raw(UAPI))
    for suffix, compiler, standard in (("c", "gcc", "c11"), ("c", "gcc", "c17"),
                                       ("cc", "g++", "c++17")):
        program = where / f"uses.{suffix}"
        put(program, USES.encode())
        done = subprocess.run([need(compiler, compiler), f"-std={standard}", "-pedantic", "-Wall", "-Wextra",
                               "-Wpadded", "-Werror", "-fsyntax-only", str(program)],
                              stderr=subprocess.PIPE, text=True)
        problems += [f"{standard}: {line}" for line in done.stderr.splitlines() if "error:" in line]
    return problems


# ---- checkpatch and kernel-doc -----------------------------------------------------

# What checkpatch.pl is not asked, and why.
IGNORED = {
    "BIT_MACRO": "shifts in headers for programs, which have no BIT()",
    "COMPLEX_MACRO": "rows of the .def lists and of trace points are lists, not expressions",
    "CONSTANT_COMPARISON": "sees the version numbers of compat.h",
    "EMBEDDED_FUNCTION_NAME": "sees words such as step and run",
    "FILE_PATH_CHANGES": "there is no MAINTAINERS file",
    "LINUX_VERSION_CODE": "module/compat.h is the one place for it",
    "LONG_LINE_STRING": "messages stay in one piece, to be searched for",
    "MACRO_ARG_REUSE": "arguments of the table macros are constants",
    "MACRO_WITH_FLOW_CONTROL": "asm goto in vmx/insn.h is the flow control",
    "MULTIPLE_ASSIGNMENTS": "used for pairs that must stay equal",
    "MULTISTATEMENT_MACRO_USE_DO_WHILE": "rows that are expanded into statements",
    "OPEN_ENDED_LINE": "the rows of trace points end so",
    "TRAILING_SEMICOLON": "rows that are expanded into statements",
    "UNCOMMENTED_DEFINITION": "the kernel-doc comment describes the lock",
}
IGNORED_IN_PROGRAMS = {
    "ARRAY_SIZE": "a macro of the kernel",
    "AVOID_EXTERNS": "the exit label of an assembly file",
    "CAMELCASE": "names of libcjson, Zydis and ELF",
    "CONST_STRUCT": "about the kernel's structures",
    "FUNCTION_ARGUMENTS": "takes attributes for arguments",
    "LEADING_SPACE": "rows of macros outside of functions are aligned",
    "MEMORY_BARRIER": "sees functions named mb and the like",
    "NAKED_SSCANF": "asks for a macro of the kernel",
    "NEW_TYPEDEFS": "function types of callbacks",
    "PARENTHESIS_ALIGNMENT": "structures as arguments",
    "PREFER_DEFINED_ATTRIBUTE_MACRO": "macros of the kernel",
    "PREFER_KERNEL_TYPES": "programs use <stdint.h>",
    "PREFER_FALLTHROUGH": "a macro of the kernel",
    "QUOTED_WHITESPACE_BEFORE_NEWLINE": "help texts are laid out",
    "SPLIT_STRING": "help texts are laid out",
    "STATIC_CONST_CHAR_ARRAY": "about the kernel's modules",
    "STRCPY": "asks for a function of the kernel",
    "STRLCPY": "asks for a function of the kernel",
    "VOLATILE": "signal handlers and shared pages of programs need it",
    "YIELD": "about the kernel's scheduler",
}
# One file, one rule that cannot be kept there.
IGNORED_IN_FILE = {
    "module/state.c": {"OPEN_BRACE": "a typedef among the parameters"},
    "module/trace.h": {"PARENTHESIS_ALIGNMENT": "trace points are written as in the kernel"},
    "module/tests/state_kunit.c": {"SPACING": "a type that is a macro argument"},
    "module/tests/handle_kunit.c": {"PARENTHESIS_ALIGNMENT": "a structure as macro argument"},
    "userspace-tool/view/json.h": {"SPACING": "a pointer to a library's type"},
    "vmx/insn.h": {"SPACING": "names in asm strings"},
    "nested/bochs/headless.c": {"SPACING": "a pointer to a function, returning _Bool",
                                "LINE_SPACING": "the same, taken for a statement"},
    "tests/lib/tap.c": {"SPACING": "the colon of a condition, taken for a label"},
    "tests/guests/guest.h": {"SPACING": "macros of the assembler"},
    "labs/machine/lab_guest.h": {"SPACING": "macros of the assembler"},
    "tests/ioctl/thread_test.c": {"TYPO_SPELLING": "a member of <asm/ldt.h>",
                                  "ENOSYS": "a call that a kernel may lack"},
    "module/rare.c": {"YIELD": "a vCPU that spins gives its core away; nothing depends on it"},
    "tests/fuzz/guest_fuzz.c": {"MACRO_ARG_PRECEDENCE": "a member's name"},
    "tests/ioctl/mmio_twin_test.c": {"SPACING": "an array as an expression"},
    "tests/life/borrow/borrow.c": {"SPACING": "names in asm strings"},
    "tests/life/peek/peek.c": {"SPACING": "names in asm strings"},
}
IN_KERNEL = KERNEL_FOLDERS + ("ioctl-uapi",)


def excused(line: str) -> bool:
    name, kind = re.match(r"([^:]*)(?::\d+: \w+:(\w+))?", line).groups()
    return kind in IGNORED_IN_FILE.get(name, {})


def checkpatch_lines(names: list[str], ignored: set[str], texts: dict[str, bytes]) -> list[str]:
    """Run checkpatch.pl on those of @names that were not clean before."""
    script = kernel_script("checkpatch.pl")
    salt = script.read_bytes() + " ".join(sorted(ignored)).encode()
    clean = BUILD / "checkpatch-clean"
    clean.mkdir(parents=True, exist_ok=True)
    marks = {name: clean / hashlib.sha256(salt + name.encode() + texts[name]).hexdigest()
             for name in names}
    copy = BUILD / "checkpatch"
    shutil.rmtree(copy, ignore_errors=True)
    todo = [name for name in names if not marks[name].exists()]
    for name in todo:
        put(copy / name, texts[name])
    if not todo:
        return []
    done = subprocess.run([need("perl", "perl"), str(script), "--no-tree", "--strict", "--terse",
                           "--show-types", "--no-summary", "--ignore", ",".join(sorted(ignored)), "--file", *todo],
                          cwd=copy, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    lines = [line for line in done.stdout.splitlines() if line]
    if done.returncode and not lines:
        lines = [f"checkpatch.pl ended with status {done.returncode}"]
    lines = [line for line in lines if not excused(line)]
    for name in todo:
        if not any(name in line for line in lines):
            marks[name].touch()
    return lines


def check_checkpatch(tree: Tree, only: list[str] | None) -> list[str]:
    names = [name for name in (only or tree.files) if name.endswith((".c", ".h", ".S"))]
    texts = {name: tree.raw(name) for name in names}
    kernel = [name for name in names if name.split("/")[0] in IN_KERNEL]
    programs = [name for name in names if name not in kernel]
    return (checkpatch_lines(kernel, set(IGNORED), texts)
            + checkpatch_lines(programs, set(IGNORED) | set(IGNORED_IN_PROGRAMS), texts))


MEMBERS = re.compile(r"^ \* @\w+(?:, @\w+)+: .*", re.M)


def one_by_one(match: re.Match[str]) -> str:
    """Turn " * @a, @b: text" into a line for each member."""
    names, text = match[0].removeprefix(" * ").split(": ", 1)
    return "\n".join(f" * {name}: {text}" for name in names.split(", "))


def check_kernel_doc(tree: Tree, only: list[str] | None) -> list[str]:
    """Each /** comment describes what follows it completely.  One line may
    describe several members, which kernel-doc itself does not know."""
    where = place("kernel-doc", only)
    shutil.rmtree(where, ignore_errors=True)
    names = only or tree.under(KERNEL_FOLDERS, (".c", ".h"))
    names = [name for name in names if "\n/**\n" in tree.text(name)]
    for name in names:
        put(where / name, MEMBERS.sub(one_by_one, tree.text(name)).encode())
    if not names:
        return ["no file has a kernel-doc comment"]
    done = subprocess.run([need("perl", "perl"), str(kernel_script("kernel-doc")), "-none", "-Werror", *names],
                          cwd=where, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    lines = [line for line in done.stdout.splitlines() if re.search("warning|error", line, re.I)]
    return lines if done.returncode else []


IGNORED_IN_SHELL = {
    "SC2034": "variables for the script that sources this one",
    "SC2154": "variables of a sourced script",
    "SC3043": "dash and busybox have local",
    "SC3044": "takes a function of the script for a command of bash",
}


def check_shell(tree: Tree, only: list[str] | None) -> list[str]:
    where = place("shell", only)
    shutil.rmtree(where, ignore_errors=True)
    names = [name for name in (only or tree.files)
             if name.endswith(".sh") or re.match(rb"#!\S*(/env )?\S*\b(ba)?sh\b", tree.raw(name))]
    for name in names:
        put(where / name, tree.raw(name))
    # Parts that others source have no first line: they are for any POSIX shell.
    parts = [name for name in names if not tree.raw(name).startswith(b"#!")
             and b"# shellcheck shell=" not in tree.raw(name)]
    lines = []
    for group, shell in ((parts, ["-s", "dash"]), ([n for n in names if n not in parts], [])):
        if group:
            done = subprocess.run([need("shellcheck", "shellcheck"), "-f", "gcc", "-S", "warning", *shell,
                                   "-e", ",".join(IGNORED_IN_SHELL), *group],
                                  cwd=where, stdout=subprocess.PIPE, text=True)
            lines += done.stdout.splitlines()
    return lines


# ---- the list --------------------------------------------------------------------

def appended(text: str):
    return lambda old: f"{old}\n{text}\n"


CHECKS = [
    Check("headers stand by themselves", check_headers, [
        Seed("a header that needs another before it", "module/seeded.h",
             lambda _: "/* SPDX-License-Identifier: GPL-2.0-only */\nextern struct vtr_vm seeded_vm;\n"
                       "static inline u32 seeded(struct vtr_vm *vm) { return vm->id; }\n", "error:"),
        Seed("a header without guard", "module/seeded.h",
             lambda _: "struct seeded { int x; };\n", "redefinition"),
    ]),
    Check("the ABI's header stands by itself, in C and C++", check_uapi, [
        Seed("a hole in a structure", UAPI,
             appended("struct seeded { __u8 a; __u64 b; };"), "padding"),
        Seed("a word of C only", UAPI,
             appended("static inline int seeded(int class) { return class; }"), "c++17"),
    ]),
    Check("checkpatch.pl is content", check_checkpatch, [
        Seed("spaces instead of tabs", "module/seeded.c",
             lambda _: "// SPDX-License-Identifier: GPL-2.0-only\nint seeded(void)\n{\n"
                       "        return 0;\n}\n", "CODE_INDENT"),
        Seed("a barrier without reason", "module/seeded.c",
             lambda _: "// SPDX-License-Identifier: GPL-2.0-only\nvoid seeded(void)\n{\n"
                       "\tsmp_mb();\n}\n", "MEMORY_BARRIER"),
    ]),
    Check("no warning with W=1 on 6.1", check_w1("6.1"), [
        Seed("a function without prototype", "module/seeded.c",
             lambda _: "int seeded(void);\nint seeded_too(int x)\n{\n\treturn x;\n}\n",
             "no previous prototype"),
    ]),
    Check("no warning with W=1 on 6.12", check_w1("6.12"), [
        Seed("a variable never read", "module/seeded.c",
             lambda _: "void seeded(void);\nvoid seeded(void)\n{\n\tint x;\n\n\tx = 1;\n}\n",
             "set but not used"),
    ]),
    Check("no warning from sparse on 6.1", check_sparse, [
        Seed("a user pointer that is followed", "module/seeded.c",
             lambda _: "#include <linux/types.h>\nint seeded(int __user *p);\n"
                       "int seeded(int __user *p)\n{\n\treturn *p;\n}\n", "dereference of noderef"),
    ]),
    Check("kernel-doc comments are complete", check_kernel_doc, [
        Seed("a parameter that is not described", "module/seeded.c",
             lambda _: "\n/**\n * seeded() - nothing\n * @a: one\n */\nint seeded(int a, int b)\n"
                       "{\n\treturn a + b;\n}\n", "'b' not described"),
    ]),
    Check("shell scripts are sound", check_shell, [
        Seed("a loop over the output of ls", "tests/seeded.sh",
             lambda _: "#!/bin/sh\nset -eu\nfor f in $(ls); do echo \"$f\"; done\n", "SC2045"),
    ]),
]
