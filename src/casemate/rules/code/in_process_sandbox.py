"""Code of others is to be held back by the interpreter that runs it.

## Why
Python has no privilege separation inside the interpreter. With empty `__builtins__` one line leads back to
everything: `().__class__.__base__.__subclasses__()`. RestrictedPython, audit hooks and rewritten syntax trees have
each been got around more than once, by frames of generators, `str.format` or exceptions.

## Fix
Run the code in a process that the operating system confines: `casemate run`, a container, a virtual machine. What is
inside the interpreter may observe; it cannot deny.

## Known misses
Checks of source text or syntax trees before `eval`. It is not seen whether the process is confined from outside as
well. Where the program writes the beginning of a function itself and puts in the names of its parameters
(`f"lambda {names}: …"`), severity is info: nobody is to be held back, the names are to be checked.
"""

import re
from collections.abc import Iterator

from casemate.model.capability import Capability
from casemate.model.finding import Confidence, Severity
from casemate.model.rule import Hit
from casemate.readers.code import Call, Code
from casemate.rules import rule
from casemate.rules.naming import in_tests

HEAD = re.compile(r"\s*(?:lambda\b|(?:async\s+)?def\s)[^:]*$")  # of a function, up to a name of a parameter
RESTRICTED = ("RestrictedPython.*", "asteval.Interpreter")

EXAMPLE = """
    import sys
    from RestrictedPython import compile_restricted

    eval(formula, {"__builtins__": {}})  # flag
    names = {"x": 1, "__builtins__": None}
    exec(program, names)  # flag
    byte_code = compile_restricted(program, "<inline>", "exec")  # flag
    sys.addaudithook(deny)  # flag
    exec(program, {"__builtins__": __builtins__})
    exec(program, {"x": 1})
    eval(f"lambda x: {formula}", {"__builtins__": {}})  # flag
    eval("1 + 1", {"__builtins__": {}})
"""


def runs_or_compiles(call: Call) -> bool:
    """Tell whether restricted code is made here; guards and builtins for it are prepared elsewhere."""
    return not call.name.startswith("RestrictedPython.") or "compile" in call.name.rpartition(".")[2].lower()


def relied_on(code: Code, call: Call) -> bool:
    """Tell whether code that is not constant runs with names in which the builtins are hidden."""
    source, names = call.argument("source", 0), call.argument("globals", 1)
    if source is None or source.known or names is None:
        return False
    if names.entries is not None:
        return any(
            key == "__builtins__" and (value.constant is None or value.entries is not None)
            for key, value in names.entries
        )
    return any(
        given.target == "__builtins__"
        and given.function == call.function
        and (given.value.constant is None or given.value.text.startswith("{"))
        for given in code.assignments()
    )


@rule(
    severity=Severity.HIGH,
    confidence=Confidence.MEDIUM,
    cwe=(693, 265),
    needles=("__builtins__", "RestrictedPython", "addaudithook", "asteval"),
    capabilities=(Capability.CODE_EVAL,),
    example=EXAMPLE,
)
def in_process_sandbox(code: Code) -> Iterator[Hit]:
    """Flag emptied builtins, RestrictedPython, asteval and audit hooks."""
    test = Severity.LOW if in_tests(code.path) else None
    for call in code.calls("eval", "exec"):
        if relied_on(code, call):
            severity = Severity.INFO if HEAD.match(call.positional[0].prefix) else test
            yield Hit(call.location, "empty __builtins__ hold nobody back", severity=severity)
    for call in (call for call in code.calls(*RESTRICTED) if runs_or_compiles(call)):
        yield Hit(call.location, "restrictions inside the interpreter have been got around before")
    for call in code.calls("sys.addaudithook"):
        yield Hit(call.location, "an audit hook observes and is no boundary", severity=Severity.LOW)
