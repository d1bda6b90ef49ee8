"""casemate.toml, format version 1 → Policy. Deny by default: what is absent is denied, what is unknown is an error.

The only exception that leaves this module is PolicyError, whatever the bytes are.
"""
# ruff: noqa: PTH120 -- a path stays the string that was written: pathlib drops what `//` and `./` mean

import os
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias, TypeVar, cast

from casemate.model.capability import Capability
from casemate.model.dataclass import dataclass, replace
from casemate.model.errors import PolicyError
from casemate.model.policy import Assurance, Grant, Limits, Missing, Policy, WriteMode
from casemate.model.scope import Scope, ScopeKind
from casemate.model.secret import Secret
from casemate.policy import values
from casemate.policy.limits import LIMITS
from casemate.policy.sets import DENY_SETS, READ_SETS, SPAWN_SETS, UNIX_SETS, WRITE_SETS
from casemate.policy.source import read

VERSION = 1
BACKENDS = ("native", "bubblewrap", "oci", "oci:crun", "oci:runc", "oci:runsc", "oci:youki", "vm", "wasm", "graalpy")
# The time and the memory that tomllib takes for a dotted key are the square of its parts: 40 000 of them, a minute.
PART = r"""(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+"""
MANY_PARTS = re.compile(rf"(?<![\w.-]){PART}(?:{PART}){{63}}")
KEYS: Mapping[str, tuple[str, ...]] = {
    "policy": ("version", "name", "backend", "layers", "assurance"),
    "fs": ("read", "write", "deny", "tmp", "missing", "image"),
    "net": ("connect", "listen", "unix"),
    "proc": ("spawn",),
    "env": ("pass", "set", "secret"),
    "native": ("wx",),
    "limits": tuple(LIMITS),
    "scope": ("kind", "exclude"),
}
Table: TypeAlias = Mapping[str, object]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Document:
    """A policy file that was read: the policy, the scope that may stand beside it, and its exact bytes for a hash."""

    policy: Policy
    scope: Scope | None
    content: bytes
    path: str


def load(path: str) -> Document:
    """Read a policy file. Raises PolicyError, which names the file, the key and what is allowed there."""
    return document(path, read(path))


def document(path: str, content: bytes) -> Document:
    """Understand the bytes of a policy file that were read at a path. Raises PolicyError."""
    policy, scope = parse(content, path, os.path.dirname(os.path.realpath(path)))
    return Document(policy, scope, content, path)


def parse(content: bytes, path: str, folder: str) -> tuple[Policy, Scope | None]:
    """Turn the bytes of a policy file into a Policy; relative paths begin in `folder`. Raises PolicyError."""
    try:
        text = content.decode()
        if MANY_PARTS.search(text):
            raise PolicyError(f"{path}: nested too deeply")
        tables = tomllib.loads(text)
    except UnicodeDecodeError as error:
        raise PolicyError(f"{path}: not UTF-8 at byte {error.start}") from None
    except RecursionError:
        raise PolicyError(f"{path}: nested too deeply") from None
    except ValueError as error:
        raise PolicyError(f"{path}: not TOML: {error}") from None
    return Reader(path, folder).document(tables)


