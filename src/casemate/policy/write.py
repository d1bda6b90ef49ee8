"""Policy → casemate.toml: file.py reads it back as the same policy; a comment gives the reason of each grant."""

import os
from collections.abc import Iterable, Iterator

from casemate.model.capability import Capability
from casemate.model.errors import PolicyError
from casemate.model.policy import Assurance, Grant, Limits, Policy, WriteMode
from casemate.model.visible import is_hidden
from casemate.policy import values
from casemate.policy.file import VERSION
from casemate.policy.limits import LIMITS

ESCAPES = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r"}
LISTS = (  # table, key, capability: the order of the file
    ("fs", "read", Capability.FS_READ),
    ("fs", "write", Capability.FS_WRITE),
    ("net", "connect", Capability.NET_CONNECT),
    ("net", "listen", Capability.NET_LISTEN),
    ("net", "unix", Capability.NET_UNIX),
    ("proc", "spawn", Capability.PROC_SPAWN),
    ("env", "pass", Capability.ENV_READ),
)


def render(policy: Policy, folder: str, header: Iterable[str] = (), unresolved: Iterable[str] = ()) -> str:
    """Write a policy; paths below `folder` become relative to it.

    `header` and `unresolved` are sentences for comments. Raises PolicyError for a name that TOML cannot hold, for
    instance a file name that is not UTF-8, or a capability that the format has no key for.
    """
    _representable(policy)
    lines = [f"# {comment(line)}".rstrip() for line in header]
    lines += _head(policy)
    for table in ("fs", "net", "proc", "env"):
        body = list(_body(table, policy, folder))
        lines += ["", f"[{table}]", *body] if body else []
    if policy.grants_any(Capability.NATIVE_WX):
        lines += ["", "[native]", "wx = true"]
    lines += ["", "[limits]", *_limits(policy.limits)]
    if notes := [f"#   {comment(line)}" for line in unresolved]:
        lines += ["", "# Not resolved, and therefore not granted. Look at each place and add what it needs:", *notes]
    return "\n".join(lines) + "\n"


def _representable(policy: Policy) -> None:
    """Refuse what the format has no words for, rather than drop it."""
    known = {capability for _, _, capability in LISTS} | {Capability.NATIVE_WX}
    if strange := [grant for grant in policy.grants if grant.capability not in known]:
        raise PolicyError(f"a policy file has no key for {strange[0].capability} ({strange[0].resource!r})")


def _head(policy: Policy) -> Iterator[str]:
    """Write [policy]."""
    yield "[policy]"
    yield f"version = {VERSION}"
    if policy.name:
        yield f"name = {quote(policy.name)}"
    if policy.backends:
        yield f"backend = [{', '.join(map(quote, policy.backends))}]"
    if policy.layers != 1:
        yield f"layers = {policy.layers}"
    if policy.assurance is not Assurance.ANY:
        yield f"assurance = {quote(policy.assurance)}"


def _body(table: str, policy: Policy, folder: str) -> Iterator[str]:
    """Write the keys of one table of grants."""
    for owner, key, capability in LISTS:
        if owner == table and (grants := list(policy.of(capability))):
            yield f"{key} = ["
            yield from (_item(grant, folder) for grant in grants)
            yield "]"
    if table == "fs":
        yield f"deny = [{', '.join(quote(relative(entry, folder)) for entry in policy.deny)}]"
        yield f"tmp = {values.spell_size(policy.tmp_bytes)}"
        yield f'missing = "{policy.missing}"'
        if policy.image:
            yield f"image = {quote(relative(policy.image, folder))}"
    if table == "env" and policy.settings:
        yield f"set = {{ {', '.join(f'{name} = {quote(value)}' for name, value in policy.settings)} }}"
    if table == "env" and policy.secrets:
        each = (f"{one.name} = {{ from = {quote(one.source)}, to = {quote(one.to)} }}" for one in policy.secrets)
        yield f"secret = {{ {', '.join(each)} }}"


def _item(grant: Grant, folder: str) -> str:
    """Write one grant, with its reason."""
    is_path = grant.capability.family == "fs" or grant.capability in (Capability.NET_UNIX, Capability.PROC_SPAWN)
    value = quote(relative(grant.resource, folder) if is_path else grant.resource)
    if grant.capability is Capability.FS_WRITE and (grant.mode is WriteMode.DIRECT or grant.max_bytes):
        most = f", max = {values.spell_size(grant.max_bytes)}" if grant.max_bytes else ""
        value = f'{{ path = {value}, mode = "{grant.mode or WriteMode.COMMIT}"{most} }}'
    return f"  {value},  # {comment(grant.why)}" if grant.why else f"  {value},"


def _limits(limits: Limits) -> Iterator[str]:
    """Write all limits: a reader sees what holds, defaults included."""
    for key, limit in LIMITS.items():
        yield f"{key} = {limit.spell(limit.of(limits))}"


def relative(path: str, folder: str) -> str:
    """Write a path below the folder of the file without that folder; an @set stays as it is."""
    if path == folder:
        return "."
    below = path.removeprefix(folder.rstrip("/") + "/")
    return f"./{below}" if below != path and below.startswith(("@", "~")) else below


def quote(value: str) -> str:
    """Write a TOML basic string. Raises PolicyError for what is not Unicode text."""
    try:
        value.encode()
    except UnicodeEncodeError:
        name = os.fsencode(value)
        raise PolicyError(f"{name!r}: a name that is not UTF-8 cannot stand in a policy file; rename it") from None
    return '"' + "".join(ESCAPES.get(c) or (c if _is_seen(c) else _escape(c)) for c in value) + '"'


def _is_seen(character: str) -> bool:
    """Tell whether a reader of the file sees a character; some that Python calls printable show nothing (U+3164)."""
    return character.isprintable() and not is_hidden(character)


def _escape(character: str) -> str:
    """Write one character that cannot stand for itself."""
    code = ord(character)
    return f"\\u{code:04X}" if code <= 0xFFFF else f"\\U{code:08X}"


def comment(value: str) -> str:
    """Make one line of comment of any text: what comes from the target can neither end the line nor hide in it."""
    return "".join(c if _is_seen(c) else "\N{REPLACEMENT CHARACTER}" for c in value)[:300]
