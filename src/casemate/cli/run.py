"""Start a program confined to what its policy grants.

usage: casemate run [options] SCRIPT [ARG...]
       casemate run [options] -m MODULE [ARG...]
       casemate run [options] -c CODE [ARG...]
       casemate run [options] -- COMMAND [ARG...]

Everything after the target belongs to the target. With no option at all the program sees its own directory and its
Python, both read-only, a private home and /tmp, and HOME, PATH, LANG and TERM; it reaches no network and no other file.

policy:
  --policy FILE         what the program is granted; the options below add to it
  --read PATH           may read this file or directory
  --write PATH          may write there; the changes are copied out at the end, after checks
  --write-direct PATH   may write there at once; give up those checks by name with --accept
  --connect HOST:PORT   may connect there
  --listen ADDRESS:PORT may answer on this port of the host; @private: on ports that only it reaches itself
  --unix PATH           may use this local socket; @private: sockets between its own processes
  --spawn PATH          may start this program; @python: its own Python again, as multiprocessing does
  --env NAME[=VALUE]    may see this variable, with the caller's value or this one
  --memory SIZE         such as 512MiB
  --cpu TIME            such as 30s: processor time
  --wall TIME           such as 10m: time on the clock

how:
  --python PATH         the Python, or environment, that runs the program
  --backend NAME        what confines it (casemate backends)
  --image PATH          the root: a directory, or an OCI image layout; what is executed is looked up there
  --accept CAPABILITY   run although this cannot be withheld here; may be repeated
  --dry-run             print what would be started, and start nothing
  --diff                show what the program changed in files that it may write
  --discard             copy nothing out: what the program wrote is thrown away
  --record FILE         write what happened as JSON lines
  --wait                make everything ready, then read further arguments on standard input (casemate.Warm)
  -h, --help            show this help

Exit code: the program's own; 125 where it was not started, 126 where it is not executable, 127 where it is not found,
128+N where signal N ended it.
"""

import os
import sys
from _collections_abc import Callable, Iterator, Mapping

from casemate.cli.folder import working_directory
from casemate.cli.isolation import refuse_unless_isolated
from casemate.cli.target import Options, path_of, read_arguments
from casemate.model.capability import Capability
from casemate.model.dataclass import replace
from casemate.model.errors import CasemateError, PolicyError, Refused, UsageError
from casemate.model.exits import Exit
from casemate.model.policy import Policy, WriteMode
from casemate.model.sandbox import Json, Outcome
from casemate.model.small import suppress
from casemate.model.visible import brief
from casemate.policy import LOCAL
from casemate.run import Prepared, Request, plan, prepare, run

EPILOG = """\
examples:
  casemate run app.py
  casemate run --read data --connect api.example.com:443 app.py --verbose
  casemate run --policy casemate.toml --record run.jsonl -m shop
"""
Record = Callable[[Mapping[str, Json]], None]


def main(argv: list[str]) -> int:
    """Read the arguments, confine the program, give its exit code."""
    _open_standard_streams()
    options = read_arguments(argv, working_directory())
    if options.help:
        from casemate.cli.output import show  # noqa: PLC0415 -- only for the eyes

        show(f"{(__doc__ or '').strip()}\n\n{EPILOG}")
        return 0
    refuse_unless_isolated()
    if options.wait and os.isatty(0):
        raise UsageError("--wait reads arguments from a program on standard input, and that is a terminal")
    if options.target is None:
        raise UsageError("what shall it run? SCRIPT, -m MODULE, -c CODE or -- COMMAND (casemate run --help)")
    if "record" not in options.texts:
        return _answer(options, None)
    from casemate.cli.record import Recorder  # noqa: PLC0415 -- only where somebody wants a record

    with Recorder(options.texts["record"]) as recorder:
        try:
            return _answer(options, recorder)
        finally:
            if recorder.failure:
                _say(f"the record {options.texts['record']} is incomplete: {recorder.failure}")


def _answer(options: Options, record: Record | None) -> int:
    """Start, or say why not."""
    try:
        return _start(options, record)
    except CasemateError as error:
        code = error.code if isinstance(error, Refused) else Exit.REFUSED
        if record is not None:
            from casemate.cli.record import not_started  # noqa: PLC0415 -- loaded by the recorder

            record(not_started(code, str(error)))
        _say(str(error))
        return code


