"""A word of a command that begins with `-` is an option, whoever wrote it.

## Why
No shell reads the list that `subprocess.run` is given, and still `["git", "fetch", name]` runs a command where the name
is `--upload-pack=…`. Many programs run others, or write files, by their options: `ssh -oProxyCommand=`,
`tar --to-command=`, `curl -o`.

## Fix
Put `--` before words from outside, where the program knows it. Or put a beginning of your own before them: `./` before
a path, `https://` before an address.

## Known misses
Programs that are not in the table of this rule: most can do no more than fail. Programs that do not know `--` and take
an option behind it. Lists that are put together in a way the analysis does not follow. Words of an option that takes
the next word are believed to be values.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from casemate.model.capability import Capability
from casemate.model.finding import Confidence, Severity
from casemate.model.location import Location
from casemate.model.rule import Hit
from casemate.readers.code import Call, Code, FlowHit, Value
from casemate.rules import judge, programs, rule

EXAMPLE = """
    import subprocess
    from flask import Flask, request

    app = Flask(__name__)


    @app.route("/history")
    def history():
        name = request.args["name"]
        subprocess.run(["git", "log", name])  # flag
        subprocess.check_output(["ssh", name, "uptime"])  # flag
        subprocess.run(["git", "log", "--", name])
        subprocess.run(["git", "commit", "-m", name])
        subprocess.run(["git", "log", f"refs/heads/{name}"])
        subprocess.run(["echo", name])
        return ""
"""


@rule(
    severity=Severity.MEDIUM,
    confidence=Confidence.MEDIUM,
    cwe=88,
    kinds=("argument",),
    capabilities=(
        Capability.PROC_SPAWN,
        Capability.FS_WRITE,
    ),
    example=EXAMPLE,
)
def argument_injection(code: Code) -> Iterator[Hit]:
    """Report remote words that a program of the table may take for an option."""
    places: dict[Location, tuple[FlowHit, str]] = {}
    for found in sorted(code.flows("argument"), key=judge.rank):
        if not found.trust.far or found.location in places:
            continue
        effect = next((effect for call in code.ends(found) if (effect := danger(found, call))), "")
        if effect:
            places[found.location] = (found, effect)
    for found, effect in places.values():
        message = f"{{source}} may be an option of the program that {{sink}} starts: {effect}"
        yield judge.hit(replace(found, sure=found.sure and found.item is not None), message, Severity.MEDIUM)


def danger(found: FlowHit, call: Call) -> str:
    """Tell what an option of the started program does, "" where the word that was found cannot be one."""
    known = words(found, call)
    row, rest = programs.found(known)
    if row is None:
        return ""
    if found.item is None:  # it stands somewhere behind those that are known
        ended = any(word.constant == "--" for word in rest) or (bool(rest) and rest[-1].constant in row.takes)
        return "" if ended else row.effect
    return row.effect if found.item - len(known) + len(rest) in programs.open_places(row, rest) else ""


def words(found: FlowHit, call: Call) -> Sequence[Value]:
    """Give the words of the command as far as their places are known, the program first."""
    if not found.argument.startswith("*"):
        given = call.argument(found.argument)
        return given.items or () if given is not None else ()
    before = call.parameters.index(found.argument)
    return call.positional[before - 1 if call.parameters[before - 1] == "program" else before :]
