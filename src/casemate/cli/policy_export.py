"""Write a policy in the words of another tool, for a deployment of your own, and say what that tool cannot withhold.

oci, systemd and apparmor start a program of this host (--run, --command); podman, docker and kubernetes an image.
What is written is confined by that tool alone: casemate is not there. On standard error stands what it loses.
"""

import json
import os
from argparse import REMAINDER, ArgumentParser, Namespace
from collections.abc import Iterator
from pathlib import Path

from casemate.cli.folder import working_directory
from casemate.cli.output import check, save, show, tell
from casemate.cli.target import Options, read_arguments
from casemate.model.capability import Capability
from casemate.model.dataclass import replace
from casemate.model.errors import Refused, UsageError
from casemate.model.exits import Exit
from casemate.model.policy import Policy
from casemate.model.sandbox import Command, Json
from casemate.policy.expand import expand, of_the_host
from casemate.policy.export import TARGETS, Target
from casemate.policy.export.claims import losses
from casemate.policy.export.deployment import HOME, Deployment, hidden, label, mounts, utf8
from casemate.policy.file import load
from casemate.policy.sets import Places, homes
from casemate.readers.host.program import Executable
from casemate.run import SEARCH, Request, prepare
from casemate.sandbox.native.steps import Filter
from casemate.sandbox.seccomp import passing, profile

PROFILE = "seccomp"  # the filter alone
EPILOG = """\
examples:
  casemate policy export casemate.toml --to systemd -o shop.service --run app.py --port 8080
  casemate policy export casemate.toml --to docker -o shop.sh --image shop:1
"""