def _open_standard_streams() -> None:
    """Put /dev/null where the caller closed a standard stream: else the next file opened would be taken for it."""
    for descriptor, mode in ((0, os.O_RDONLY), (1, os.O_WRONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, mode)  # the lowest free number: this one
    if sys.stderr is None:  # pyright: ignore[reportUnnecessaryComparison] -- None where the caller closed it
        sys.stderr = os.fdopen(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False)


def _start(options: Options, record: Record | None) -> int:
    """Prepare, then print the plan or confine."""
    request = _request(options)
    prepared = prepare(request)
    _say(*prepared.notes)
    looked_at = options.dry_run or "record" in options.texts or sys.stderr.isatty()
    if looked_at:
        _say(*prepared.hints)
    if options.diff and (why := _why_no_difference(options, prepared)):
        _say(f"--diff has nothing to show: {why}")
        options.diff = False
    if options.dry_run:
        from casemate.cli.output import show  # noqa: PLC0415 -- only for the eyes
        from casemate.cli.plan import printed  # noqa: PLC0415 -- likewise
        from casemate.cli.terminal import style  # noqa: PLC0415 -- likewise

        show(printed(plan(prepared, request), style(sys.stdout)))
        return 0
    outcome = run(prepared, request, record=record)
    if options.diff:
        _show_differences(outcome)
    _say(*_afterwards(prepared, request, outcome))
    if outcome.code and not looked_at:
        _say(*prepared.hints)
    return outcome.code


def _request(options: Options) -> Request:
    """Put the request together from options and policy file."""
    if options.target is None:
        raise UsageError("there is nothing to run")
    policy, policy_file, policy_hash = _policy(options)
    if "image" in options.texts:
        policy = replace(policy, image=path_of(options.texts["image"], options.directory))
    return Request(
        target=options.target,
        policy=policy,
        policy_file=policy_file,
        policy_hash=policy_hash,
        record=options.texts.get("record", ""),
        grants=tuple(options.grants),
        settings=tuple(options.settings.items()),
        limits=options.limits,
        python=options.texts.get("python"),
        backend=options.texts.get("backend"),
        accept=frozenset(options.accept),
        discard=options.discard,
        differences=options.diff,
        waits=options.wait,
        directory=options.directory,
    )


def _policy(options: Options) -> tuple[Policy, str, str]:
    """Load the named policy, with its place and, for a record, its hash.

    The one of the working directory is taken only if it was accepted.
    """
    named, recorded = options.texts.get("policy"), "record" in options.texts
    if named is None and not os.path.lexists(LOCAL):
        return Policy(), "", ""
    from casemate.cli.kept import understood  # noqa: PLC0415 -- only where there is a file
    from casemate.policy.source import read  # noqa: PLC0415 -- likewise
    from casemate.policy.trust import fingerprint, only_ours, trusted  # noqa: PLC0415 -- likewise

    if named is not None:
        only_ours(named)
        content = read(named)
        return understood(named, content), named, fingerprint(content) if recorded else ""
    with suppress(PolicyError):  # not ours to complain about: nobody asked for it
        content = read(LOCAL)
        if trusted(LOCAL, content, os.environ):
            return understood(LOCAL, content), LOCAL, fingerprint(content) if recorded else ""
    _say(f"{LOCAL} is here and is not used: --policy {LOCAL}, or casemate policy trust {LOCAL}")
    return Policy(), "", ""


def _why_no_difference(options: Options, prepared: Prepared) -> str:
    """Say why there will be no changes to show, or "" where there may be; what is written directly is not looked at."""
    if options.dry_run:
        return "a dry run starts nothing"
    grants = list(prepared.policy.of(Capability.FS_WRITE))
    direct = [grant.resource for grant in grants if grant.mode is WriteMode.DIRECT]
    if not grants:
        return "nothing may be written (--write PATH)"
    if len(direct) == len(grants):
        return f"{', '.join(direct)} is written directly, without a look at what changes"
    return ""


def _show_differences(outcome: Outcome) -> None:
    """Print what changed, on standard error: standard output is the program's."""
    from casemate.cli.differences import printed  # noqa: PLC0415 -- only for the eyes
    from casemate.cli.terminal import style  # noqa: PLC0415 -- likewise

    if outcome.refused and not outcome.changes:
        _say(*(f"not copied out: {path}" for path in outcome.refused))  # all of it, so that nothing was looked at
        return
    with suppress(OSError):  # nobody listens
        text = memoryview(printed(outcome.changes, style(sys.stderr)).encode(errors="backslashreplace"))
        while text:
            text = text[os.write(2, text) :]


def _afterwards(prepared: Prepared, request: Request, outcome: Outcome) -> Iterator[str]:
    """Yield what was not copied out, and why the program may have failed, with the grant that would help."""
    if not request.differences:
        yield from (f"not copied out: {path}" for path in outcome.refused)
    if outcome.code or outcome.ended_by:
        from casemate.run import explained  # noqa: PLC0415 -- only for a program that failed

        yield from explained(prepared, request, outcome)


def _say(*sentences: str) -> None:
    """Print each sentence on one line of standard error, whatever it holds; that nobody listens is no error."""
    if sentences:
        with suppress(
            OSError
        ):  # unbuffered: what stayed in a buffer would fail once more at the end of the interpreter
            os.write(2, "".join(f"casemate: {brief(sentence)}\n" for sentence in sentences).encode(errors="replace"))
