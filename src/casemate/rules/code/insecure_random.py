"""A token, password or key made by a generator that can be predicted.

## Why
`random` is the Mersenne Twister: who has seen 624 of its numbers knows all the next ones. A reset token or session id
made with it can be computed by somebody who asks for a few of their own.

## Fix
Use `secrets.token_urlsafe()`, `secrets.choice(…)` or `random.SystemRandom()`.

## Known misses
Values whose name does not say what they are for, and those that come to one through more than 200 assignments. A
number that a function gives back under a harmless name. Generators of other libraries.
"""

import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence

from casemate.model.finding import Confidence, Severity
from casemate.model.location import Location
from casemate.model.rule import Hit, Needle
from casemate.readers.code import Assignment, Call, Code, Value
from casemate.rules import rule
from casemate.rules.cookies import Cookie, cookies
from casemate.rules.naming import secret, secret_needles, session_like, within

MOST_STATIONS = 200  # assignments that a number is followed through
NAME = re.compile(r"\w+")
CALLED = re.compile(r"(\w+)\s*\(")
QUOTED = re.compile(r"""(?<![fF])(["']).*?\1""")
LOOKED_UP = re.compile(r"(?<=[\w)\]])\[[^\[\]]*\]")
KEEPS = frozenset(
    [
        "abs", "b64encode", "bin", "bytes", "chr", "decode", "digest", "encode", "float", "format", "hex", "hexdigest",
        "hexlify", "int", "join", "list", "lower", "map", "md5", "new", "oct", "range", "repr", "replace", "round",
        "set", "sha1", "sha256", "str", "strip", "to_bytes", "tuple", "upper", "urlsafe_b64encode", "zfill",
        "choice", "choices", "gauss", "getrandbits", "randbytes", "randint", "randrange", "random", "Random", "sample",
        "triangular", "uniform",
    ]
)  # fmt: skip

EXAMPLE = """
    import random
    import secrets

    reset_token = "".join(random.choice("abcdef") for _ in range(20))  # flag
    session["api_key"] = random.getrandbits(128)  # flag

    def make_password():
        return str(random.randint(0, 10**8))  # flag

    def invite():
        number = random.random()  # flag
        otp = str(number)[2:8]
        return otp

    banner = random.choice(["a", "b"])
    key = random.choice(list(table))
    token = secrets.token_hex(16)
    salt = "".join(random.SystemRandom().choice("abcdef") for _ in range(20))
"""


class Given:
    """What a file gives a value, found by what the value holds, so that nothing is compared with everything."""

    def __init__(self, every: Sequence[Assignment], calls: Iterable[Call]) -> None:
        """Note by which words and calls an assignment is looked for."""
        self.by_word: dict[tuple[str, str], list[Assignment]] = {}
        for item in every:
            for word in set(NAME.findall(item.value.text)):
                self.by_word.setdefault((item.function, word), []).append(item)
        self.around: dict[Location, list[Assignment]] = {}
        waiting, open_ = deque(sorted(every, key=lambda item: start(item.value.location))), list[Assignment]()
        for place in sorted({call.location for call in calls}):
            while waiting and start(waiting[0].value.location) <= start(place):
                item = waiting.popleft()
                while open_ and end(open_[-1].value.location) <= start(item.value.location):
                    open_.pop()  # regions of a program lie in each other, or apart
                open_.append(item)
            self.around[place] = [item for item in open_ if within(place, item.value.location)]


def start(place: Location) -> tuple[int, int]:
    """Give where a region begins."""
    return (place.line, place.column)


def end(place: Location) -> tuple[int, int]:
    """Give where a region ends."""
    return (place.end_line, place.end_column)


def purpose(call: Call, given: Given, user: Sequence[Cookie]) -> str:
    """Name what the number becomes if that must not be guessed, or ""."""
    for cookie in user:
        if cookie.value is not None and within(call.location, cookie.value.location):
            return f"the cookie {cookie.name}"
    waiting, seen = list(given.around.get(call.location, ())), set[Assignment]()
    while waiting and len(seen) < MOST_STATIONS:
        item = waiting.pop()
        seen.add(item)
        if secret(item.target):
            return item.target
        if item.kind != "name" or not keeps(item.value.text):
            continue
        for cookie in user:
            if cookie.call.function == item.function and cookie.value is not None and uses(cookie.value, item):
                return f"the cookie {cookie.name}"
        waiting += [
            other
            for other in given.by_word.get((item.function, item.target), ())
            if uses(other.value, item) and other not in seen
        ]
    function = last(call.function)
    return function if secret(function) else ""


def keeps(text: str) -> bool:
    """Tell whether everything that an expression calls leaves a number or a text what it is."""
    return KEEPS.issuperset(CALLED.findall(text))


def uses(value: Value, item: Assignment) -> bool:
    """Tell whether an expression after an assignment holds its variable, as it is or as text, not to look up by it."""
    at, there = value.location, item.location
    if (at.line, at.column) <= (there.line, there.column) or item.target not in value.text or not keeps(value.text):
        return False
    text = LOOKED_UP.sub("", QUOTED.sub("", value.text))
    return re.search(rf"(?<![\w.]){re.escape(item.target)}\b(?!\.\w+(?![\w(]))", text) is not None


def last(path: str) -> str:
    """Give the last part of a dotted path."""
    return path.rpartition(".")[2]


@rule(
    severity=Severity.MEDIUM,
    confidence=Confidence.HIGH,
    cwe=(330, 338),
    needles=(
        *secret_needles("random"),
        *(
            Needle(word, "", "random")
            for word in ("set_cookie", "set_signed_cookie", "set_secure_cookie", "add_cookie")
        ),
    ),
    example=EXAMPLE,
)
def insecure_random(code: Code) -> Iterator[Hit]:
    """Flag predictable numbers that reach a name that says secret."""
    given = [item for item in code.assignments() if item.kind != "compare"]
    user = [cookie for cookie in cookies(code) if session_like(cookie.name)]
    names = [*(item.target for item in given), *map(last, code.functions())]
    if not user and not any(secret(name) for name in names):
        return
    calls = list(code.calls(tag="weak-random"))
    every = Given(given, calls)
    for call in calls:
        if name := purpose(call, every, user):
            yield Hit(call.location, f"{name} is made by a generator that can be predicted")
