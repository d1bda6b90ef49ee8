"""What the name of a variable, argument or function says about its value."""

import itertools
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from pathlib import PurePath

from casemate.model.location import Location
from casemate.model.rule import Needle
from casemate.readers.code.scan import TEST_FILE

WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
PASSWORDS = frozenset({"password", "passwd", "passphrase", "passcode", "pwd"})
TOKENS = frozenset({"token", "nonce", "salt", "otp", "csrf", "captcha", "sessionid"})
SECRETS = PASSWORDS | TOKENS | {"secret", "apikey", "credential", "credentials"}
KEYS = frozenset("api secret private signing encryption access auth session crypto aes hmac master".split())  # noqa: SIM905 -- a list of words
NO_SECRETS = frozenset({"tokenize", "tokenizer"})
SESSIONS = frozenset(
    {"session", "sid", "auth", "jwt", "remember", "rememberme", "sessid", "login", "refresh", "access"}
)


DEVELOPMENT = frozenset({"dev", "devel", "develop", "development", "local", "test", "tests", "testing", "ci", "debug"})
TEST = re.compile(rf"(?:^|/)(?:tests?|testing|examples?|docs?|fixtures?)/|{TEST_FILE}")


def in_tests(path: str) -> bool:
    """Tell whether a file is a test or an example: what it switches off is mostly meant for a server of its own."""
    return TEST.search(path) is not None


def for_development(path: str) -> bool:
    """Tell whether a file says by its name or place that what it sets is not for everybody: tests, a developer."""
    return in_tests(path) or bool(DEVELOPMENT.intersection(words(PurePath(path).stem)))


def secret_needles(beside: str) -> Iterator[Needle]:
    """Yield needles of which one stands in every file with a name that says secret, if it imports a module too."""
    endings = dict.fromkeys(KEYS, r"_?(?:key|Key|KEY)") | {"session": r"_?(?:id|Id|ID|key|Key|KEY)"}
    endings |= {"verification": r"_?(?:code|Code|CODE)"} | dict.fromkeys(SECRETS, "")
    for word, then in sorted(endings.items()):
        for written in (word, word.capitalize(), word.upper()):
            yield Needle(written, then, beside)


def words(name: str) -> tuple[str, ...]:
    """Split `resetToken`, `RESET_TOKEN` and `reset_token` into the same lower-case words."""
    return tuple(word.lower() for word in WORD.findall(name))


def pairs(parts: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield every word with the one after it."""
    return itertools.pairwise(parts)


def secret(name: str) -> bool:
    """Tell whether a value of this name must not be guessed: `reset_token`, `apiKey`, `session_id`, never `key`."""
    parts = words(name)
    if NO_SECRETS.intersection(parts):
        return False
    return bool(SECRETS.intersection(parts)) or any(
        (before in KEYS and after == "key") or (before, after) in {("session", "id"), ("verification", "code")}
        for before, after in pairs(parts)
    )


def session_like(name: str) -> bool:
    """Tell whether who has the cookie of this name is taken for somebody: `sessionid`, `auth`, `remember_me`."""
    parts = words(name)
    return secret(name) or bool(SESSIONS.intersection(parts)) or name.lower() in {"phpsessid", "jsessionid"}


def inside(regions: Iterable[Location]) -> Callable[[Location], bool]:
    """Give the test whether a region of a file lies in one of these: it takes as long for many as for few."""
    ordered = sorted(((one.line, one.column), (one.end_line, one.end_column)) for one in regions)
    starts, ends = [start for start, _ in ordered], list(itertools.accumulate((end for _, end in ordered), max))

    def lies(inner: Location) -> bool:
        place = bisect_right(starts, (inner.line, inner.column))
        return place > 0 and ends[place - 1] >= (inner.end_line, inner.end_column)

    return lies


def within(inner: Location, outer: Location) -> bool:
    """Tell whether one region of a file lies in another."""
    return (outer.line, outer.column) <= (inner.line, inner.column) and (inner.end_line, inner.end_column) <= (
        outer.end_line,
        outer.end_column,
    )
