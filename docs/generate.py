# ruff: noqa: INP001 -- a script beside the pages that it writes
"""Write the reference pages that are made from the code, or compare them with it (`--check`).

A page that can be generated is never edited by hand: what it says stands in one place, beside what it speaks of.
"""

import re
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from enum import EnumType
from inspect import cleandoc, signature
from io import BytesIO, TextIOWrapper
from pathlib import Path
from textwrap import dedent

import casemate
from casemate.cli import VERBS
from casemate.cli import main as main_of_casemate
from casemate.model.capability import Capability
from casemate.model.classes import CLASSES
from casemate.model.rule import Rule
from casemate.policy.export import TARGETS, Target
from casemate.policy.export.claims import COMMIT, QUOTA, SELF_TEST
from casemate.readers.code import Code
from casemate.readers.runtimes import EVERY, collected, known, runtimes
from casemate.rules import about_code
from casemate.verify import catalogue

WIDTH = 110  # characters of a line of code
EVERYWHERE = f"in every target | {COMMIT}; {QUOTA}; {SELF_TEST}"
REFERENCE = Path(__file__).parent / "reference"


def cwes(rule: Rule[Code]) -> str:
    """Link the weaknesses of a rule."""
    return ", ".join(f"[CWE-{number}](https://cwe.mitre.org/data/definitions/{number}.html)" for number in rule.cwe)


def section(rule: Rule[Code]) -> str:
    """Give the documentation of one rule, one level deeper, with its metadata and its example."""
    summary, _, rest = rule.documentation.partition("\n")
    gained = ", ".join(f"`{capability}`" for capability in rule.capabilities) or "nothing by itself"
    return (
        f"## {rule.name}\n{summary}\n\n"
        f"Severity {rule.severity}, confidence {rule.confidence}, evidence {rule.evidence}, {cwes(rule)}. "
        f"Who uses it gains: {gained}.\n\n"
        f"{rest.strip().replace('## ', '### ')}\n\n"
        f"### Example\nThe marked lines are found and no others.\n```python\n{dedent(rule.example).strip()}\n```\n"
    )


def rules_page() -> str:
    """Give the page of all rules about code."""
    rules = about_code()
    table = "".join(
        f"| [{rule.name}](#{rule.name}) | {rule.severity} | {rule.evidence} | {rule.summary} |\n" for rule in rules
    )
    head = (
        "# Rules\nMade from `src/casemate/rules/code/` by `docs/generate.py`; `casemate explain RULE` prints one.\n"
        "A finding may be milder than its rule: a flow from the command line is not one from the network.\n\n"
        "| rule | severity | evidence | what it finds |\n|---|---|---|---|\n"
    )
    return head + table + "\n" + "\n".join(section(rule) for rule in rules)


def helped(*arguments: str) -> str:
    """Give what the command prints when it is asked for help."""
    with redirect_stdout(TextIOWrapper(BytesIO(), encoding="utf-8")) as printed:
        main_of_casemate([*arguments, "--help"])
        printed.seek(0)
        return printed.read()


def cli_page() -> str:
    """Give the page of all verbs: their help, as it is printed."""
    sub_verbs = (("policy", "infer"), ("policy", "show"), ("policy", "export"), ("policy", "trust"))
    head = (
        "# The command line\nWhat each verb prints when it is asked for `--help`; made from the code by "
        "`docs/generate.py`.\nThe exit codes stand on [a page of their own](exit-codes.md).\n"
    )
    names = [(), *((verb,) for verb in VERBS), *sub_verbs]
    blocks = [
        f"\n## {' '.join(('casemate', *name))}\n```text\n{helped(*name).rstrip()}\n```\n"
        for name in sorted(names, key=lambda name: [*VERBS, ""].index((*name, "")[0]) if name else -1)
    ]
    return head + "".join(blocks)


def public(name: str) -> str:
    """Give the documentation of one public name: how it is called, and what it says of itself."""
    value: object = getattr(casemate, name)
    text = cleandoc(getattr(value, "__doc__", "") or "")
    if isinstance(value, EnumType):
        members = ", ".join(f"`{member.name}`" for member in value)
        return f"\n### {name}\n{text}\n\nMembers: {members}.\n"
    lines = f"{name}{signature(value)}" if callable(value) and not is_error(value) else name  # type: ignore[arg-type]  # -- callable
    return f"\n### {name}\n```text\n{spread(lines)}\n```\n{text}\n"


def is_error(value: object) -> bool:
    """Tell whether a public name is an exception; how one is made is nobody's business."""
    return isinstance(value, type) and issubclass(value, Exception)


def spread(call: str) -> str:
    """Put a long signature on several lines, one parameter on each."""
    call = re.sub(r"\b(?!os\b)(?:\w+\.)+(?=[A-Z]\w*[a-z])", "", call)  # names without their modules
    call = re.sub(r"<(\w+\.[A-Z_]+): [^>]*>", r"\1", call)
    if len(call) <= WIDTH:
        return call
    head, _, rest = call.partition("(")
    inner, _, result = rest.rpartition(")")
    parts, depth = [""], 0
    for letter in inner:
        depth += (letter in "[(") - (letter in "])")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return head + "(\n" + "".join(f"    {part.strip()},\n" for part in parts) + ")" + result