@dataclass(frozen=True, slots=True)
class Reader:
    """Where the text comes from, for messages and for relative paths."""

    file: str
    folder: str

    def document(self, tables: Table) -> tuple[Policy, Scope | None]:
        """Read all tables."""
        self.known(tables, "", tuple(KEYS))
        found = {name: self.table(tables.get(name, {}), name) for name in KEYS}
        head, fs, strictest = found["policy"], found["fs"], Policy()
        if type(head.get("version")) is not int or head["version"] != VERSION:
            raise self.wrong("policy.version", f"`version = {VERSION}` is required; this casemate reads no other")
        policy = Policy(
            name=self.value(head, "policy.name", values.text, ""),
            backends=self.backends(head, strictest.backends),
            layers=self.value(head, "policy.layers", lambda value: values.number(value, 1, 9), strictest.layers),
            assurance=self.value(head, "policy.assurance", assurance, strictest.assurance),
            grants=tuple(self.grants(found)),
            deny=self.list(fs, "fs.deny", self.denied, strictest.deny),
            missing=self.value(fs, "fs.missing", missing, strictest.missing),
            tmp_bytes=self.value(fs, "fs.tmp", positive_size, strictest.tmp_bytes),
            image=self.value(fs, "fs.image", self.path, strictest.image),
            settings=self.settings(found["env"]),
            secrets=tuple(self.secrets(found["env"], found["net"])),
            limits=self.limits(found["limits"]),
        )
        return policy, self.scope(found["scope"]) if "scope" in tables else None

    def backends(self, head: Table, absent: tuple[str, ...]) -> tuple[str, ...]:
        """Read the backends; a list that is there names one."""
        named = self.list(head, "policy.backend", backend, absent)
        if "backend" in head and not named:
            raise self.wrong("policy.backend", "at least one name is expected; without the key it is native")
        return named

    def grants(self, found: Mapping[str, Table]) -> Iterator[Grant]:
        """Yield the grants in the order of the format."""
        fs, net = found["fs"], found["net"]
        yield from (Grant(Capability.FS_READ, path) for path in self.list(fs, "fs.read", self.readable))
        yield from self.list(fs, "fs.write", self.writable)
        yield from (Grant(Capability.NET_CONNECT, host) for host in self.list(net, "net.connect", values.host_port))
        yield from (Grant(Capability.NET_LISTEN, port) for port in self.list(net, "net.listen", values.listen_port))
        yield from (Grant(Capability.NET_UNIX, path) for path in self.list(net, "net.unix", self.socket))
        spawned = self.list(found["proc"], "proc.spawn", self.program)
        yield from (Grant(Capability.PROC_SPAWN, path) for path in spawned)
        passed = self.list(found["env"], "env.pass", values.variable)
        yield from (Grant(Capability.ENV_READ, name) for name in passed)
        if self.value(found["native"], "native.wx", boolean, default=False):
            yield Grant(Capability.NATIVE_WX, "")

    def path(self, value: object) -> str:
        """Read a path, without @sets."""
        return values.path(value, self.folder)

    def readable(self, value: object) -> str:
        """Read a path or one of the @sets that may be read."""
        return named_set(value, READ_SETS) or self.path(value)

    def socket(self, value: object) -> str:
        """Read the path of a socket, or the name of those that only the program's own processes reach."""
        return named_set(value, UNIX_SETS) or self.path(value)

    def program(self, value: object) -> str:
        """Read the path of a program, or the name of the program's own Python."""
        return named_set(value, SPAWN_SETS) or self.path(value)

    def denied(self, value: object) -> str:
        """Read a path or one of the @sets of what is denied."""
        return named_set(value, DENY_SETS) or self.path(value)

    def writable(self, value: object) -> Grant:
        """Read a path, or a table of path, mode and max."""
        if not isinstance(value, dict):
            return Grant(Capability.FS_WRITE, named_set(value, WRITE_SETS) or self.path(value), WriteMode.COMMIT)
        table = cast("Table", value)
        if unknown := set(table) - {"path", "mode", "max"}:
            raise ValueError(f"unknown key {min(unknown)!r}; allowed: path, mode, max")
        if "path" not in table:
            raise ValueError("`path` is missing")
        granted = named_set(table["path"], WRITE_SETS) or self.path(table["path"])
        most = positive_size(table["max"]) if "max" in table else None
        return Grant(Capability.FS_WRITE, granted, write_mode(table.get("mode", "commit")), most)

    def settings(self, env: Table) -> tuple[tuple[str, str], ...]:
        """Read the variables to which the policy itself gives a value."""
        table = self.table(env.get("set", {}), "env.set")
        try:
            settings = tuple((values.variable(name), values.content(value)) for name, value in table.items())
        except ValueError as error:
            raise self.wrong("env.set", str(error)) from None
        if twice := {name for name, _ in settings} & set(self.list(env, "env.pass", values.variable)):
            raise self.wrong("env.set", f"{min(twice)} is in env.pass too; one of them has to go")
        return settings

    def secrets(self, env: Table, net: Table) -> Iterator[Secret]:
        """Read the variables that hold a placeholder, each a table of `from` and `to`."""
        passed = set(self.list(env, "env.pass", values.variable))
        granted = set(self.list(net, "net.connect", values.host_port))
        known = passed | set(self.table(env.get("set", {}), "env.set"))
        for name, value in self.table(env.get("secret", {}), "env.secret").items():
            key = f"env.secret.{name}"
            try:
                secret = self.secret(name, value)
            except ValueError as error:
                raise self.wrong(key, str(error)) from None
            if secret.name in known or secret.source.removeprefix("env:") in passed:
                raise self.wrong(key, "it, or the variable that it comes from, is passed or set by another key")
            if secret.to not in granted:
                raise self.wrong(key, f"net.connect does not grant {secret.to}")
            yield secret

    def secret(self, name: str, value: object) -> Secret:
        """Read one of them."""
        if not isinstance(value, dict):
            raise ValueError(f"a table of `from` and `to` is expected, not {values.kind(value)}")  # noqa: TRY004 -- one kind of error
        table = cast("Table", value)
        if set(table) != {"from", "to"}:
            raise ValueError('exactly `from` ("env:NAME" or "file:PATH") and `to` ("HOST:PORT") are expected')
        kind, colon, place = values.text(table["from"]).partition(":")
        if kind not in ("env", "file") or not colon:
            raise ValueError(f"{table['from']!r}: env:NAME or file:PATH is expected")
        source = values.variable(place) if kind == "env" else self.path(place)
        return Secret(values.variable(name), f"{kind}:{source}", values.host_port(table["to"]))

    def limits(self, table: Table) -> Limits:
        """Read the limits; those not named keep their defaults, which are never unlimited for memory and processes."""
        chosen = {
            limit.attribute: self.value(table, f"limits.{key}", limit.read, 0)
            for key, limit in LIMITS.items()
            if key in table
        }
        return replace(Limits(), **chosen)

    def scope(self, table: Table) -> Scope:
        """Read the scope of an audit that may stand beside the policy."""
        kind = self.value(table, "scope.kind", scope_kind, ScopeKind.SOFTWARE)
        exclude = self.list(table, "scope.exclude", values.text)
        return Scope(kind=kind, exclude=exclude, declared=True)

    def table(self, value: object, key: str) -> Table:
        """Read a table of which all keys are known."""
        if not isinstance(value, dict):
            raise self.wrong(key, f"a table is expected, not {values.kind(value)}")
        table = cast("Table", value)
        if key in KEYS:
            self.known(table, key, KEYS[key])
        return table

    def known(self, table: Table, prefix: str, allowed: tuple[str, ...]) -> None:
        """Refuse keys that are not of the format."""
        if unknown := [key for key in table if key not in allowed]:
            key = f"{prefix}.{unknown[0]}" if prefix else unknown[0]
            raise self.wrong(key, f"unknown key; allowed here: {', '.join(allowed)}")

    def value(self, table: Table, key: str, read: Callable[[object], T], default: T) -> T:
        """Read one value."""
        name = key.rpartition(".")[2]
        if name not in table:
            return default
        try:
            return read(table[name])
        except ValueError as error:
            raise self.wrong(key, str(error)) from None

    def list(self, table: Table, key: str, read: Callable[[object], T], default: tuple[T, ...] = ()) -> tuple[T, ...]:
        """Read a list without repetitions; items that name the same thing count as one."""
        name = key.rpartition(".")[2]
        if name not in table:
            return default
        items = table[name]
        if not isinstance(items, list):
            raise self.wrong(key, f"an array is expected, not {values.kind(items)}")
        seen: dict[object, T] = {}
        for index, item in enumerate(cast("list[object]", items)):
            try:
                value = read(item)
            except ValueError as error:
                raise self.wrong(f"{key}[{index}]", str(error)) from None
            identity = value.resource if isinstance(value, Grant) else value
            if identity in seen:
                raise self.wrong(f"{key}[{index}]", f"{identity!r} is there twice")
            seen[identity] = value
        return tuple(seen.values())

    def wrong(self, key: str, message: str) -> PolicyError:
        """Make the error: file, dotted key, what is allowed. Keys come from the file: they are shown escaped."""
        shown = key if key.isprintable() else repr(key)
        return PolicyError(f"{self.file}: {shown}: {message}")


