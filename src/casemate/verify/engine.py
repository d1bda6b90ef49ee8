"""The battery: each act outside, then, where it succeeded, inside; and what that means.

Probes that do not disturb each other share a start of the target. When a start ends early, what was being done then has
ended it, and the others are done in a further start.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import groupby

from casemate.model.capability import Capability
from casemate.model.sandbox import Coverage, Enforcement, Json
from casemate.model.verification import Probe, Result, Tried, Verdict, Verification
from casemate.verify import grants, starting
from casemate.verify.catalogue import source
from casemate.verify.scene import Scene
from casemate.verify.starting import Files, Said, Target

PATIENCE = 8.0  # seconds for one probe
TOGETHER = 24  # probes in one start: their job is one argument
OUR_FAULT = ("NameError", "UnboundLocalError", "TypeError", "SyntaxError")  # a probe that was not even tried


@dataclass(frozen=True, slots=True)
class Setting:
    """What a battery is tried against, and whom it tells how far it is."""

    target: Target
    progress: Callable[[int, int], None] = field(default=lambda _done, _total: None)


def verify(probes: Sequence[Probe], setting: Setting) -> Verification:
    """Try every probe. Raises Refused and Unenforceable where nothing can be started at all."""
    target = setting.target
    coverage = target.backend.coverage(target.policy)
    results = dict[Probe, Result]()
    with ExitStack() as stack:
        sides = [stack.enter_context(Scene(side)) for side in ("outside", "inside")]
        for group in groups(probes):
            setting.progress(len(results), len(probes))
            results |= _try(group, target, sides[0], sides[1])
        setting.progress(len(probes), len(probes))
    return Verification(target.backend.name, tuple(results[probe] for probe in probes), coverage)


def groups(probes: Iterable[Probe]) -> Iterator[tuple[Probe, ...]]:
    """Put together what may share a start: the same file, grants and limits, and nothing that wants to be alone."""

    def key(probe: Probe) -> tuple[str, tuple[str, ...], str, list[str]]:
        special = sorted(name for name in probe.uses if name.startswith("most_") or name == "terminal")
        return probe.file, probe.granted, probe.name if probe.alone else "", special

    for _, found in groupby(sorted(probes, key=key), key):
        together = tuple(found)
        for at in range(0, len(together), TOGETHER):
            yield together[at : at + TOGETHER]


def _try(group: Sequence[Probe], target: Target, without: Scene, within: Scene) -> dict[Probe, Result]:
    """Try a group on both sides."""
    covered = {entry.capability: entry for entry in target.backend.coverage(target.policy)}
    results, asked = dict[Probe, Result](), list[Probe]()
    for probe in group:
        if reason := grants.given(probe, target.policy, within.place, covered):
            results[probe] = Result(probe, Verdict.NOT_APPLICABLE, reason)
        else:
            asked.append(probe)
    seen = _perform(asked, target, without, confined=False)
    works = [probe for probe in asked if seen[probe].succeeded]
    for probe in asked:
        if not seen[probe].succeeded:
            results[probe] = Result(probe, Verdict.NOT_APPLICABLE, f"outside, too: {seen[probe].story}")
    for probe, tried in _perform(works, target, within, confined=True).items():
        results[probe] = Result(probe, _verdict(probe, tried, covered, target.accept), tried.story)
    return results


def _verdict(
    probe: Probe, tried: Tried, covered: Mapping[Capability, Coverage], accepted: frozenset[Capability]
) -> Verdict:
    """Weigh what was seen inside against what the coverage table says."""
    if not tried.succeeded:
        return Verdict.HELD
    said = covered[probe.capability].enforcement
    not_claimed = said is Enforcement.NOT and probe.capability in accepted
    return Verdict.AS_SAID if not_claimed or (said is Enforcement.PARTLY and probe.partly) else Verdict.THROUGH


def _perform(probes: Sequence[Probe], target: Target, scene: Scene, *, confined: bool) -> dict[Probe, Tried]:
    """Execute probes on one side, in as many starts as it takes, and judge each by its effect."""
    seen, left = dict[Probe, Tried](), list(probes)
    for probe in probes:
        scene.prepare(probe)
    while left:
        said = _start(left, target, scene, confined=confined)
        scene.hear_who_came()
        answers = {str(line["probe"]): line for line in said.lines if "probe" in line}
        begun = [str(line["begins"]) for line in said.lines if "begins" in line]
        for probe in tuple(left):
            answer = answers.get(probe.function)
            if answer is None and (not begun or probe.function == begun[-1]):
                answer = {"how": "ended", "error": said.ended}
            if answer is not None:
                seen[probe] = _judge(probe, answer, scene, pushed=said.pushed, confined=confined)
                left.remove(probe)
    return seen


def _start(probes: Sequence[Probe], target: Target, scene: Scene, *, confined: bool) -> Said:
    """Start the target once with these probes."""
    folders = [(probe, scene.own[probe.name].folder) for probe in probes]
    policy = grants.policy_for(target.policy, folders, str(scene.given["program"]))
    files = Files(scene, terminal="terminal" in probes[0].uses)
    try:
        job: dict[str, Json] = {
            "harness": source("harness"),
            "toolkit": source("toolkit"),
            "file": source(probes[0].file),
            "patience": PATIENCE,
            "probes": [
                {"function": probe.function, "canary": {**grants.told(policy), **scene.canary(probe)}}
                for probe in probes
            ],
        }
        if confined:
            return starting.inside(target, scene, job, files, policy)
        return starting.outside(target, scene, job, files, PATIENCE * len(probes))
    finally:
        files.close()


def _judge(probe: Probe, answer: Mapping[str, Json], scene: Scene, *, pushed: bool, confined: bool) -> Tried:
    """Tell whether an act succeeded: by its effect, or, where there can be none, because it says so.

    What is unclear counts against whoever would profit: as a failure outside, as a success inside.
    """
    how = answer.get("how")
    text = str(answer.get("value", answer.get("error", "")))
    if effect := scene.effect(probe, text):
        return Tried(succeeded=True, story=effect)
    if pushed:
        return Tried(succeeded=True, story="something lies in the terminal that nobody typed")
    if how == "silent":
        return Tried(succeeded=confined and not probe.waits, story=f"no answer within {PATIENCE:g} seconds")
    if answer.get("kind") in OUR_FAULT:
        return Tried(succeeded=confined, story=f"the probe itself failed, so nothing was shown: {text}")
    stories = {
        "done": "the act succeeded",
        "got": f"it got something else: {text[:80]!r}",
        "killed": f"killed by signal {answer.get('signal')}",
        "ended": f"the run ended: {text}",
    }
    return Tried(succeeded=how == "done", story=stories.get(str(how), text))
