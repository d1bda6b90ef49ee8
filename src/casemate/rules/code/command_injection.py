"""Text from outside becomes a command, or part of one.

## Why
A shell reads `;`, `|`, `$( )` and much more. Whoever writes a part of the command line starts programs as you.
Without a shell, whoever chooses the program does the same, or the file that an interpreter runs (`["python3", name]`).
An argument that begins with `-` is an option.

## Fix
Pass a list, without `shell=True`, with a constant program first, and `--` before arguments from outside.
`shlex.quote` is right for a POSIX shell only.

## Known misses
A program that the starter chooses is reported only where a shell reads the line: the starter could run it too.
Options of the started program that run commands (`tar --to-command`, `git -c`). Programs without a library model.
"""

from collections.abc import Iterator

from casemate.model.capability import Capability
from casemate.model.finding import Confidence, Severity
from casemate.model.rule import Hit
from casemate.readers.code import Code, FlowHit
from casemate.rules import judge, rule

OF_PYTHON_2 = {f"{module}.popen{number}" for module in ("os", "popen2") for number in (2, 3, 4)}
SHELLS = OF_PYTHON_2.union(
    ["os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput", "platform.popen"],
    ["asyncio.create_subprocess_shell", "asyncio.AbstractEventLoop.subprocess_shell"],
)

EXAMPLE = """
    import os
    import shlex
    import subprocess
    import sys
    from flask import Flask, request

    app = Flask(__name__)


    @app.route("/ping")
    def ping():
        host = request.args["host"]
        os.system("ping -c 1 " + host)  # flag
        subprocess.run(f"ping -c 1 {host}", shell=True)  # flag
        subprocess.run([host, "-c", "1"])  # flag
        subprocess.run(["python3", host])  # flag
        subprocess.run(["ping", "-c", "1", "--", host])
        subprocess.run(["ls", "-l"])
        subprocess.run("ping " + shlex.quote(host), shell=True)
        return ""


    os.system("ls " + sys.argv[1])  # flag
    subprocess.run([sys.argv[1], "--version"])
"""


@rule(
    severity=Severity.CRITICAL,
    confidence=Confidence.HIGH,
    cwe=(78, 88),
    kinds=("command",),
    capabilities=(
        Capability.PROC_SPAWN,
        Capability.PROC_SHELL,
    ),
    example=EXAMPLE,
)
def command_injection(code: Code) -> Iterator[Hit]:
    """Report remote values in a command line or as the program, and local ones in the line of a shell."""
    message = "{source} becomes a command, or part of one, in {sink}"
    for found in judge.worst(code, "command"):
        if found.trust.far:
            yield judge.hit(found, message, Severity.CRITICAL)
        elif through_shell(code, found):
            yield judge.hit(found, message, Severity.LOW)


def through_shell(code: Code, found: FlowHit) -> bool:
    """Tell whether the command is read by a shell: who starts a program may choose what it starts."""
    if found.sink in SHELLS or found.item is not None:  # the word behind `-c` of a shell
        return True
    return any((given := call.argument("shell")) is not None and given.constant is True for call in code.ends(found))
