"""What is known of the runtimes that backends use: advisories by runtime and version, each with its source.

The ranges are those of the authors. A distribution fixes a fault without changing the authors' number, so that for its
builds the answer is "affected upstream, perhaps fixed here", and never "fixed" or "affected".
"""

import re
import tomllib
from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import cast

from casemate.model.advisory import Known
from casemate.model.dataclass import dataclass

FILE = Path(__file__).with_name("advisories.toml")
NUMBERS = re.compile(
    r"(?:^|[^\d.])(?:\d+:)?v?(\d+(?:\.\d+)*)(?:[-.~+]?(rc|alpha|beta|dev)(?![a-z])[.-]?(\d+)?)?", re.IGNORECASE
)
BUILT = re.compile(
    r"\+(?:ds|dfsg|deb)|~deb|ubuntu|debian|-\d+\.(?:el|fc)\d|-\d+-(?:amd|arm|cloud|generic)", re.IGNORECASE
)
BOUND = re.compile(r"(<=|>=|<|>)([0-9][0-9A-Za-z.-]*)")
EVERY = "*"
PREVIEWS = {"dev": 0, "alpha": 1, "beta": 2, "rc": 3}
FINAL = 4
OF_DISTRIBUTION = "this is a build of a distribution, which may have the fix"
UNKNOWN = "the version is not known, so that every advisory is listed"
STANDS_ON: Mapping[str, str] = {"native": "linux", "bubblewrap": "bubblewrap", "vm": "qemu", "wasm": "wasmtime",
                                "graalpy": "graalpy"}  # fmt: skip

Version = tuple[tuple[int, ...], int, int]  # numbers, kind of preview, its number


@dataclass(frozen=True, slots=True)
class Advisory:
    """One published fault. `affected` are ranges of the authors' versions, "*" where its source names no fixed one."""

    id: str
    affected: tuple[str, ...]
    summary: str
    source: str


def of_backend(name: str, version: str) -> tuple[Known, ...]:
    """List what is known of what a backend stands on (`oci:runc` on runc), by the version that the backend tells."""
    kind, _, option = name.partition(":")
    return known(option or STANDS_ON.get(kind, kind), version)


def known(runtime: str, version: str) -> tuple[Known, ...]:
    """List the advisories for a version as the runtime itself, or a package, writes it; for "*" all there are.

    None for an unknown runtime.
    """
    every = _table().get(runtime, ())
    if version == EVERY:
        return tuple(_known(one, "") for one in every)
    parsed = parse(_own(runtime, version))
    if parsed is None:
        return tuple(_known(one, UNKNOWN) for one in every)
    found = (one for one in every if any(matches(parsed, span) for span in one.affected))
    return tuple(_known(one, OF_DISTRIBUTION if BUILT.search(version) else "") for one in found)


def _own(runtime: str, version: str) -> str:
    """Take what follows the runtime's own name, where a text names several versions."""
    at = version.lower().rfind(runtime)
    return version if at < 0 else version[at + len(runtime) :]


def _known(one: Advisory, note: str) -> Known:
    which = "versions not named" if one.affected == (EVERY,) else f"upstream {', '.join(one.affected)}"
    return Known(one.id, one.summary, "; ".join(part for part in (which, note, one.source) if part))


def runtimes() -> tuple[str, ...]:
    """Name the runtimes that the table speaks of."""
    return tuple(_table())


def collected() -> date:
    """Say when the sources were read."""
    return cast("date", tomllib.loads(FILE.read_text("utf-8"))["collected"])


def parse(text: str) -> Version | None:
    """Read the authors' version out of any spelling, such as `1:7.2+dfsg-7+deb12u18` or `release-20250319.0`."""
    found = NUMBERS.search(text)
    if found is None:
        return None
    numbers = tuple(int(part[:18]) for part in found[1].split("."))
    while numbers[-1:] == (0,):
        numbers = numbers[:-1]  # 1.20 and 1.20.0 are one version
    return numbers, PREVIEWS[found[2].lower()] if found[2] else FINAL, int((found[3] or "0")[:18])


def matches(version: Version, span: str) -> bool:
    """Tell whether a version lies in a range such as `>=1.0.0-rc93 <1.1.12`. Raises ValueError for no range."""
    if span == EVERY:
        return True
    bounds = BOUND.findall(span)
    if not bounds or " ".join(sign + text for sign, text in bounds) != span:
        raise ValueError(f"{span!r} is no range of versions")
    return all(_holds(version, sign, text) for sign, text in bounds)


def _holds(version: Version, sign: str, text: str) -> bool:
    bound = parse(text)
    if bound is None:
        raise ValueError(f"{text!r} is no version")
    match sign:
        case "<":
            return version < bound
        case "<=":
            return version <= bound
        case ">":
            return version > bound
        case _:
            return version >= bound


@cache
def _table() -> dict[str, tuple[Advisory, ...]]:
    """Read the file; a wrong row is an error of ours."""
    rows = tomllib.loads(FILE.read_text("utf-8"))
    return {name: tuple(map(_row, cast("list[dict[str, object]]", rows[name]))) for name in rows if name != "collected"}


def _row(row: dict[str, object]) -> Advisory:
    if set(row) != {"id", "affected", "summary", "source"}:
        raise ValueError(f"an advisory has exactly id, affected, summary and source: {row}")
    return Advisory(
        str(row["id"]), tuple(map(str, cast("list[str]", row["affected"]))), str(row["summary"]), str(row["source"])
    )
