"""A file or folder that every user of the machine may change.

## Why
Whoever has any account on the machine, or gets into any service on it, can then change what the program reads, and
what it runs if the file is a script, a configuration or a library.

## Fix
Give the least that works: `0o600` for what only the program reads, `0o644` for what others may read, `0o750` for
folders. Share with a group instead of with everybody.

## Known misses
Modes that are put together at run time. Modes of `os.open` and `os.mkdir`: the umask takes the bit away, unless it was
set to 0, which is reported. Modes that only let others read. A mode that lets the group write is a note of severity
info.
"""

import re
from collections.abc import Iterator

from casemate.model.capability import Capability
from casemate.model.finding import Confidence, Severity
from casemate.model.rule import Hit, Needle
from casemate.readers.code import Call, Code, Value
from casemate.rules import rule
from casemate.rules.naming import in_tests

MODES = {"os.chmod": 1, "os.fchmod": 1, "os.lchmod": 1, "pathlib.Path.chmod": 0, "pathlib.Path.lchmod": 0}
RUNNERS = tuple(f"subprocess.{name}" for name in ("run", "call", "check_call", "check_output", "Popen"))
OTHERS_WRITE, GROUP_WRITES, STICKY = 0o002, 0o020, 0o1000
NAMED, GROUP_NAMED = re.compile(r"\bS_I(?:WOTH|RWXO)\b"), re.compile(r"\bS_I(?:WGRP|RWXG)\b")
DECIMAL = re.compile(r"[1-7][0-7]{2}")
FOR_ALL = re.compile(r"[0-7]?[0-7]{2}[2367]|(?=[ug]*[ao])[augo]+\+[rxX]*w[rxX]*|\+[rxX]*w[rxX]*")
PERHAPS = re.compile(rb"\A(?!.*\b0o[0-7]*[0145]{2}\s*\)\Z)", re.DOTALL)  # a call that ends in no harmless literal

EXAMPLE = """
    import os
    import stat
    import subprocess
    from pathlib import Path

    os.chmod("settings.ini", 0o777)  # flag
    os.chmod("settings.ini", stat.S_IRUSR | stat.S_IWOTH)  # flag
    Path("settings.ini").chmod(0o666)  # flag
    subprocess.run(["chmod", "-R", "777", "plugins"])  # flag
    os.chmod("settings.ini", 600)  # flag
    os.chmod("settings.ini", 0o664)  # flag
    os.umask(0)  # flag
    os.chmod("settings.ini", 0o640)
    os.chmod("spool", 0o1777)
    os.chmod("settings.ini", mode & ~stat.S_IWOTH)
    subprocess.run(["chmod", "755", "plugins"])
    before = os.umask(0)
    os.umask(before)
"""


def lets_all_write(mode: Value | None) -> bool:
    """Tell whether a mode lets everybody write; with the sticky bit, not the files of others."""
    if mode is None:
        return False
    if isinstance(mode.constant, int):
        sticky = mode.constant & STICKY and not DECIMAL.fullmatch(mode.text)  # 777 is 0o1411: nobody meant that
        return bool(mode.constant & OTHERS_WRITE) and not sticky
    return NAMED.search(mode.text) is not None and "~" not in mode.text and "S_ISVTX" not in mode.text


def meant_octal(mode: Value | None) -> bool:
    """Tell whether a mode is written with three digits as for the shell, which Python reads as a decimal number."""
    return mode is not None and DECIMAL.fullmatch(mode.text) is not None


def lets_group_write(mode: Value | None) -> bool:
    """Tell whether a mode lets everybody of a group write."""
    if mode is None:
        return False
    if isinstance(mode.constant, int):
        return bool(mode.constant & GROUP_WRITES) and not mode.constant & STICKY
    return GROUP_NAMED.search(mode.text) is not None and "~" not in mode.text and "S_ISVTX" not in mode.text


def words(call: Call) -> list[str]:
    """Give the words of a command as far as they are known."""
    command = call.argument("args", 0) or call.argument("command", 0)
    if command is None:
        return []
    if command.items is not None:
        return [word.constant for word in command.items if isinstance(word.constant, str)]
    text = command.constant if isinstance(command.constant, str) else command.prefix
    return text.split()


def runs_chmod(call: Call) -> bool:
    """Tell whether a command is `chmod` with a mode for everybody."""
    known = words(call)
    program = next((place for place, word in enumerate(known[:2]) if word.rpartition("/")[2] == "chmod"), None)
    mode = next((word for word in known[program + 1 :] if not word.startswith("-")), "") if program is not None else ""
    return FOR_ALL.fullmatch(mode) is not None


@rule(
    severity=Severity.LOW,
    confidence=Confidence.HIGH,
    cwe=732,
    needles=(Needle("chmod", r"(?:\s*\(|[\"' ])"), Needle("umask", r"\s*\(")),
    capabilities=(Capability.FS_WRITE,),
    example=EXAMPLE,
)
def world_writable_file(code: Code) -> Iterator[Hit]:
    """Flag constant modes that let everybody write, and a umask that lets every new file be so."""
    test = Severity.INFO if in_tests(code.path) else None
    for call in code.calls(*MODES, having=PERHAPS):
        mode = call.argument("mode", MODES[call.name])
        if lets_all_write(mode):
            yield Hit(call.location, "every user of the machine may change this", severity=test)
        elif mode is not None and meant_octal(mode):
            yield Hit(call.location, f"{mode.text} is a decimal number: 0o{mode.text} was meant", severity=test)
        elif lets_group_write(mode):
            yield Hit(call.location, "everybody of the group may change this", severity=Severity.INFO)
    for call in code.calls("os.system", *RUNNERS):
        if runs_chmod(call):
            yield Hit(call.location, "every user of the machine may change this", severity=test)
    kept = {given.value.location for given in code.assignments()}  # to read the umask it has to be set
    for call in code.calls("os.umask"):
        mask = call.argument("mask", 0)
        if mask is not None and mask.constant == 0 and call.location not in kept:
            message = "every user of the machine may change the files that are made from here on"
            yield Hit(call.location, message, severity=test)