def named_set(value: object, allowed: tuple[str, ...]) -> str | None:
    """Give the @set that a value names, None where it names none."""
    if not isinstance(value, str) or not value.startswith("@"):
        return None
    if value not in allowed:
        raise ValueError(f"unknown set {value!r} here; allowed: {', '.join(allowed)} (a file of that name: ./{value})")
    return value


def backend(value: object) -> str:
    """Read the name of a backend."""
    return _one_of(value, BACKENDS)


def assurance(value: object) -> Assurance:
    """Read which backends are admitted."""
    return Assurance(_one_of(value, tuple(Assurance)))


def write_mode(value: object) -> WriteMode:
    """Read the mode of a write grant."""
    return WriteMode(_one_of(value, tuple(WriteMode)))


def missing(value: object) -> Missing:
    """Read what a missing path means."""
    return Missing(_one_of(value, tuple(Missing)))


def scope_kind(value: object) -> ScopeKind:
    """Read what an audit looks at."""
    return ScopeKind(_one_of(value, tuple(ScopeKind)))


def boolean(value: object) -> bool:
    """Read true or false."""
    if not isinstance(value, bool):
        raise ValueError(f"true or false is expected, not {values.kind(value)}")  # noqa: TRY004 -- one kind of error
    return value


def positive_size(value: object) -> int:
    """Read a size that is not 0."""
    if (size := values.size(value)) == 0:
        raise ValueError("0 is no size here; leave the key out for the default")
    return size


def _one_of(value: object, allowed: tuple[str, ...]) -> str:
    """Read one word of a closed set."""
    if value not in allowed or not isinstance(value, str):
        raise ValueError(f"{value!r}: one of {', '.join(map(str, allowed))} is expected")
    return value
