"""Say what can confine a program on this host, and which capabilities it withholds."""

import sys
from argparse import ArgumentParser, Namespace
from os import environ

from casemate.cli import installing, measuring
from casemate.cli.isolation import refuse_unless_isolated
from casemate.cli.output import show, tell
from casemate.cli.terminal import style
from casemate.model.dataclass import replace
from casemate.model.errors import Refused, UsageError
from casemate.model.exits import Exit
from casemate.model.policy import STRICTEST
from casemate.model.sandbox import Runtime
from casemate.readers.runtimes import of_backend
from casemate.reports.backends import Found, Started, as_json, in_full, overview
from casemate.sandbox import Backend, choose, variants
from casemate.sandbox.containers.beside import Beside
from casemate.sandbox.hosted import Hosted

EPILOG = """\
examples:
  casemate backends                 which are here, and what each withholds
  casemate backends show oci:runsc  its layers, the classes of acts, what remains
  casemate backends measure         how long each takes to start on this host
  casemate backends install wasm    fetch a runtime, by your own pip, npm or Maven

The tables are about the strictest policy, which grants nothing and limits everything; what a policy of yours
withholds here says casemate run --policy FILE --backend NAME --dry-run.
"""


def configure(parser: ArgumentParser) -> None:
    """Declare the arguments of this verb."""
    parser.add_argument("--format", choices=("text", "json"), default="text", metavar="FORMAT",
                        help="text or json (default: %(default)s)")  # fmt: skip
    verbs = parser.add_subparsers(dest="action", metavar="ACTION")
    shown = verbs.add_parser("show", help="everything about one backend")
    shown.add_argument("backend", metavar="NAME", help="such as native or oci:runsc")
    measured = verbs.add_parser("measure", help="start a program that does nothing in each, and say how long it took")
    measured.add_argument("backend", metavar="NAME", nargs="*", help="only these (default: all that are here)")
    installing.configure(
        verbs.add_parser("install", help="fetch the runtime of a backend", description=installing.ABOUT)
    )


def run(args: Namespace) -> int:
    """Ask every backend, print what it answers; or measure, or install what one of them runs in."""
    measured: dict[str, Started | Refused] = {}
    match args.action:
        case "install":
            return installing.run(args)
        case "show":
            found = [look(args.backend)]
            show(as_json(found) if args.format == "json" else in_full(found[0], style(sys.stdout)))
            return Exit.CLEAN
        case "measure":
            refuse_unless_isolated()
            measured = _measure(args.backend)
        case _:
            pass
    started = {name: one for name, one in measured.items() if not isinstance(one, Refused)}
    found = [look(name, started.get(name)) for name in variants()]
    show(as_json(found) if args.format == "json" else overview(found, style(sys.stdout)))
    for name, refused in measured.items():
        if isinstance(refused, Refused):
            tell(f"{name} was not measured: {refused}")
    return Exit.CLEAN if len(started) == len(measured) else Exit.INCOMPLETE


def look(name: str, measured: Started | None = None) -> Found:
    """Ask one backend; `measured` is what a start took just now. Raises UsageError for a name that there is not."""
    backend, policy = choose(name), STRICTEST
    runtime, about = standing(backend), (type(backend).__doc__ or "").partition("\n")[0]
    own = backend.guest.layer if isinstance(backend, Hosted) else ""
    if not runtime.available:  # nothing of it was tried
        return Found(name, about, runtime, own, (), backend.coverage(policy), ())
    started = measured or measuring.kept(name, runtime, environ)
    layers, gaps = backend.layers(), tuple(backend.gaps(policy))
    known = of_backend(name, runtime.version)
    return Found(name, about, runtime, own, layers, backend.coverage(policy), gaps, known, started)


def standing(backend: Backend) -> Runtime:
    """Say what a backend stands on, with the version of a tool that no run asks for."""
    runtime = backend.runtime()
    return replace(runtime, version=backend.version()) if isinstance(backend, Beside) else runtime


def _measure(asked: list[str]) -> dict[str, Started | Refused]:
    """Measure those that are here, or those that were asked for, which must be. Raises UsageError."""
    found = {name: choose(name) for name in asked or variants()}
    runtimes = {name: standing(backend) for name, backend in found.items()}
    if missing := [name for name in asked if not runtimes[name].available]:
        raise UsageError(f"{missing[0]} is not here: {runtimes[missing[0]].why_not}")
    return measuring.measure([(name, found[name], one) for name, one in runtimes.items() if one.available], environ)


__all__ = ["EPILOG", "Found", "Started", "configure", "look", "run"]
