"""`casemate backends install`: fetches what a backend runs in, and says what and from where."""

from argparse import ArgumentParser, Namespace
from os import environ
from typing import Protocol, cast

from casemate.cli.output import tell
from casemate.model.errors import UsageError
from casemate.model.exits import Exit
from casemate.sandbox import choose
from casemate.services.runtimes import install, load, names

ABOUT = """\
Fetch the runtime of a backend with your own pip, npm or Maven, as they are configured, and keep it below
~/.local/share/casemate (XDG_DATA_HOME). Versions and hashes are part of casemate; nothing that is fetched is executed
outside a sandbox. Installed anew, it replaces what was there, whole or not at all.
"""


class Finishing(Protocol):
    """A backend whose runtime is made ready once on this host, after it was unpacked."""

    def finish(self, folder: str) -> None:
        """Make in the folder what is made once. Raises Refused."""
        ...


def configure(parser: ArgumentParser) -> None:
    """Declare the arguments of this verb."""
    parser.add_argument("backend", metavar="BACKEND", help=f"one of: {', '.join(names())}")


def run(args: Namespace) -> int:
    """Install, and say where."""
    if args.backend not in names():
        raise UsageError(f"the backend {args.backend} installs nothing; those that do: {', '.join(names())}")
    lock, backend = load(args.backend), choose(args.backend)
    tell(f"{lock.about}: {lock.megabytes} MB")
    finish = cast("Finishing", backend).finish if hasattr(backend, "finish") else _nothing
    folder = install(lock, environ, say=lambda line: tell(f"fetching {line}"), finish=finish)
    tell(f"installed in {folder}")
    return Exit.CLEAN


def _nothing(_folder: str) -> None:
    """Leave a runtime as it was unpacked."""
