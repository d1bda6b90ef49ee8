"""Attack the sandbox: do the same forbidden acts outside and inside, and say which were withheld.

Every act is on canaries of casemate's own, made for this run: files, sockets, processes, memory. An act that does not
succeed outside shows nothing inside and is not applicable, with the reason. What got through is shown by its effect.
The policy is the strictest, or the one of --policy; some probes add grants on canaries, to reach beyond them.
"""

import json
import sys
from argparse import Action, ArgumentParser, Namespace
from collections.abc import Sequence

from casemate.cli.folder import working_directory
from casemate.cli.isolation import refuse_unless_isolated
from casemate.cli.kept import understood
from casemate.cli.output import show, tell
from casemate.cli.terminal import Progress, style
from casemate.model.capability import Capability, parse
from casemate.model.dataclass import replace
from casemate.model.errors import UsageError
from casemate.model.exits import Exit
from casemate.model.policy import STRICTEST
from casemate.policy.source import read
from casemate.policy.trust import only_ours
from casemate.readers.host.program import Code
from casemate.reports.verification import as_json, as_text, described, listed
from casemate.run import Request, prepare
from casemate.sandbox import choose
from casemate.verify import Setting, catalogue, chosen, rehearse, verify
from casemate.verify.starting import BOOT, Target

EPILOG = """\
examples:
  casemate verify
  casemate verify --policy casemate.toml
  casemate verify --only proc.trace --verbose
  casemate verify --list --only kernel

Exit code: 0 all held; 1 something got through that the policy denies; 3 of a denied capability nothing could be tried
here; 125 nothing could be started under this policy.
"""


class Accepted(Action):
    """Collects capabilities, or families of them."""

    def __call__(
        self,
        parser: ArgumentParser,  # noqa: ARG002 -- the signature is argparse's
        namespace: Namespace,
        values: str | Sequence[object] | None,
        option: object = None,
    ) -> None:
        """Add what one more word means."""
        try:
            found = parse(str(values))
        except ValueError as error:
            raise UsageError(f"{option}: {error}") from None
        setattr(namespace, self.dest, getattr(namespace, self.dest) | found)


def configure(parser: ArgumentParser) -> None:
    """Declare the arguments of this verb."""
    parser.add_argument("--backend", metavar="NAME", help="what confines (default: the first of the policy)")
    parser.add_argument("--policy", metavar="FILE", help="what the program is granted (default: nothing)")
    parser.add_argument("--python", metavar="PATH", help="the Python, or environment, that executes the probes")
    parser.add_argument("--only", metavar="NAME", action="append", default=[],
                        help="a class such as fs.read or net, a file of probes, or one probe; repeatable")  # fmt: skip
    parser.add_argument("--accept", metavar="CAPABILITY", action=Accepted, default=frozenset[Capability](),
                        help="go on although this cannot be withheld here; may be repeated")  # fmt: skip
    parser.add_argument("--format", choices=("text", "json"), default="text", metavar="FORMAT",
                        help="text or json (default: %(default)s)")  # fmt: skip
    parser.add_argument("--verbose", action="store_true", help="say of each probe what was seen")
    parser.add_argument("--list", action="store_true", help="list the probes and try none")


def run(args: Namespace) -> int:
    """List the probes, or try them."""
    probes = chosen(args.only)
    if args.list:
        listing = json.dumps([described(probe) for probe in probes], indent=2) + "\n"
        show(listing if args.format == "json" else listed(probes, style(sys.stdout)))
        return Exit.CLEAN
    refuse_unless_isolated()
    progress = Progress("verify")
    try:
        target = _target(args)
        rehearsed = None
        if target.policy.image:  # nothing of an image is ever started outside
            rehearsed = rehearse(probes, Setting(_target(args, image=False), progress))
        verification = verify(probes, Setting(target, progress), rehearsed)
    finally:
        progress.clear()
    text = as_text(verification, style(sys.stdout), every=args.verbose)
    show(as_json(verification) if args.format == "json" else text)
    if len(probes) < len(catalogue()):
        tell(f"{len(probes)} of {len(catalogue())} probes were asked for")
    return verification.code


def _target(args: Namespace, *, image: bool = True) -> Target:
    """Prepare the target as `run` would: the same Python, policy and environment; or all that without its image."""
    policy = STRICTEST
    if args.policy is not None:
        only_ours(args.policy)
        policy = understood(args.policy, read(args.policy))
    policy = policy if image else replace(policy, image="")
    request = Request(
        target=Code(BOOT),
        policy=policy,
        policy_file=args.policy or "",
        python=args.python,
        accept=args.accept,
        directory=working_directory(),
    )
    prepared = prepare(request)
    for note in prepared.notes:
        tell(note)
    backend = choose(args.backend or next(iter(policy.backends), "native"))
    return Target(prepared.command, prepared.policy, prepared.environment, backend, args.accept)
