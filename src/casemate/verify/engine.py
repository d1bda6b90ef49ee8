"""The battery: each act outside, then, where it succeeded, inside; and what that means.

Probes that do not disturb each other share a start of the target. When a start ends early, what was being done then has
ended it, and the others are done in a further start.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from casemate.model.errors import Refused
from casemate.model.policy import Policy
from casemate.model.sandbox import Enforcement, Json
from casemate.model.verification import Probe, Result, Tried, Verdict, Verification, by_class
from casemate.verify import grants, starting
from casemate.verify.catalogue import source
from casemate.verify.scene import Scene
from casemate.verify.starting import Files, Said, Target

PATIENCE = 8.0  # seconds for one probe
TOGETHER = 48  # probes in one start
EACH = 2.0  # seconds that one of them takes at most on average, where it does not wait
BY_A_SIGNAL = 128  # an exit code below says that nobody ended the target: it could not go on
GONE = "the guest is gone"  # what a virtual machine says that broke: it has refused nothing
OUR_FAULT = ("NameError", "UnboundLocalError", "TypeError", "SyntaxError")  # a probe that was not even tried


def silent(_done: int, _total: int) -> None:
    """Tell nobody how far it is."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What a battery is tried against, and whom it tells how far it is."""

    target: Target
    progress: Callable[[int, int], None] = silent


def verify(probes: Sequence[Probe], setting: Setting, rehearsed: Mapping[Probe, Tried] | None = None) -> Verification:
    """Try every probe outside, unless somebody did, and inside. Raises Refused where nothing can be started at all."""
    target, results = setting.target, dict[Probe, Result]()
    total = len(probes) * (2 if rehearsed is None else 1)

    def rehearsing(done: int, _: int) -> None:
        setting.progress(done, total)

    if rehearsed is None:
        rehearsed = rehearse(probes, Setting(target, rehearsing))
    begun = total - len(probes)
    with Scene("inside") as scene:
        for group in groups(probes):
            setting.progress(begun + len(results), total)
            results |= _try(group, target, scene, rehearsed)
    setting.progress(total, total)
    coverage = target.backend.coverage(target.policy)
    return Verification(target.backend.name, tuple(results[probe] for probe in probes), coverage)


def rehearse(probes: Sequence[Probe], setting: Setting) -> Mapping[Probe, Tried]:
    """Do every act outside: what does not succeed there shows nothing inside."""
    seen = dict[Probe, Tried]()
    with Scene("outside") as scene:
        for group in groups(probes):
            setting.progress(len(seen), len(probes))
            seen |= _perform(group, setting.target, scene, confined=False)
    return seen


def groups(probes: Iterable[Probe]) -> Iterator[tuple[Probe, ...]]:
    """Put together what may share a start: the same grants and limits, and nothing that wants to be alone."""

    def key(probe: Probe) -> tuple[tuple[str, ...], str, list[str]]:
        special = sorted(name for name in probe.uses if name.startswith("most_") or name == "terminal")
        return probe.granted, probe.name if probe.alone else "", special

    for _, found in groupby(sorted(probes, key=key), key):
        together = tuple(found)
        for at in range(0, len(together), TOGETHER):
            yield together[at : at + TOGETHER]


def _try(group: Sequence[Probe], target: Target, scene: Scene, rehearsed: Mapping[Probe, Tried]) -> dict[Probe, Result]:
    """Try a group inside, but for what the policy gives and what did not succeed outside."""
    said = {entry.name: entry for entry in by_class(target.backend.coverage(target.policy))}
    results, works = dict[Probe, Result](), list[Probe]()
    for probe in group:
        reason = grants.given(probe, target.policy, scene.place, said[probe.kind])
        if not reason and not rehearsed[probe].succeeded:
            reason = f"outside, too: {rehearsed[probe].story}"
        if reason:
            results[probe] = Result(probe, Verdict.NOT_APPLICABLE, reason)
        else:
            works.append(probe)
    try:
        performed = _perform(works, target, scene, confined=True)
    except Refused as refused:
        if not _cannot_be_granted(refused, _policy(works, target, scene)):
            raise
        return results | {probe: Result(probe, Verdict.NOT_APPLICABLE, str(refused)) for probe in works}
    for probe, tried in performed.items():
        results[probe] = Result(probe, _verdict(probe, tried, target, scene), tried.story)
    return results


def _cannot_be_granted(refused: Refused, policy: Policy) -> bool:
    """Tell whether a backend refuses to start because of a grant that it cannot give, which it names."""
    return any(
        str(refused).startswith(f"{grant.capability} {grant.resource}".rstrip() + ":") for grant in policy.grants
    )


def _verdict(probe: Probe, tried: Tried, target: Target, scene: Scene) -> Verdict:
    """Weigh what was seen inside against what the coverage table says under the policy of this probe."""
    if not tried.succeeded:
        return Verdict.HELD
    policy = _policy([probe], target, scene)
    (said,) = (entry for entry in by_class(target.backend.coverage(policy)) if entry.name == probe.kind)
    if said.enforcement is Enforcement.NOT:
        known = probe.capability in target.accept or said.note.startswith(grants.GIVEN)
    else:
        known = said.enforcement is Enforcement.PARTLY and probe.partly
    return Verdict.AS_SAID if known else Verdict.THROUGH


