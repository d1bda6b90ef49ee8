"""Compare the calls that the analysis follows with the call graphs of PyCG's micro-benchmark.

python benchmarks/call_graph.py
python benchmarks/call_graph.py --show missed

Each snippet is a small program with the graph that its authors wrote down: who calls whom. The bodies of its modules
are run, then every function that nobody called, as the graphs have the calls of those too. Names are spelt as in the
graphs: `main.Class.method`, `main.<lambda1>`, `<builtin>.print`, `ext.name`. Every edge that is written down counts,
also the few that Python would not follow.
"""

import argparse
import builtins
import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import suites

from casemate.libraries import load
from casemate.model.finding import Skipped
from casemate.readers import files
from casemate.readers.code.analysis import Analysis
from casemate.readers.code.flow.program import Class, Function, Module
from casemate.readers.code.flow.state import Frame
from casemate.readers.code.flow.values import Closure
from casemate.readers.code.parse import read_source

PRECISION, RECALL = 0.99, 0.90
LANGUAGE = frozenset({"staticmethod", "classmethod", "property"})  # decorators that the graphs leave out
CONTAINERS = {"str": "<**PyStr**>", "dict": "<**PyDict**>", "list": "<**PyList**>"}
Edge = tuple[str, str]


class Names:
    """How the graphs spell things: modules by their path from the snippet, lambdas by their number where they are."""

    def __init__(self, folder: Path) -> None:
        """Begin with no lambda seen."""
        self.folder = folder
        self.seen: set[Function] = set()

    def of(self, thing: Function | Class | Module | str) -> str:
        """Give the name of a caller or callee; only once all are known are the numbers of lambdas right."""
        match thing:
            case str():
                return self.outside(thing)
            case Module():
                parts = Path(thing.path).relative_to(self.folder).with_suffix("").parts
                return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            case Function() if thing.node.type == "lambda":
                near = [f for f in self.seen if f.module is thing.module and f.node.type == "lambda"]
                before = sum(f.definition.at < thing.definition.at for f in near if f.qualified == thing.qualified)
                inside = thing.qualified.rpartition(".")[0]
                return ".".join(filter(None, (self.of(thing.module), inside, f"<lambda{before + 1}>")))
            case _:
                return f"{self.of(thing.module)}.{thing.qualified}"

    @staticmethod
    def outside(name: str) -> str:
        """Give the name of something outside of the program."""
        top, _, rest = name.partition(".")
        if not rest:
            return f"<builtin>.{name}" if hasattr(builtins, name) else name
        return f"{CONTAINERS[top]}.{rest}" if top in CONTAINERS else name


def graph(folder: Path) -> set[Edge]:
    """Give the calls that the analysis follows in a program."""
    chosen, skipped = files.choose([folder]), list[Skipped]()
    analysis = Analysis(load(()), chosen.paths, chosen.roots, lambda path: read_source(path, skipped))
    machine, names = analysis.machine, Names(folder)
    calls, ran = set[tuple[Function | Class | Module, Function | str]](), set[Function]()

    def told(frame: Frame, callee: Closure | str) -> None:
        called = callee if isinstance(callee, str) else callee.function
        if called not in LANGUAGE:
            calls.add((frame.function or frame.owner or frame.module, called))
        if isinstance(called, Function):
            ran.add(called)

    machine.told, machine.every_context = told, True
    for path in chosen.paths:
        analysis.open(path)
    for _ in range(len(chosen.paths) + 8):  # functions define functions
        for owner in list(machine.classes.values()):
            owner.settle()
        for closure in list(machine.closures.values()):
            names.seen.add(closure.function)
            if closure.function not in ran:
                analysis.start(closure)
    if skipped or analysis.skipped:
        raise ValueError(f"{folder}: {[*skipped, *analysis.skipped]}")
    return {(names.of(caller), names.of(callee)) for caller, callee in calls}


@dataclass(slots=True)
class Counts:
    """Edges that are right, missed and false."""

    right: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    false: list[str] = field(default_factory=list)

    @property
    def precision(self) -> float:
        """The share of what is reported that is right."""
        return len(self.right) / max(len(self.right) + len(self.false), 1)

    @property
    def recall(self) -> float:
        """The share of what is there that is reported."""
        return len(self.right) / max(len(self.right) + len(self.missed), 1)


def compare(snippets: Iterable[Path]) -> dict[str, Counts]:
    """Compare all snippets, by category."""
    found: dict[str, Counts] = defaultdict(Counts)
    for path in snippets:
        written: dict[str, list[str]] = json.loads(path.read_text(encoding="utf-8"))
        expected = {(caller, callee) for caller, callees in written.items() for callee in callees}
        reported = graph(path.parent)
        counts, name = found[path.parent.parent.name], f"{path.parent.parent.name}/{path.parent.name}"
        for into, edges in (
            (counts.right, expected & reported),
            (counts.missed, expected - reported),
            (counts.false, reported - expected),
        ):
            into += [f"{name}: {caller} -> {callee}" for caller, callee in sorted(edges)]
    return found


def main() -> None:
    """Parse the command line, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--from", dest="local", type=Path, metavar="DIR", help="a copy of the repository")
    parser.add_argument("--show", choices=["missed", "false"], help="print these edges")
    arguments = parser.parse_args()
    root = suites.fetch(suites.PYCG, arguments.local) / suites.PYCG.folders[0]
    found = compare(sorted(root.glob("*/*/callgraph.json")))
    whole = Counts(*([edge for c in found.values() for edge in getattr(c, n)] for n in ("right", "missed", "false")))
    print("| category | edges | missed | recall % | false | precision % |\n|---|---|---|---|---|---|")
    for name, counts in [*sorted(found.items()), ("all", whole)]:
        edges = len(counts.right) + len(counts.missed)
        missed, false = len(counts.missed), len(counts.false)
        print(f"| {name} | {edges} | {missed} | {100 * counts.recall:.0f} | {false} | {100 * counts.precision:.0f} |")
    if arguments.show:
        print("\n" + "\n".join(getattr(whole, arguments.show)))
    for word, reached, mark in (("precision", whole.precision, PRECISION), ("recall", whole.recall, RECALL)):
        print(f"{word} {reached:.1%} (at least {mark:.0%}): {'reached' if reached >= mark else 'MISSED'}")


if __name__ == "__main__":
    main()