def api_page() -> str:
    """Give the page of the Python interface: every public name."""
    functions = [name for name in casemate.__all__ if name[0].islower()]
    nouns = [name for name in casemate.__all__ if name not in functions]
    head = f"# The Python interface\nMade from the code by `docs/generate.py`. {cleandoc(casemate.__doc__ or '')}\n"
    return f"{head}\n## Functions\n{''.join(map(public, functions))}\n## Types\n{''.join(map(public, nouns))}"


def verify_page() -> str:
    """Give the page of the attack battery: every probe with its class and its reference."""
    probes = catalogue()
    kinds = dict.fromkeys(probe.kind for probe in probes)
    head = (
        f"# The attack battery\nThe {len(probes)} acts of `casemate verify`, by class; made from "
        "`src/casemate/verify/probes/` by `docs/generate.py`.\nA reference is a manual page (`mount(2)`), a weakness "
        "or a vulnerability by its number, a technique of MITRE ATT&CK, a\ndocument of the kernel or of Python, or an "
        "issue of a public project (`owner/name#1`). Where a probe has grants, they are\non canaries.\n"
    )
    return head + "".join(
        f"\n## {kind}\n{CLASSES.get(kind, 'A capability without classes').capitalize()}.\n\n"
        "| probe | act | granted | reference |\n|---|---|---|---|\n"
        + "".join(
            f"| {probe.name} | {probe.summary} | {', '.join(probe.granted)} | {probe.reference} |\n"
            for probe in probes
            if probe.kind == kind
        )
        for kind in sorted(kinds)
    )


def export_page() -> str:
    """Give the page of the targets of `policy export`: what each withholds, and what it does not."""
    head = (
        "# What an exported policy withholds\nMade from `src/casemate/policy/export/` by `docs/generate.py`; how to "
        "export one says\n[a page of its own](../how-to/export-a-policy.md). **no**: nothing of the target withholds "
        "it, or not all of it, although a\npolicy denies or limits it. What withholds the others, and why the rest is "
        "not withheld, stands below. This speaks of\nwhat is written and not of a host: nothing tries it there.\n\n"
    )
    held = [target.claims.held for target in TARGETS.values()]
    rows = "".join(
        f"| `{capability}` | {' | '.join('yes' if capability in one else '**no**' for one in held)} |\n"
        for capability in Capability
        if capability.enforceable
    )
    table = f"| | {' | '.join(TARGETS)} |\n|---|{'---|' * len(TARGETS)}\n{rows}"
    return head + table + "".join(f"\n## {name}\n{target_section(target)}" for name, target in TARGETS.items())


def target_section(target: Target) -> str:
    """Say of one target what it writes, what withholds what, what nothing withholds, and what it does not give."""
    claims = target.claims
    by = dict[str, list[str]]()
    for capability, how in claims.held.items():
        by.setdefault(how, []).append(f"`{capability}`")
    said = f"Writes {target.what}.\n\n| withheld | by |\n|---|---|\n"
    said += "".join(f"| {', '.join(names)} | {how} |\n" for how, names in by.items())
    said += "\n| not withheld | because |\n|---|---|\n"
    said += "".join(f"| `{capability}` | {why} |\n" for capability, why in claims.wider.items())
    said += "".join(f"| {loss.item} | {loss.reason} |\n" for loss in claims.also)
    said += f"| {EVERYWHERE} |\n"
    said += "\n| not given | because |\n|---|---|\n"
    said += "".join(f"| `{capability}` | {why} |\n" for capability, why in claims.absent.items())
    return said + (f"\n`net.connect` to an address is given and opens more: {claims.opens}.\n" if claims.opens else "")


def advisories_page() -> str:
    """Give the page of the advisories that are known of runtimes."""
    head = (
        "# Advisories of runtimes\nWhat `casemate backends` knows of the runtimes that backends use; made from "
        f"`src/casemate/readers/runtimes/advisories.toml`\nby `docs/generate.py`. The sources were read on "
        f"{collected()}; what came later is not here. The ranges are those of the authors:\na distribution may have "
        "fixed a version that is in one of them.\n"
    )
    return head + "".join(
        f"\n## {runtime}\n| | what | which versions, source |\n|---|---|---|\n"
        + "".join(f"| {one.id} | {one.summary} | {one.note} |\n" for one in known(runtime, EVERY))
        for runtime in runtimes()
    )


PAGES: dict[str, Callable[[], str]] = {
    "verify.md": verify_page,
    "cli.md": cli_page,
    "rules.md": rules_page,
    "python.md": api_page,
    "policy-export.md": export_page,
    "runtime-advisories.md": advisories_page,
}


def stale() -> list[str]:
    """Name the pages that differ from the code."""
    return [
        name
        for name, make in PAGES.items()
        if not (REFERENCE / name).exists() or (REFERENCE / name).read_text(encoding="utf-8") != make()
    ]


def main() -> int:
    """Write every page; with --check, only say which ones are old and end with 1."""
    if "--check" in sys.argv[1:]:
        for name in stale():
            sys.stderr.write(f"docs/reference/{name} differs from the code: run python docs/generate.py\n")
        return 1 if stale() else 0
    for name, make in PAGES.items():
        (REFERENCE / name).write_text(make(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
