"""What can confine a program on this host: all backends side by side, one of them in full, and the same as data."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from textwrap import wrap

from casemate.model.advisory import Known
from casemate.model.sandbox import Coverage, Enforcement, Gap, Json, Layer, Runtime
from casemate.model.visible import visible
from casemate.reports.layers import INK, by_class, row, withheld
from casemate.reports.paint import Ink, Style

SCHEMA = "casemate.backends/2"
NAME, HERE, BOUNDARY, START = 11, 5, 19, 16  # columns of the overview
CAPABILITY, CELL = 16, 12  # columns of the table
OUTER = "outer"
WORDS = {
    Enforcement.ENFORCED: "enforced",
    Enforcement.SINGLE: "single",
    Enforcement.PARTLY: "partly",
    Enforcement.NOT: "not",
    Enforcement.DESCRIBED: "",
}
LEGEND = """\
enforced: by several layers, each of them alone; single: by one layer; outer: only by the native backend, in which the
runtime itself is confined; partly: something of it is left open, and casemate backends show NAME says what. Where no
layer withholds what a policy denies, casemate run refuses to start, unless you accept that gap by name."""


@dataclass(frozen=True, slots=True)
class Started:
    """How long a program that does nothing takes, as medians in seconds: confined, and by itself in the same minute."""

    seconds: float
    bare: float
    runs: int
    day: str


@dataclass(frozen=True, slots=True)
class Found:
    """What a backend says of itself on this host, under the policy that grants nothing.

    `own` is the layer that its own boundary is, where the runtime is itself confined by the native backend.
    """

    name: str
    about: str
    runtime: Runtime
    own: str
    layers: tuple[Layer, ...]
    coverage: tuple[Coverage, ...]
    gaps: tuple[Gap, ...]
    advisories: tuple[Known, ...] = ()
    started: Started | None = None


def overview(found: Sequence[Found], style: Style) -> str:
    """Write one row for each backend, and what each of those that are here withholds."""
    return "".join(f"{line}\n" for line in _overview(found, style))


def in_full(backend: Found, style: Style) -> str:
    """Write everything that is known of one backend here."""
    return "".join(f"{line}\n" for line in _in_full(backend, style))


def _overview(found: Sequence[Found], style: Style) -> Iterator[str]:
    yield f"{'backend':{NAME}}{'here':{HERE}}{'boundary':{BOUNDARY}}{'start':{START}}version, or what is missing"
    for backend in found:
        yield from _line(backend, style)
    if any(backend.runtime.available and backend.started is None for backend in found):
        yield ""
        yield "not measured yet: casemate backends measure"
    here = [backend for backend in found if backend.runtime.available]
    columns = max(1, (style.width - CAPABILITY) // CELL)
    for at in range(0, len(here), columns):
        yield ""
        yield style.paint("what withholds each capability, under a policy that grants nothing", Ink.NAME)
        yield from _table(here[at : at + columns], style)
    yield ""
    yield from wrap(LEGEND.replace("\n", " "), style.width)
    yield "Layers, advisories and what remains, of each: casemate backends show NAME"


def _line(backend: Found, style: Style) -> Iterator[str]:
    """Yield the row of one backend, and what is missing below it where that is long."""
    runtime = backend.runtime
    here = style.paint("yes", Ink.GOOD) if runtime.available else style.paint("no ", Ink.HIGH)
    start = _start(backend.started) if runtime.available else ""
    lead = f"{backend.name:{NAME}}{here}  {runtime.boundary:{BOUNDARY}}{start:{START}}"
    width = NAME + HERE + BOUNDARY + START
    first, *rest = wrap(visible(_version(backend)), max(24, style.width - width))
    yield f"{lead}{first}"
    yield from (f"{' ' * width}{line}" for line in rest)


def _version(backend: Found) -> str:
    runtime = backend.runtime
    if not runtime.available:
        return runtime.why_not + (f"; install: {runtime.install}" if runtime.install else "")
    count = len(backend.advisories)
    return runtime.version + (f" ({count} known advisor{'y' if count == 1 else 'ies'})" if count else "")


def _start(started: Started | None) -> str:
    if started is None:
        return "not measured"
    return f"{started.seconds * 1000:.0f} ms ({started.seconds / started.bare:.1f}x)"


def _table(found: Sequence[Found], style: Style) -> Iterator[str]:
    yield f"{'':{CAPABILITY}}" + "".join(f"{backend.name:{CELL}}" for backend in found).rstrip()
    for number, entry in enumerate(found[0].coverage):
        if entry.enforcement is Enforcement.DESCRIBED:
            continue
        rows = [backend.coverage[number] for backend in found]
        cells = (_cell(one, backend.own, style) for one, backend in zip(rows, found, strict=True))
        yield f"{entry.capability:{CAPABILITY}}{''.join(cells)}".rstrip()


def _cell(entry: Coverage, own: str, style: Style) -> str:
    held = entry.enforcement in (Enforcement.ENFORCED, Enforcement.SINGLE)
    word = OUTER if held and own and own not in entry.layers else WORDS[entry.enforcement]
    return style.paint(word, INK[entry.enforcement]) + " " * (CELL - len(word))


def _in_full(backend: Found, style: Style) -> Iterator[str]:
    """Yield what one backend has, withholds and cannot withhold."""
    runtime = backend.runtime
    yield f"{style.paint(backend.name, Ink.NAME)}  {visible(backend.about)}"
    yield ""
    yield from row(f"{'boundary':<10}", 10, f"{runtime.boundary}{'' if runtime.assured else NOT_ASSURED}", style)
    yield from row(f"{'version':<10}", 10, _version(backend), style)
    if backend.started is not None:
        told = f"{_start(backend.started)}, {backend.started.runs} runs on {backend.started.day}"
        yield from row(f"{'start':<10}", 10, told, style)
    for sentence in runtime.residual:
        yield from row(f"{'remains':<10}", 10, sentence, style)
    for known in backend.advisories:
        yield from row(f"{'advisory':<10}", 10, f"{known.id}: {known.summary} ({known.note})", style)
    yield ""
    if not runtime.available:
        return
    if backend.gaps:
        yield "  a policy that grants nothing cannot be enforced here:"
        for gap in backend.gaps:
            yield from row(f"{gap.capability:<17}", 17, gap.reason, style)
    else:
        yield "  a policy that grants nothing can be enforced here"
    yield ""
    yield "  layers of this host"
    width = max((len(layer.name) for layer in backend.layers), default=0)
    for layer in backend.layers:
        has = style.paint("yes", Ink.GOOD) if layer.available else style.paint("no ", Ink.HIGH)
        yield from row(f"{layer.name:<{width}}  {has}", width + 5, layer.detail, style)
    yield ""
    yield "  what withholds each class of acts"
    yield from by_class(backend.coverage, style)
    yield ""
    yield "  what withholds each capability"
    yield from withheld(backend.coverage, style)


NOT_ASSURED = ", which its vendor does not offer against hostile code"


def as_json(found: Sequence[Found]) -> str:
    """Write everything as data."""
    document: dict[str, Json] = {
        "schema": SCHEMA,
        "policy": "grants nothing",
        "backends": [_described(backend) for backend in found],
    }
    return json.dumps(document, indent=2) + "\n"


def _described(backend: Found) -> dict[str, Json]:
    runtime, started = backend.runtime, backend.started
    return {
        "name": backend.name,
        "about": backend.about,
        "available": runtime.available,
        "boundary": str(runtime.boundary),
        "assured": runtime.assured,
        "version": visible(runtime.version),
        "missing": visible(runtime.why_not),
        "install": runtime.install,
        "residual": list(runtime.residual),
        "advisories": [{"id": one.id, "summary": one.summary, "note": one.note} for one in backend.advisories],
        "start": None
        if started is None
        else {
            "milliseconds": round(started.seconds * 1000, 1),
            "times_bare": round(started.seconds / started.bare, 2),
            "runs": started.runs,
            "day": started.day,
        },
        "layers": [
            {"name": layer.name, "available": layer.available, "detail": visible(layer.detail)}
            for layer in backend.layers
        ],
        "coverage": [_covered(entry, backend.own) for entry in backend.coverage],
        "gaps": [{"capability": str(gap.capability), "reason": visible(gap.reason)} for gap in backend.gaps],
    }


def _covered(entry: Coverage, own: str) -> dict[str, Json]:
    return {
        "capability": str(entry.capability),
        "enforcement": str(entry.enforcement),
        "outer": bool(own and entry.layers and own not in entry.layers),
        "layers": list(entry.layers),
        "note": visible(entry.note),
        "classes": [
            {
                "class": part.name,
                "enforcement": str(part.enforcement),
                "layers": list(part.layers),
                "note": visible(part.note),
            }
            for part in entry.classes
        ],
    }