def _policy(probes: Iterable[Probe], target: Target, scene: Scene) -> Policy:
    """Give the policy under which these are executed."""
    folders = [(probe, scene.own[probe.name].folder) for probe in probes]
    return grants.policy_for(target.policy, folders, str(scene.given["program"]), target.slow)


def _perform(probes: Sequence[Probe], target: Target, scene: Scene, *, confined: bool) -> dict[Probe, Tried]:
    """Execute probes on one side, in as many starts as it takes, and judge each by its effect.

    Raises Refused where a start executes none: an act that was not begun was not withheld.
    """
    seen, left = dict[Probe, Tried](), list(probes)
    for probe in probes:
        scene.prepare(probe)
    while left:
        said = _start(left, target, scene, confined=confined)
        scene.hear_who_came()
        answers = {str(line["probe"]): line for line in said.lines if "probe" in line}
        begun = [str(line["begins"]) for line in said.lines if "begins" in line]
        if not begun and said.ended == "wall limit" and "most_wall" in left[0].uses:
            begun = [left[0].name]  # the limit was over while a slow runtime started
        if not begun:
            where = "inside" if confined else "outside"
            raise Refused(f"{where}, the target executes no probe: {': '.join(filter(None, (said.ended, said.last)))}")
        for probe in tuple(left):
            answer = answers.get(probe.name)
            if answer is None and probe.name == begun[-1]:
                answer = {"how": "ended", "error": said.ended, "last": said.last}
            if answer is not None:
                seen[probe] = _judge(probe, answer, scene, pushed=said.pushed, confined=confined)
                left.remove(probe)
    return seen


def _start(probes: Sequence[Probe], target: Target, scene: Scene, *, confined: bool) -> Said:
    """Start the target once with these probes."""
    policy = _policy(probes, target, scene)
    files = Files(scene, terminal="terminal" in probes[0].uses)
    names = dict.fromkeys(probe.file for probe in probes)
    try:
        job: dict[str, Json] = {
            "harness": source("harness"),
            "files": {name: source(name) for name in ("toolkit", *names)},
            "patience": PATIENCE * target.slow,
            "probes": [
                {
                    "name": probe.name,
                    "file": probe.file,
                    "function": probe.function,
                    "canary": {**grants.told(policy), **scene.canary(probe)},
                }
                for probe in probes
            ],
        }
        if confined:
            return starting.inside(target, scene, job, files, _in_time(policy, target.slow * len(probes)))
        return starting.outside(target, scene, job, files, PATIENCE * target.slow * len(probes))
    finally:
        files.close()


def _in_time(policy: Policy, probes: int) -> Policy:
    """Let a start end where a probe waits for ever: not every Python can give it a child, or an alarm."""
    longest = round(starting.OVERTIME + EACH * probes)
    most = min(policy.limits.wall_seconds or longest, longest)
    return replace(policy, limits=replace(policy.limits, wall_seconds=most))


def _judge(probe: Probe, answer: Mapping[str, Json], scene: Scene, *, pushed: bool, confined: bool) -> Tried:
    """Tell whether an act succeeded: by its effect, or, where there can be none, because it says so.

    What is unclear counts against whoever would profit: as a failure outside, as a success inside.
    """
    how, last = answer.get("how"), str(answer.get("last", ""))
    text = str(answer.get("value", answer.get("error", "")))
    if effect := scene.effect(probe, text):
        return Tried(succeeded=True, story=effect)
    if pushed:
        return Tried(succeeded=True, story="something lies in the terminal that nobody typed")
    if how == "silent" or (text == "wall limit" and "most_wall" not in probe.uses):
        return Tried(succeeded=confined and not probe.waits, story="no answer in time")
    if how == "ended" and _could_not_go_on(text, last):
        story = ": ".join(filter(None, ("the probes did not go on, so nothing was shown", text, last)))
        return Tried(succeeded=confined, story=story)
    if answer.get("kind") in OUR_FAULT:
        return Tried(succeeded=confined, story=f"the probe itself failed, so nothing was shown: {text}")
    stories = {
        "done": "the act succeeded",
        "got": f"it got something else: {text[:80]!r}",
        "killed": f"killed by signal {answer.get('signal')}",
        "ended": ": ".join(filter(None, ("the run ended", text, last))),
    }
    return Tried(succeeded=how == "done", story=stories.get(str(how), text))


def _could_not_go_on(ended: str, last: str) -> bool:
    """Tell whether a target ended though nobody refused it anything: by a code of its own, or because a guest broke."""
    code = ended.removeprefix("exit code ")
    return GONE in last or (code.isdigit() and int(code) < BY_A_SIGNAL)
