"""The battery sees what gets through: against a backend that withholds nothing, and against one that lies about it."""

import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from tests.verify.against import setting

from casemate.model.capability import Capability
from casemate.model.classes import classes_of
from casemate.model.errors import Refused, Unenforceable
from casemate.model.exits import Exit
from casemate.model.policy import Grant, Policy
from casemate.model.sandbox import (
    Boundary,
    ClassCoverage,
    Command,
    Coverage,
    Enforcement,
    Gap,
    Layer,
    Outcome,
    Plan,
    Runtime,
)
from casemate.model.verification import Probe, Tried, Verdict, Verification
from casemate.sandbox import RunInput
from casemate.verify import Setting, catalogue, chosen, rehearse, verify
from casemate.verify.starting import BOOT


@dataclass(frozen=True, slots=True)
class Open:
    """A backend that starts the target as it is, and claims what it is told to claim."""

    claims: Enforcement = Enforcement.ENFORCED
    name: str = "open"

    def runtime(self) -> Runtime:
        return Runtime(Boundary.KERNEL, available=True)

    def layers(self) -> tuple[Layer, ...]:
        return ()

    def coverage(self, policy: Policy) -> tuple[Coverage, ...]:
        del policy
        return tuple(self._said(capability) for capability in Capability if capability.enforceable)

    def _said(self, capability: Capability) -> Coverage:
        layers = () if self.claims is Enforcement.NOT else ("nothing",)
        parts = tuple(ClassCoverage(name, self.claims, layers) for name in classes_of(capability))
        return Coverage(capability, self.claims, layers, "", parts)

    def gaps(self, policy: Policy) -> Iterator[Gap]:
        if self.claims is Enforcement.NOT:
            yield from (Gap(entry.capability, "open") for entry in self.coverage(policy))

    def plan(self, command: Command, policy: Policy) -> Plan:
        return Plan(self.name, command.argv, command.directory, (), (), self.coverage(policy))

    def start(self, plan: Plan, run: RunInput) -> Outcome:
        done = subprocess.run(
            plan.command,
            stdin=run.streams.stdin,
            stdout=run.streams.stdout,
            stderr=run.streams.stderr,
            cwd=plan.directory,
            env={**os.environ, **run.environment},
            close_fds=False,
            start_new_session=True,
            timeout=120,
            check=False,
        )
        return Outcome(done.returncode)


EFFECTS = (
    *("reading", "writing", "environment", "processes", "tracing", "local_sockets", "networking", "ipc"),
    "memory",
)


@pytest.mark.parametrize("file", EFFECTS)
def test_whatever_succeeds_outside_gets_through_where_nothing_is_withheld(
    file: str, rehearsed: Mapping[Probe, Tried]
) -> None:
    probes = [probe for probe in chosen([file]) if not probe.partly]
    found = verify(probes, setting(Open()), rehearsed)
    assert [result for result in found.results if result.verdict is Verdict.HELD] == []
    assert any(found.of(Verdict.THROUGH))
    assert found.code == Exit.FINDINGS


def test_what_the_table_does_not_claim_is_shown_and_is_no_failure() -> None:
    everything = frozenset(Capability)
    found = verify(chosen(["reading/open-by-path"]), setting(Open(Enforcement.NOT), accept=everything))
    assert [result.verdict for result in found.results] == [Verdict.AS_SAID]
    assert found.code == Exit.CLEAN


class Silent(Open):
    """It starts nothing, and says that all went well."""

    def start(self, plan: Plan, run: RunInput) -> Outcome:
        del plan, run
        return Outcome(0)


def test_where_no_probe_was_executed_nothing_was_held() -> None:
    with pytest.raises(Refused, match="inside, the target executes no probe: exit code 0"):
        verify(chosen(["reading/open-by-path"]), setting(Silent()))


