"""The command line: finds the verb, starts it, and turns whatever goes wrong into one line and an exit code.

Invariant: nothing is imported before it is needed. `casemate run` stands in front of every start of a program, so this
module itself loads nothing, and no verb loads another.
"""

import gc
import os
import sys

TYPE_CHECKING = False  # `typing` itself takes its time
if TYPE_CHECKING:
    from typing import Never

# Each verb is a module of this folder. The line is the first one of its docstring (a test compares them): help for all
# verbs must not load all verbs.
VERBS = {
    "audit": "Report what is dangerous in Python code; change and run nothing.",
    "explain": "Print what a rule means: why, how to fix it, and what it is known to miss.",
    "rules": "List the rules.",
    "policy": "Work out what a program must be allowed; show, export and accept a policy.",
    "run": "Start a program confined to what its policy grants.",
    "verify": "Attack the sandbox: do the same forbidden acts outside and inside, and say which were withheld.",
    "backends": "Say what can confine a program on this host, and which capabilities it withholds.",
}
STARTS_A_TARGET = "run"
ALLOCATIONS = 100_000  # between two collections: what a start allocates is modules, and they stay


def main(argv: list[str]) -> int:
    """Do what the arguments ask for and give the exit code. Nothing is raised."""
    try:
        code = _start(argv)
        if sys.stdout is not None:  # pyright: ignore[reportUnnecessaryComparison] -- None where a caller closed it
            sys.stdout.flush()  # here and not at exit, so that a full disk or a closed pipe gets its exit code
    except BaseException as error:  # noqa: BLE001 -- the one place where errors become exit codes
        from casemate.cli.ending import ending  # noqa: PLC0415 -- loaded only when something went wrong

        return ending(error, argv[0] if argv else "")
    return code


def leave(code: int, argv: list[str]) -> "Never":
    """End the process of the command with the code that `main` gave.

    After a run everything is written and closed, and what the interpreter would tidy up takes as long as starting it.
    """
    if argv[:1] == [STARTS_A_TARGET]:
        os._exit(code)
    sys.exit(code)


def _start(argv: list[str]) -> int:
    """Start the verb that the first argument names."""
    match argv:
        case ["run", *rest]:
            gc.set_threshold(ALLOCATIONS)
            from casemate.cli import bundle  # noqa: PLC0415 -- the fast path loads nothing else

            alone = bool(sys.flags.isolated and sys.flags.no_site)  # in other processes somebody may read docstrings
            bundled = alone and bundle.use()
            from casemate.cli.run import main as run  # noqa: PLC0415 -- likewise
            from casemate.cli.signals import raise_on_interrupt  # noqa: PLC0415 -- only now is there something to end

            raise_on_interrupt()
            code = run(rest)
            if alone and not bundled:
                bundle.make()
            return code
        case [verb, *rest] if verb in VERBS:
            from casemate.cli.arguments import run_verb  # noqa: PLC0415 -- argparse only where it is used

            return run_verb(verb, rest)
        case _:
            from casemate.cli.front import front  # noqa: PLC0415 -- likewise

            return front(argv)
