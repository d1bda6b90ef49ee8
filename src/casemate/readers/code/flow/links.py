"""What a value was taken from, and what of it holds there too."""

from __future__ import annotations

from casemate.readers.code.flow.characters import INSIDE, NO_PARENT, NO_ROOT, settled
from casemate.readers.code.flow.values import PASSED, Taint, Token, Value, cleared, merge_taints

MOST_LINKS = 8  # of a value to what it was taken from
TEXTUAL = frozenset({"str", "bytes", "NoneType"})
# What stays dangerous when only a part of a value was compared with a constant: everything but these.
HOST_KINDS = frozenset({"url", "redirect"})
PART = {"netloc": HOST_KINDS, "hostname": HOST_KINDS, "host": HOST_KINDS, "parents": INSIDE}
SAME_PATH = frozenset(
    [
        "resolve", "absolute", "realpath", "abspath", "normpath", "Path", "PurePath", "PosixPath", "PurePosixPath",
        "fspath", "normcase",
    ]
)  # fmt: skip
MEMBER = frozenset({"archive", NO_PARENT, NO_ROOT})  # what a check of the name of a member says of the member
RESOLVING = frozenset({"resolve", "realpath", "abspath", "normpath"})


def safer(taints: tuple[Taint, ...], kinds: frozenset[str]) -> tuple[Taint, ...]:
    """Give labels that are harmless for more kinds, and for what marks make harmless together."""
    return cleared(tuple(t._replace(cleared=settled(t.cleared | kinds)) for t in taints), kinds)


def behind(beginning: str | None, taints: tuple[Taint, ...]) -> tuple[Taint, ...]:
    """Give the labels of what stands behind the beginning of a text: no absolute path, unless that says nothing."""
    return safer(taints, frozenset({NO_ROOT})) if taints and beginning and beginning.strip("/\\.") else taints


def rooted(taints: tuple[Taint, ...]) -> tuple[Taint, ...]:
    """Give the labels of a path from the root on that was normalised: `..` is gone, and it is absolute."""
    return merge_taints([tuple(t._replace(cleared=(t.cleared - {NO_ROOT}) | {NO_PARENT}) for t in taints)])


def textual(value: Value) -> bool:
    """Tell whether a labelled value may be a text, as far as is known."""
    return bool(value.taints) and not value.objects and value.types <= TEXTUAL


def foreign(value: Value) -> bool:
    """Tell whether somebody far away chose a value, or may have: what is local may decide what is allowed."""
    return any(
        taint.origin is not PASSED if isinstance(taint.origin, Token) else taint.origin.trust.far
        for taint in value.taints
    )


def narrowed(name: str, kinds: frozenset[str]) -> frozenset[str]:
    """Give what still holds of the value that a link leads to."""
    last = name.rpartition(".")[2].rpartition(" ")[2]
    if name == "same" or last in SAME_PATH:
        return kinds
    if name == "attribute name":
        return kinds & MEMBER if "*" not in kinds else frozenset({"archive"})
    if name.startswith("attribute ") and last in PART:
        return PART[last] if "*" in kinds else kinds & PART[last]
    if last in {"urlparse", "urlsplit", "parse_url", "URL", "url_parse"}:
        return kinds & HOST_KINDS
    return frozenset()


def resolved(value: Value) -> bool:
    """Tell whether `..` and links were taken out of a path."""
    for _ in range(MOST_LINKS):
        if value.link is None:
            return False
        name, value = value.link
        if name.rpartition(".")[2] in RESOLVING:
            return True
    return False


def written(path: Value) -> Value:
    """Give what a path was made from by writing the same path in another way."""
    for _ in range(MOST_LINKS):
        if path.link is None or path.link[0].rpartition(".")[2] not in SAME_PATH:
            break
        path = path.link[1]
    return path