def test_a_python_that_does_not_start_inside_is_named_with_what_it_says() -> None:
    with pytest.raises(Refused, match=r"executes no probe: .*SyntaxError"):
        verify(chosen(["reading/open-by-path"]), broken_inside())


def broken_inside() -> Setting:
    """Give a target whose program is whole outside only."""
    good = setting()
    code = f"import os\nif os.getpid() == 2: compile('(', '', 'exec')\n{BOOT}"
    return replace(
        good,
        target=replace(good.target, command=replace(good.target.command, argv=(*good.target.command.argv[:-1], code))),
    )


def test_a_gap_that_nobody_accepted_is_refused() -> None:
    with pytest.raises(Unenforceable):
        verify(chosen(["reading/open-by-path"]), setting(Open(Enforcement.NOT)))


def test_success_is_seen_by_its_effect() -> None:
    names = {
        "reading/open-by-path": "it read the token",
        "writing/make-a-file": "is not as it was",
        "processes/kill": "changed another process: life",
        "local_sockets/datagram-by-path": "its mark arrived",
        "tracing/overwrite-memory-by-a-call": "its mark arrived",
        "processes/outlive-the-run": "left over",
    }
    found = verify(chosen(names), setting(Open()))
    reasons = {result.probe.name: result.reason for result in found.results}
    assert all(words in reasons[name] for name, words in names.items()), reasons


def test_an_act_that_the_policy_grants_is_not_applicable() -> None:
    wx = verify(chosen(["memory/writable-and-executable"]), setting(None, Grant(Capability.NATIVE_WX, "")))
    assert [(r.verdict, "the policy gives it" in r.reason) for r in wx.results] == [(Verdict.NOT_APPLICABLE, True)]
    tree = verify(chosen(["reading/open-by-path"]), setting(None, Grant(Capability.FS_READ, "/var/tmp")))  # noqa: S108
    assert [result.verdict for result in tree.results] == [Verdict.NOT_APPLICABLE]


def test_nothing_is_left_of_it() -> None:
    before = left_over()
    verify(chosen(["fs.write", "fs.exec", "ipc", "proc.signal", "native"]), setting())
    assert left_over() == before


def left_over() -> tuple[list[str], list[str], list[str], int]:
    """List the places where something could be left: of this battery, as others may be running."""
    shared = [name for name in os.listdir("/dev/shm") if name.startswith("casemate-")]  # noqa: PTH208, S108 -- the places
    made = [name for name in os.listdir("/var/tmp") if name.startswith("casemate-")]  # noqa: PTH208, S108 -- likewise
    names = ("program", "x.so", "code", "script")
    temporary = [str(path) for path in Path(tempfile.gettempdir()).glob("tmp*/*") if path.name in names]
    segments = Path("/proc/sysvipc/shm").read_text(encoding="ascii").count("\n")
    return sorted(shared), sorted(made), sorted(temporary), segments


@pytest.mark.parametrize(
    ("verdicts", "code"),
    [
        ([Verdict.HELD, Verdict.AS_SAID, Verdict.NOT_APPLICABLE], Exit.CLEAN),
        ([Verdict.HELD, Verdict.THROUGH], Exit.FINDINGS),
        ([Verdict.NOT_APPLICABLE, Verdict.NOT_APPLICABLE], Exit.INCOMPLETE),
        ([], Exit.INCOMPLETE),
    ],
)
def test_the_exit_code(verdicts: list[Verdict], code: Exit) -> None:
    from casemate.model.verification import Result  # noqa: PLC0415 -- only here

    probes = [probe for probe in catalogue() if probe.kind == "fs.read.content"]
    results = tuple(Result(probe, verdict, "") for probe, verdict in zip(probes, verdicts, strict=False))
    assert Verification("open", results, Open().coverage(Policy())).code == code


