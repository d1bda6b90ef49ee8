"""Say what can confine a program on this host, and which capabilities it withholds."""

import json
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from dataclasses import dataclass

from casemate.cli import installing
from casemate.cli.output import show
from casemate.cli.terminal import style
from casemate.model.exits import Exit
from casemate.model.policy import Policy
from casemate.model.sandbox import Coverage, Gap, Json, Layer
from casemate.model.visible import visible
from casemate.reports.layers import by_class, row, withheld
from casemate.reports.paint import Ink, Style
from casemate.sandbox import choose, names

EPILOG = """\
examples:
  casemate backends
  casemate backends --format json

Each layer was tried on this host. The table is about the strictest policy, which grants nothing; what a policy of yours
withholds here says casemate run --policy FILE --dry-run.
"""
SCHEMA = "casemate.backends/1"


@dataclass(frozen=True, slots=True)
class Found:
    """What a backend says of itself on this host, under the policy that grants nothing."""

    name: str
    about: str
    layers: tuple[Layer, ...]
    coverage: tuple[Coverage, ...]
    gaps: tuple[Gap, ...]


def configure(parser: ArgumentParser) -> None:
    """Declare the arguments of this verb."""
    parser.add_argument("--format", choices=("text", "json"), default="text", metavar="FORMAT",
                        help="text or json (default: %(default)s)")  # fmt: skip
    verbs = parser.add_subparsers(dest="action", metavar="install")
    installing.configure(
        verbs.add_parser("install", help="fetch the runtime of a backend", description=installing.ABOUT)
    )


def run(args: Namespace) -> int:
    """Ask every backend, print what it answers; or install what one of them runs in."""
    if args.action == "install":
        return installing.run(args)
    found = [look(name) for name in names()]
    show(as_json(found) if args.format == "json" else as_text(found, style(sys.stdout)))
    return Exit.CLEAN


def look(name: str) -> Found:
    """Ask one backend."""
    backend, policy = choose(name), Policy()
    about = (type(backend).__doc__ or "").partition("\n")[0]
    return Found(name, about, backend.layers(), backend.coverage(policy), tuple(backend.gaps(policy)))


def as_text(found: list[Found], style: Style) -> str:
    """Write one block for each backend."""
    return "\n".join(line for backend in found for line in _block(backend, style)) + "\n"


def _block(backend: Found, style: Style) -> Iterator[str]:
    """Yield what one backend has, withholds and cannot withhold."""
    yield f"{style.paint(backend.name, Ink.NAME)}  {visible(backend.about)}"
    yield ""
    if backend.gaps:
        yield "  a policy that grants nothing cannot be enforced here:"
        for gap in backend.gaps:
            yield from row(f"{gap.capability:<17}", 17, gap.reason, style)
    else:
        yield "  a policy that grants nothing can be enforced here"
    yield ""
    yield "  layers of this host"
    for layer in backend.layers:
        has = style.paint("yes", Ink.GOOD) if layer.available else style.paint("no ", Ink.HIGH)
        yield from row(f"{layer.name:<17}  {has}", 22, layer.detail, style)
    yield ""
    yield "  what withholds each class of acts"
    yield from by_class(backend.coverage, style)
    yield ""
    yield "  what withholds each capability"
    yield from withheld(backend.coverage, style)


def as_json(found: list[Found]) -> str:
    """Write everything as data."""
    backends: list[Json] = [
        {
            "name": backend.name,
            "about": backend.about,
            "layers": [
                {"name": layer.name, "available": layer.available, "detail": visible(layer.detail)}
                for layer in backend.layers
            ],
            "coverage": [
                {
                    "capability": str(row.capability),
                    "enforcement": str(row.enforcement),
                    "layers": list(row.layers),
                    "note": visible(row.note),
                    "classes": [
                        {
                            "class": part.name,
                            "enforcement": str(part.enforcement),
                            "layers": list(part.layers),
                            "note": visible(part.note),
                        }
                        for part in row.classes
                    ],
                }
                for row in backend.coverage
            ],
            "gaps": [{"capability": str(gap.capability), "reason": visible(gap.reason)} for gap in backend.gaps],
        }
        for backend in found
    ]
    return json.dumps({"schema": SCHEMA, "policy": "grants nothing", "backends": backends}, indent=2) + "\n"
