"""The words of a command: which of them a program may take for an option, and which are a script for a shell."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath
from typing import NamedTuple

from casemate.libraries import Model, Sink
from casemate.readers.code import ir
from casemate.readers.code.flow.base import Arguments
from casemate.readers.code.flow.natives import Builtins
from casemate.readers.code.flow.state import Cell, Frame, cells
from casemate.readers.code.flow.values import Outside, Value

INTERPRETERS = {  # of scripts → the kind of sink that a script is
    **dict.fromkeys(["sh", "bash", "dash", "zsh", "ksh", "fish", "ash", "su", "cmd", "powershell", "pwsh"], "command"),
    **dict.fromkeys(["python", "python2", "python3"], "code"),
}
RUN_FILES = frozenset(
    {"sh", "bash", "dash", "zsh", "ksh", "fish", "ash", "python", "python2", "python3", "perl", "ruby", "node", "php"}
)
ELSEWHERE = frozenset({"-", "-s", "-m"})  # options after which no file is run: it is read from the input, or a module
LONG = frozenset({"--command", "-command", "-Command", "/c", "/C", "/k", "/K"})
OPEN = frozenset({None, "", "-", "--"})  # beginnings of a word that leave open whether it is an option


class Words(NamedTuple):
    """The words whose place is known, the program first, and what may stand anywhere behind them."""

    known: list[Value]
    rest: Value | None


class Commands(Builtins):
    """Lets the words of commands arrive where they count."""

    def unrolled(self, model: Model | None, arguments: Arguments, frame: Frame, node: ir.Call) -> Arguments:
        """Give the arguments of `run(*words)` with those words apart whose place is known."""
        spread = [part for part in node.arguments if isinstance(part, ir.Star)]
        if model is None or not spreads_words(model) or len(spread) != 1 or spread[0] is not node.arguments[-1]:
            return arguments
        saved, frame.state = frame.state, frame.now.copy()
        words = self.evaluate(spread[0].value, frame)
        contents = cells(words, frame.now)
        frame.state = saved
        if words.taints and not words.objects:  # whoever chose all words chose the first
            return arguments._replace(positional=(*arguments.positional, arguments.rest or words))
        if len(contents) != 1 or contents[0].kind not in {"list", "tuple"}:
            return arguments
        return arguments._replace(
            positional=(*arguments.positional, *leading(contents[0])), rest=contents[0].rest or Value()
        )

    def receive_words(self, sink: Sink, model: Model, passed: dict[str, Value], frame: Frame, node: ir.Call) -> None:
        """Let each word that may be read as an option arrive, and the script of a shell as a command."""
        for known, rest in self.commands(sink, passed, frame):
            ended = next((place for place, word in enumerate(known) if word.text == "--"), None)
            for place, word in enumerate(known[:ended]):
                if place and word.prefix in OPEN:
                    self.arrive("argument", model.name, sink.argument, word, frame, node.at, place)
            if ended is None and known and rest is not None and not ends(node):
                self.arrive("argument", model.name, sink.argument, rest, frame, node.at)
            self.receive_scripts(sink, model, passed, known, frame, node)

    def receive_scripts(
        self, sink: Sink, model: Model, passed: dict[str, Value], known: list[Value], frame: Frame, node: ir.Call
    ) -> None:
        """Let what an interpreter runs arrive as a command or as code: the text behind `-c`, or the file that is named.

        `os.execv(path, words)` starts `path`, whatever the first of the words is.
        """
        before = [passed[name] for name in ("file", "path") if name in passed]
        words = [*before, *known]
        for place, kind in scripts(words):
            self.arrive(kind, model.name, sink.argument, words[place], frame, node.at, place - len(before))
        operand = script_file(words)
        if operand is not None:
            taints = tuple(taint for taint in operand.taints if taint.dangerous("path"))
            self.arrive("command", model.name, sink.argument, operand.but(taints=taints), frame, node.at)

    def commands(self, sink: Sink, passed: dict[str, Value], frame: Frame) -> Iterator[Words]:
        """Yield the commands that an argument may be."""
        value = passed[sink.argument]
        before: list[Value] = []
        if sink.argument.startswith("*") and "program" in passed:
            before = [passed["program"]]
        for cell in cells(value, frame.now):
            if cell.kind in {"list", "tuple"}:
                yield Words([*before, *leading(cell)], cell.rest)


def spreads_words(model: Model) -> bool:
    """Tell whether a call takes the words of a command one by one."""
    return any(sink.kind == "argument" and sink.argument.startswith("*") for sink in model.sinks)


def ends(node: ir.Call) -> bool:
    """Tell whether the words are written out in the call, and all that may be somebody's stand behind a `--`."""
    written = next((part for part in node.arguments if isinstance(part, ir.Sequence)), None)
    parts = written.items if written is not None else node.arguments
    place = next((n for n, part in enumerate(parts) if isinstance(part, ir.Const) and part.value == "--"), None)
    stars = [n for n, part in enumerate(parts) if isinstance(part, ir.Star)]
    plain = (ir.Const, ir.Star)
    return place is not None and bool(stars) and all(isinstance(part, plain) for part in parts[:place])


def leading(cell: Cell) -> list[Value]:
    """Give the elements of a list up to the first whose place is not known."""
    found: list[Value] = []
    while (item := cell.items.get(("int", len(found)))) is not None:
        found.append(item)
    return found


def scripts(words: list[Value]) -> Iterator[tuple[int, str]]:
    """Yield the place of each word that a shell or another interpreter runs as a script, and the kind of sink it is."""
    for place, word in enumerate(words):
        kind = INTERPRETERS.get(PurePath(word.text).name.removesuffix(".exe")) if word.text else None
        for after in range(place + 1, len(words) - 1) if kind is not None else ():
            option = words[after].text or ""
            if kind is not None and introduces(option):
                yield after + 1, kind
            if not option.startswith(("-", "/")) or introduces(option):
                break


def script_file(words: list[Value]) -> Value | None:
    """Give the file that an interpreter is told to run where the program did not write its name, else None."""
    if not words or not interprets(words[0]):
        return None
    for word in words[1:]:
        text = word.text
        if text is None:
            begins = word.prefix or ""
            return None if begins.startswith("-") or "\n" in begins else word
        if text in ELSEWHERE or introduces(text) or not (text.startswith("-") or interprets(word)):
            return None
    return None


def interprets(word: Value) -> bool:
    """Tell whether a program runs the file that is named by its first word."""
    if any(isinstance(reference, Outside) and reference.name == "sys.executable" for reference in word.references):
        return True
    return word.text is not None and PurePath(word.text).name.removesuffix(".exe") in RUN_FILES


def introduces(option: str) -> bool:
    """Tell whether an option of an interpreter takes the next word as a script: `-c`, also among others."""
    return option in LONG or (option.startswith("-") and not option.startswith("--") and option.endswith("c"))