def configure(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("file", metavar="FILE")
    parser.add_argument("--to", required=True, choices=(*TARGETS, PROFILE), metavar="TARGET",
                        help=f"{', '.join(TARGETS)}, or {PROFILE}: the system call filter alone")  # fmt: skip
    parser.add_argument("-o", "--output", metavar="FILE", default="-", help="default: - prints it")
    parser.add_argument("--python", metavar="PATH", help="the Python, or environment, that will run the program")
    parser.add_argument("--image", metavar="NAME", help="the image that podman, docker or kubernetes starts")
    started = parser.add_mutually_exclusive_group()
    started.add_argument("--run", nargs=REMAINDER, default=[], metavar="...",
                         help="the program: SCRIPT, -m MODULE or -c CODE, and its arguments; comes last")  # fmt: skip
    started.add_argument("--command", nargs=REMAINDER, default=[], metavar="...",
                         help="any other command, of this host or of the image; comes last")  # fmt: skip


def run(args: Namespace) -> int:
    """Write the policy, and say on standard error what it loses."""
    policy = load(args.file).policy
    if policy.image:
        raise UsageError(
            f"{args.file}: fs.image: no export has words for it; take it out, and name the image to the tool"
        )
    output = None if args.output == "-" else Path(args.output)
    if output is not None:
        check(output)
    if (args.to == PROFILE or TARGETS[args.to].image) and args.python is not None:
        raise UsageError(f"--python belongs to a program of this host, which --to {args.to} does not start")
    if args.to == PROFILE:
        if args.run or args.command or args.image:
            raise UsageError(f"--to {PROFILE} starts nothing: it takes no --run, --command or --image")
        _write(_json(profile(_shape(policy))), output)
        return Exit.CLEAN
    target = TARGETS[args.to]
    deployment = _deployment(args, policy, target)
    text = target.render(deployment)
    if target.profile and output is not None:
        beside = Path(f"{output}.seccomp.json")
        check(beside)
        save(_json(deployment.profile), beside)
    _write(text, output)
    for line in _said(deployment, target, args):
        tell(line)
    return Exit.CLEAN


def _write(text: str, output: Path | None) -> None:
    show(text) if output is None else save(text, output)


def _json(value: Json) -> str:
    return json.dumps(value, indent=1) + "\n"


def _said(deployment: Deployment, target: Target, args: Namespace) -> Iterator[str]:
    """Yield what nobody should overlook."""
    if target.profile and args.output == "-":
        yield f"the system call filter goes beside it: casemate policy export {args.file} --to {PROFILE}"
    yield from map(str, losses(deployment, target.claims))


def _deployment(args: Namespace, policy: Policy, target: Target) -> Deployment:
    """Put together what the target is made of."""
    if target.image:
        return _of_image(args, policy)
    if args.image is not None:
        raise UsageError(f"--to {args.to} starts a program of this host and no image: --run names it")
    if not args.run and not args.command:
        raise UsageError(f"--to {args.to} needs what is started: --run SCRIPT or --command COMMAND, at the end")
    return _of_host(args, policy)


def _of_host(args: Namespace, policy: Policy) -> Deployment:
    """Prepare the program as `run` does, and take what would be confined."""
    options = _options(args)
    sources = tuple(one.source.removeprefix("file:") for one in policy.secrets if one.source.startswith("file:"))
    request = Request(
        target=options.target,  # type: ignore[arg-type]  # -- it is there: _options
        policy=replace(policy, secrets=(), deny=(*policy.deny, *sources)),
        policy_file=args.file,
        python=args.python,
        directory=options.directory,
        terminal=False,
    )
    try:
        prepared = prepare(request)
    except Refused as error:
        raise UsageError(str(error)) from None
    for note in prepared.notes:
        tell(note)
    expanded = replace(prepared.policy, secrets=policy.secrets)
    bare = (("HOME", HOME), ("PATH", SEARCH), ("LANG", "C.UTF-8"), ("TERM", "dumb"))
    return _made(args, expanded, dict((*bare, *policy.settings)), prepared.command)


def _of_image(args: Namespace, policy: Policy) -> Deployment:
    """Take the program, its Python and the programs that it may start from the image, all else from this host."""
    if not args.image:
        raise UsageError(f"--to {args.to} starts an image: --image NAME")
    if args.run:
        raise UsageError(f"--to {args.to} starts a command of the image: --command COMMAND [ARG...], at the end")
    words = tuple(args.command)
    if words[:1] == ("",):
        raise UsageError("--command begins with the name of a program, not with an empty word")
    command = Command(words, words[0], "/") if words else None
    owners = homes(os.environ.get("HOME", "/"))
    expanded = expand(of_the_host(policy), Places(working_directory(), owners))
    for note in expanded.notes:
        tell(note)
    return _made(args, expanded.policy, dict((("HOME", HOME), *policy.settings)), command)


def _options(args: Namespace) -> Options:
    """Read what is started. Raises UsageError for options of `run`: the policy says all."""
    directory = working_directory()
    if args.command:
        return Options(directory, target=Executable(tuple(args.command)))
    options = read_arguments(args.run, directory)
    if options.target is None or options != Options(directory, target=options.target):
        raise UsageError("--run takes SCRIPT, -m MODULE or -c CODE and no options of run: the policy says the rest")
    return options


def _made(args: Namespace, policy: Policy, settings: dict[str, str], command: Command | None) -> Deployment:
    for text in (*command.argv, command.directory) if command else ():
        utf8(text)
    shown = mounts(policy)
    return Deployment(
        name=label(policy.name or "casemate"),
        policy=policy,
        mounts=shown,
        hidden=hidden(policy, shown),
        settings=tuple(settings.items()),
        passed=tuple(grant.resource for grant in policy.of(Capability.ENV_READ)),
        command=command,
        profile=profile(_shape(policy)),
        calls=passing(_shape(policy)),
        image=args.image or "",
    )


def _shape(policy: Policy) -> Filter:
    """Say what the filter of the native backend leaves open for what a policy grants."""
    network = policy.grants_any(Capability.NET_CONNECT) or policy.grants_any(Capability.NET_LISTEN)
    return Filter(
        wx=policy.grants_any(Capability.NATIVE_WX),
        unix=policy.grants_any(Capability.NET_UNIX),
        inet=network,
        spawn=policy.grants_any(Capability.PROC_SPAWN),
    )
