"""What a command asks of Python: its options, and code, a module, a file or standard input. See python(1).

For backends that bring an interpreter of their own: they start the same program with it.
"""

from collections.abc import Iterator
from enum import StrEnum

from casemate.model.dataclass import dataclass
from casemate.model.errors import Refused
from casemate.model.sandbox import Command

ALONE = frozenset("bBdEiIOPqsSuvx")  # options without a value; several may stand behind one dash
WITH_VALUE = ("-W", "-X")


class Kind(StrEnum):
    """Where the program comes from."""

    CODE = "code"
    MODULE = "module"
    FILE = "file"  # or a directory or archive with a __main__
    STDIN = "stdin"


@dataclass(frozen=True, slots=True)
class Invocation:
    """One start of Python: `what` is the code, the name of the module or the path of the file; "" for STDIN."""

    options: tuple[str, ...]
    kind: Kind
    what: str
    arguments: tuple[str, ...]

    @property
    def flags(self) -> frozenset[str]:
        """Give the letters of the options without a value."""
        return frozenset(letter for option in self.options for letter in option[1:] if option[:2] not in WITH_VALUE)


def invocation(command: Command, backend: str) -> Invocation:
    """Read the arguments of a Python. Raises Refused where the command is none, or with an option that is unknown."""
    if not command.python:
        raise Refused(f"the {backend} backend runs Python programs only, not {command.executable}")
    words = iter(command.argv[1:])
    options = list[str]()
    for word in words:
        if word in WITH_VALUE:
            options += [word, *_value(word, words, backend)]
        elif word[:2] in WITH_VALUE or (len(word) > 1 and word[0] == "-" and ALONE.issuperset(word[1:])):
            options.append(word)
        elif word[:2] in ("-c", "-m"):
            kind = Kind.CODE if word[1] == "c" else Kind.MODULE
            (what,) = (word[2:],) if word[2:] else _value(word, words, backend)
            return Invocation(tuple(options), kind, what, tuple(words))
        elif word == "-":
            return Invocation(tuple(options), Kind.STDIN, "", tuple(words))
        elif word.startswith("-"):
            raise Refused(f"the {backend} backend does not know the option {word!r} of Python")
        else:
            return Invocation(tuple(options), Kind.FILE, word, tuple(words))
    return Invocation(tuple(options), Kind.STDIN, "", ())


def _value(word: str, words: Iterator[str], backend: str) -> tuple[str, ...]:
    for value in words:
        return (value,)
    raise Refused(f"{word} of Python wants a value (the {backend} backend reads its arguments)")
