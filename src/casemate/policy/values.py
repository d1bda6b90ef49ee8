"""The values of a policy file: paths, hosts, names, sizes, durations. Each has one spelling and one meaning.

Every function raises ValueError with what is wrong and what is allowed; file.py adds the file and the key.
"""

import os

from casemate.model.policy import PRIVATE

UNITS = {"": 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}
SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
LARGEST = 1 << 62  # what the kernel's 64-bit limits hold, with room for sums
LABEL = r"(?!-)[a-z0-9_-]{1,63}(?<!-)"
NUMERIC = r"0x[0-9a-f]*|[0-9]+"
GLOBS = frozenset("*?[]{}")


def text(value: object) -> str:
    """Give a non-empty string without control characters (the C0 and C1 sets, DEL and NUL)."""
    if not isinstance(value, str):
        raise ValueError(f"a string is expected, not {kind(value)}")  # noqa: TRY004 -- one kind of error for the caller
    if not value:
        raise ValueError("an empty string stands for nothing; leave it out")
    if any(ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0 for c in value):
        raise ValueError(f"{value!r} holds a control character")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{value!r} is not valid UTF-8") from None
    return value


def kind(value: object) -> str:
    """Name the TOML type of a value."""
    match value:
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case list():
            return "an array"
        case dict():
            return "a table"
        case _:
            return "a date or time"


def path(value: object, folder: str) -> str:
    """Give an absolute path; a relative one begins in `folder`, which must be absolute and without links.

    Paths are literal. `..` is taken only at the beginning of a relative path, where it cannot meet a link, so that what
    is read here is what the kernel opens. Source: CVE-2026-50549, a canonicalisation that disagreed with the kernel.
    """
    written = text(value)
    if written.startswith("@"):
        raise ValueError(f"{written!r}: no set can stand here (a file of that name: ./{written})")
    if written.startswith("~"):
        raise ValueError(f"{written!r}: `~` is not expanded; write the whole path")
    parts = [part for part in written.split("/") if part not in ("", ".")]
    base = [] if written.startswith("/") else [part for part in folder.split("/") if part]
    while parts[:1] == [".."]:
        if not base:
            raise ValueError(f"{written!r} goes above the root")
        parts.pop(0)
        base.pop()
    if ".." in parts:
        raise ValueError(f"{written!r}: `..` may only begin a relative path; write the path without it")
    whole = "/" + "/".join(base + parts)
    if GLOBS & set(written) and not os.path.lexists(whole):
        raise ValueError(f"{written!r}: paths are literal, there are no globs, and no file has this name")
    return whole


def host_port(value: object) -> str:
    """Give HOST:PORT in its one spelling: lower case, IPv6 compressed and in brackets."""
    written = text(value)
    host, colon, port = written.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or not 1 <= int(port[:6]) <= 0xFFFF or len(port) > 5:
        raise ValueError(f"{written!r}: HOST:PORT is expected, with a port from 1 to 65535")
    return f"{host_name(host, written)}:{int(port)}"


def host_name(host: str, written: str) -> str:
    """Give a host in its one spelling. Names are ASCII (IDNA is the writer's work) and never look like numbers."""
    if host.startswith("[") and host.endswith("]"):
        address = _address(host[1:-1])
        if ":" not in address or "%" in address:
            raise ValueError(f"{written!r}: [IPv6]:PORT is expected, without a zone")
        return f"[{address}]"
    name = host.lower()
    if (address := _address(name)) and ":" not in address:
        return address
    from re import fullmatch  # noqa: PLC0415 -- likewise

    labels = name.split(".")
    if len(name) > 253 or not all(fullmatch(LABEL, label) for label in labels):
        raise ValueError(f"{written!r}: the host is a name of letters, digits and hyphens, an IPv4 address or [IPv6]")
    if fullmatch(NUMERIC, labels[-1]):
        raise ValueError(f"{written!r}: ambiguous address; write it as four decimal numbers")
    return name


def _address(host: str) -> str:
    """Give a literal address in its one spelling, "" for anything else."""
    from ipaddress import ip_address  # noqa: PLC0415 -- a policy without a network does not load it

    try:
        return str(ip_address(host))
    except ValueError:
        return ""


def listen_port(value: object) -> str:
    """Give ADDRESS:PORT for a port of the host that is forwarded in, or @private for ports that only it reaches."""
    if value == PRIVATE:
        return PRIVATE
    spelled = host_port(value)
    if not _address(spelled.rpartition(":")[0].strip("[]")):
        raise ValueError(f"{spelled!r}: an IP address is expected, for instance 127.0.0.1:8080, or {PRIVATE}")
    return spelled


def variable(value: object) -> str:
    """Give the name of an environment variable."""
    name = text(value)
    if not (name.isascii() and name.isidentifier()):
        raise ValueError(f"{name!r} is no name of a variable: letters, digits and _")
    return name


def content(value: object) -> str:
    """Give the value of a variable: any text without NUL."""
    if not isinstance(value, str):
        raise ValueError(f"a string is expected, not {kind(value)}")  # noqa: TRY004 -- one kind of error for the caller
    if "\0" in value:
        raise ValueError("the value holds a NUL byte")
    return value


def number(value: object, least: int = 0, most: int = LARGEST) -> int:
    """Give a whole number within limits."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"a whole number is expected, not {kind(value)}")  # noqa: TRY004 -- one kind of error
    if not least <= value <= most:
        raise ValueError(f"{value} is not between {least} and {most}")
    return value


def size(value: object) -> int:
    """Give bytes: 1048576, "64KiB", "64MiB", "2GiB"."""
    return _scaled(value, UNITS, 'a size: 1048576, "64KiB", "64MiB" or "2GiB"')


def duration(value: object) -> int:
    """Give seconds: 10, "10s", "10m", "1h"."""
    return _scaled(value, SECONDS, 'a duration: 10, "10s", "10m" or "1h"')


def _scaled(value: object, units: dict[str, int], expected: str) -> int:
    """Read a number with a unit."""
    if isinstance(value, str):
        unit = value.lstrip("0123456789")
        digits = value.removesuffix(unit)
        if not 1 <= len(digits) <= 19 or unit not in units:
            raise ValueError(f"{value!r}: {expected} is expected")
        value = int(digits) * units[unit]
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= LARGEST:
        raise ValueError(f"{value!r}: {expected} is expected")
    return value


def spell_size(number_of_bytes: int) -> str:
    """Write bytes in the largest unit that divides them."""
    unit = next((u for u in ("TiB", "GiB", "MiB", "KiB") if number_of_bytes and number_of_bytes % UNITS[u] == 0), "")
    return f'"{number_of_bytes // UNITS[unit]}{unit}"' if unit else str(number_of_bytes)


def spell_duration(seconds: int) -> str:
    """Write seconds in the largest unit that divides them."""
    unit = next((u for u in ("h", "m") if seconds and seconds % SECONDS[u] == 0), "s")
    return f'"{seconds // SECONDS[unit]}{unit}"' if seconds else "0"