@dataclass(frozen=True, slots=True)
class Refusing(Open):
    """One that refuses a grant, and says so or says something else."""

    says: str = "net.connect canary.invalid:443: there are no sockets"

    def plan(self, command: Command, policy: Policy) -> Plan:
        if policy.grants_any(Capability.NET_CONNECT):
            raise Refused(self.says)
        return Open.plan(self, command, policy)


def test_what_a_backend_refuses_to_grant_is_not_applicable_and_any_other_refusal_is_an_error() -> None:
    probes = chosen(["networking/loopback-beside-a-grant"])
    (result,) = verify(probes, setting(Refusing())).results
    assert (result.verdict, result.reason) == (Verdict.NOT_APPLICABLE, Refusing().says)
    with pytest.raises(Refused, match="broken"):
        verify(probes, setting(Refusing(says="something is broken")))


LACKING = """
import sys
class Hidden:
    @staticmethod
    def find_spec(name, *_):
        if name == "ctypes":
            raise ModuleNotFoundError("No module named 'ctypes'", name=name)
sys.meta_path.insert(0, Hidden)
"""


def test_acts_that_need_what_a_python_lacks_fail_and_the_others_are_done() -> None:
    good = setting(Open())
    code = f"{LACKING}\n{BOOT}"
    command = replace(good.target.command, argv=(*good.target.command.argv[:-1], code))
    lacking = replace(good, target=replace(good.target, command=command))
    probes = chosen(["environment/variable", "memory/writable-and-executable"])
    results = {result.probe.name: result for result in verify(probes, lacking, rehearse(probes, good)).results}
    assert results["environment/variable"].verdict is Verdict.THROUGH
    held = results["memory/writable-and-executable"]
    assert (held.verdict, held.reason) == (Verdict.HELD, "ModuleNotFoundError: No module named 'ctypes'")


@dataclass(frozen=True, slots=True)
class Endless(Open):
    """One whose runs end by their time on the clock."""

    def start(self, plan: Plan, run: RunInput) -> Outcome:
        return replace(Open.start(self, plan, run), ended_by="wall limit")


def test_an_act_that_was_still_going_on_counts_as_one_that_succeeded() -> None:
    good = setting(Endless())
    code = f"import os\n{BOOT.replace('perform(job)', '')}\nsay({{'begins': job['probes'][0]['name']}})"
    command = replace(good.target.command, argv=(*good.target.command.argv[:-1], code))
    stuck = replace(good, target=replace(good.target, command=command))
    probes = chosen(["reading/open-by-path"])
    (result,) = verify(probes, stuck, rehearse(probes, setting())).results
    assert result.verdict is Verdict.THROUGH


@dataclass(frozen=True, slots=True)
class Ending(Open):
    """Lets the target begin with a probe, and then ends it with an exit code and last words."""

    code: int = 1
    says: str = ""

    def start(self, plan: Plan, run: RunInput) -> Outcome:
        outcome = Open.start(self, plan, run)
        os.write(run.streams.stderr, self.says.encode())
        with os.fdopen(os.dup(run.streams.stdout), "r+b") as file:
            file.seek(0)
            first = file.readline()  # the token, behind which the output begins
            lines = [line for line in file.read().splitlines(keepends=True) if b'"begins"' in line]
            file.seek(0)
            file.truncate()
            file.writelines([first, *lines[:1]])
        return replace(outcome, code=self.code)


@pytest.mark.parametrize(
    ("code", "says", "verdict"),
    [
        (1, "", Verdict.THROUGH),
        (137, "", Verdict.HELD),
        (137, "vm: ended by the memory limit of the guest", Verdict.HELD),
        (137, "vm: the guest is gone", Verdict.THROUGH),
    ],
)
def test_probes_that_end_the_target_without_a_refusal_were_not_held(code: int, says: str, verdict: Verdict) -> None:
    """With a filter that refused select(2) each of 325 ended so, and none was executed."""
    (result,) = verify(chosen(["environment/variable"]), setting(Ending(code=code, says=says))).results
    assert (result.verdict, says in result.reason) == (verdict, True)
