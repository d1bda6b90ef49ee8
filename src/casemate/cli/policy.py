"""Work out what a program must be allowed; show, export and accept a policy.

`infer` reads a program and the modules of its own that it imports, runs nothing, and writes the least policy under
which it can do what its code names. What it cannot tell it lists as comments and does not grant. Start the program in
the folder of the policy: relative paths begin there. `show` prints a policy with every set expanded to the paths of
this host. `export` writes it in the words of another tool and says what that tool cannot withhold. `trust` accepts a
casemate.toml, so that `run` uses it in its folder until a byte of it changes.
"""
# ruff: noqa: PTH100, PTH110, PTH119, PTH120 -- a path stays the string that was written: pathlib drops what `//` and `./` mean

import os
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from casemate.cli import policy_export
from casemate.cli.folder import working_directory
from casemate.cli.output import check, save, show, tell
from casemate.model.capability import Capability
from casemate.model.errors import InputError, UsageError
from casemate.model.exits import Exit
from casemate.model.visible import visible
from casemate.policy import LOCAL
from casemate.policy.describe import describe
from casemate.policy.file import load
from casemate.policy.sets import Places, homes
from casemate.policy.trust import trust
from casemate.policy.write import render
from casemate.readers.host.choose import choose, own

if TYPE_CHECKING:
    from casemate.policy.infer import Inference

EPILOG = """\
examples:
  casemate policy infer app.py              write ./casemate.toml
  casemate policy infer app.py -o -         print it
  casemate policy show casemate.toml
  casemate policy export casemate.toml --to systemd -o shop.service --run app.py
"""


def configure(parser: ArgumentParser) -> None:
    """Declare the arguments of this verb."""
    verbs = parser.add_subparsers(dest="action", required=True, metavar="infer|show|export|trust")
    reads = verbs.add_parser("infer", help="work out the least policy of a program", description=__doc__)
    reads.add_argument("paths", nargs="+", metavar="PATH", help="scripts, packages or folders")
    reads.add_argument("-o", "--output", metavar="FILE", default=LOCAL, help=f"default: ./{LOCAL}; - prints it")
    reads.add_argument("--force", action="store_true", help="overwrite FILE")
    reads.add_argument("--python", metavar="PATH", help="the Python, or environment, that will run the program")
    reads.add_argument("--models", metavar="FILE", action="append", default=[], help="library models of your own")
    display = verbs.add_parser("show", help="print a policy, expanded for this host", description=__doc__)
    display.add_argument("file", metavar="FILE")
    display.add_argument("--python", metavar="PATH", help="the Python, or environment, that will run the program")
    policy_export.configure(
        verbs.add_parser("export", help="write a policy for another tool", description=policy_export.__doc__,
                         epilog=policy_export.EPILOG)
    )  # fmt: skip
    accept = verbs.add_parser("trust", help="let `run` use a policy of the working directory", description=__doc__)
    accept.add_argument("file", metavar="FILE")


def run(args: Namespace) -> int:
    """Do what the sub-verb says."""
    match args.action:
        case "infer":
            return _infer(args)
        case "show":
            return _show(args)
        case "export":
            return policy_export.run(args)
        case _:
            return _trust(args)


def _infer(args: Namespace) -> int:
    """Write the inferred policy and say what it leaves out."""
    from casemate.policy.infer import infer  # noqa: PLC0415 -- showing and trusting a policy parses no program

    if not all([args.output, *args.paths]):
        raise UsageError("an empty path: is a variable of a script not set?")
    to_stdout, target, folder = args.output == "-", Path(args.output), working_directory()
    if not to_stdout:
        if not args.force and os.path.lexists(target):
            raise UsageError(f"{target} is there already; --force overwrites it, -o - prints the policy instead")
        check(target)
        folder = os.path.dirname(os.path.abspath(target))
    paths = [Path(path) for path in args.paths]
    site = _python(args.python)
    found = infer(
        paths,
        folder=folder,
        name=paths[0].resolve().stem,
        search=site,
        models=args.models,
    )
    text = render(found.policy, os.path.realpath(folder), _header(found), _unresolved(found))
    if to_stdout:
        show(text)
    else:
        save(text, target)
    for line in _summary(found, "" if to_stdout else str(target)):
        tell(line)
    return Exit.INCOMPLETE if found.skipped else Exit.CLEAN


def _python(named: str | None) -> tuple[str, ...]:
    """List the site-packages of the Python that will run the program; none where no Python is found and none named."""
    try:
        return choose(named, os.environ, working_directory(), own()).interpreter.site_packages
    except InputError:
        if named is not None:
            raise
        return ()


def _header(found: "Inference") -> Iterator[str]:
    """Say what the file is, and what no policy can say."""
    from casemate.policy.infer import shown  # noqa: PLC0415 -- likewise

    yield "What this program needs, inferred from its code: its wish. Read it before you grant it."
    yield "Relative paths begin in the folder of this file; start the program there."
    if found.native:
        yield f"Native extensions, which can do all that the process can: {', '.join(found.native)}"
    uses = dict[str, str]()
    for need in found.described:
        uses.setdefault(need.capability, shown(need.location, _roots(found)))
    if uses:
        listed = ", ".join(f"{name} ({place})" for name, place in sorted(uses.items()))
        yield f"Described, withheld by no policy: {listed}"
    yield ""


def _roots(found: "Inference") -> tuple[str, ...]:
    """Give the folder of the first file, to write places short."""
    return (os.path.dirname(os.path.realpath(found.files[0])),) if found.files else ()


def _unresolved(found: "Inference") -> Iterator[str]:
    """Name every place that the policy leaves out."""
    from casemate.policy.infer import shown  # noqa: PLC0415 -- likewise

    for need in found.unresolved:
        yield f"{shown(need.location, _roots(found))} {need.capability}: {need.reason}"
    yield from (f"not read: {line}" for line in found.skipped)


def _summary(found: "Inference", written: str) -> Iterator[str]:
    """Say what was written, and what has to be there before the first run."""
    head = f"wrote {written}: " if written else ""
    counts = (len(found.policy.grants), len(found.files), len(found.unresolved))
    yield f"{head}grants: {counts[0]}, files read: {counts[1]}, places unresolved: {counts[2]}"
    missing = [g.resource for g in found.policy.of(Capability.FS_WRITE) if not os.path.exists(g.resource)]
    yield from (f"create {path} before the first run: the program writes there" for path in missing)
    yield from (f"not read: {line}" for line in found.skipped)


def _show(args: Namespace) -> int:
    """Print a policy, expanded for this host."""
    policy, directory = load(args.file).policy, working_directory()
    interpreter = choose(args.python, os.environ, directory, own()).interpreter
    homes_ = homes(os.environ.get("HOME", "/"))
    places = Places(directory, homes_, interpreter.read, interpreter.libraries, interpreter=interpreter.executable)
    show("".join(f"{visible(line)}\n" for line in describe(policy, places)))
    return Exit.CLEAN


def _trust(args: Namespace) -> int:
    """Accept exactly these bytes at exactly this place."""
    if os.path.basename(args.file) != LOCAL:
        raise UsageError(f"{args.file}: `run` looks for a {LOCAL} only; name any other policy with --policy FILE")
    record = trust(load(args.file), os.environ)
    show(f"accepted: run uses {visible(args.file)} in its folder until it changes (recorded in {visible(record)})\n")
    return Exit.CLEAN
