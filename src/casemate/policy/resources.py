"""From what the code names to what a policy grants: paths, ends of connections, programs, variables.

A resource that is not known well enough is never guessed: `Unclear` says why, and inference lists it.
"""
# ruff: noqa: PTH112, PTH113, PTH118, PTH120 -- a path stays the string that was written: pathlib drops what `//` and `./` mean

import os
from collections.abc import Mapping
from urllib.parse import urlsplit

from casemate.model.tree import below
from casemate.policy import values
from casemate.readers.code.capabilities import Precision

PORTS: Mapping[str, int] = {
    "http": 80,
    "https": 443,
    "ws": 80,
    "wss": 443,
    "ftp": 21,
    "ftps": 990,
    "sftp": 22,
    "ssh": 22,
    "smtp": 25,
    "smtps": 465,
    "imap": 143,
    "imaps": 993,
    "ldap": 389,
    "ldaps": 636,
    "redis": 6379,
    "rediss": 6379,
    "amqp": 5672,
    "amqps": 5671,
    "mongodb": 27017,
    "mysql": 3306,
    "mariadb": 3306,
    "postgres": 5432,
    "postgresql": 5432,
}
PRIVATE = ("/tmp", "/var/tmp", "/dev/shm", "/home/casemate")  # noqa: S108 -- the run has its own
GIVEN = (
    "/dev/null",
    "/dev/zero",
    "/dev/full",
    "/dev/random",
    "/dev/urandom",
    "/dev/stdin",
    "/dev/stdout",
    "/dev/stderr",
)
KERNEL = ("/proc", "/sys", "/dev")


class Unclear(Exception):  # noqa: N818 -- no error: an answer that is "cannot be told"
    """Why a resource cannot be granted as it stands."""


def path(text: str, precision: Precision, folder: str) -> str | None:
    """Give the absolute path that a program names, None where the run has its own there.

    A relative path begins in `folder`. Of a path that is partly known the folder counts that is known whole.
    """
    if precision is Precision.PARTLY:
        text, slash, _ = text.rpartition("/")
        if not slash or not text.strip("./"):
            raise Unclear("the beginning of the path is not known")
    if precision not in (Precision.CONSTANT, Precision.PARTLY) or not text:
        raise Unclear("the path is not constant")
    if "\0" in text or text.startswith("~"):
        raise Unclear(f"{text!r} is no path that can be granted")
    whole = _writable_in_a_policy(os.path.normpath(os.path.join(folder, text)))
    if whole in GIVEN or any(below(whole, own) for own in PRIVATE if text.startswith("/")):
        return None
    if any(below(whole, own) for own in KERNEL) or whole.count("/") == 1:
        raise Unclear(f"{whole} is too wide, or made anew inside")
    return whole


def _writable_in_a_policy(whole: str) -> str:
    """Give a path back that a policy file can hold: no control characters, no globs, text."""
    try:
        return values.path(whole, "/")
    except ValueError as error:
        raise Unclear(str(error)) from None


def variable(text: str) -> str:
    """Give the name of a variable back that a policy file can hold."""
    try:
        return values.variable(text)
    except ValueError as error:
        raise Unclear(str(error)) from None


def folder_to_write(file: str, folder: str) -> str:
    """Give what has to be writable so that a file can be made: its folder, below `folder`; else the file alone.

    Databases and careful writers make a second file beside the first. A folder outside is not opened for one file.
    """
    parent = os.path.dirname(file)
    return parent if parent.startswith(folder.rstrip("/") + "/") and not os.path.isdir(file) else file


def connection(text: str, precision: Precision) -> str:
    """Give the HOST:PORT to which a program connects, from a URL, a HOST:PORT or a host."""
    if precision not in (Precision.CONSTANT, Precision.PARTLY) or not text:
        raise Unclear("the host is not constant")
    if "://" not in text:
        if precision is Precision.PARTLY:
            raise Unclear("only the beginning of the host is known")
        return _end(text, None)
    scheme, _, rest = text.partition("://")
    if precision is Precision.PARTLY and not any(mark in rest for mark in "/?#"):
        raise Unclear("only the beginning of the host is known")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise Unclear(f"{text!r}: {error}") from None
    shown = f"[{host}]" if ":" in host else host
    return _end(f"{shown}:{port}" if port else shown, PORTS.get(scheme.partition("+")[0].lower()))


def _end(text: str, port: int | None) -> str:
    """Spell an end of a connection."""
    for candidate in (text, f"{text}:{port}"):
        try:
            return values.host_port(candidate)
        except ValueError:
            continue
    raise Unclear(f"{text!r}: the port is not known" if port is None else f"{text!r} is no host")


def listening(host: str, port: str) -> str:
    """Give the ADDRESS:PORT on which a program answers; without a host it is loopback."""
    address = {"": "127.0.0.1", "localhost": "127.0.0.1", "::": "[::]", "::1": "[::1]"}.get(host, host)
    try:
        return values.listen_port(f"{address}:{port}")
    except ValueError as error:
        raise Unclear(str(error)) from None


def program(text: str, precision: Precision, search: str) -> str:
    """Give the absolute path of a program that is started: along PATH where it is a bare name."""
    if precision is not Precision.CONSTANT or not text:
        raise Unclear("the program is not constant")
    name = text.split(maxsplit=1)[0] if " " in text and not text.startswith("/") else text
    candidates = [name] if name.startswith("/") else [f"{part}/{name}" for part in search.split(":") if part[:1] == "/"]
    found = next((path for path in candidates if os.path.isfile(path) and os.access(path, os.X_OK)), None)
    if found is None or ("/" in name and not name.startswith("/")):
        raise Unclear(f"the program {name!r} is not on this host")
    return _writable_in_a_policy(found)
