"""What a policy puts into the root, gathered before it is decided in which order it is built."""

from _collections_abc import Iterable

from casemate.model.dataclass import dataclass, field
from casemate.model.errors import PolicyError
from casemate.model.tree import below
from casemate.sandbox.native.contract import Write
from casemate.sandbox.native.steps import Bind, Layered, Link, Seen


@dataclass(slots=True)
class Gathered:
    """What was gathered so far; the order in which it is built is decided at the end."""

    links: dict[str, Link] = field(default_factory=dict[str, Link])
    binds: dict[str, Bind] = field(default_factory=dict[str, Bind])
    writes: dict[str, tuple[Layered | Bind, Write]] = field(default_factory=dict[str, tuple[Layered | Bind, Write]])
    pins: dict[str, Bind] = field(default_factory=dict[str, Bind])  # in direct trees, on the way to denied paths
    apart: set[str] = field(default_factory=set[str])  # local sockets: a mount of their own even in a granted tree
    runnable: dict[str, None] = field(default_factory=dict[str, None])  # real paths that execve may open

    def passed(self, links: Iterable[Link]) -> None:
        """Make these links again inside."""
        self.links.update((link.path, link) for link in links)

    def bind(self, seen: Seen, *, execute: bool) -> None:
        """Bind a path once; executable if any of its grants says so."""
        known = self.binds.get(seen.path)
        self.binds[seen.path] = Bind(seen, execute=execute or (known is not None and known.execute))

    def is_direct(self, path: str) -> bool:
        """Tell whether a path is granted to be written at once."""
        return path in self.writes and isinstance(self.writes[path][0], Bind)

    def may_run(self, real: str) -> bool:
        """Tell whether execve may open this real path."""
        return any(below(real, path) for path in self.runnable)

    def mounted(self) -> list[Bind | Layered]:
        """Give what is mounted, trees before what lies in them, without what a tree shows in the same way already."""
        chosen: dict[str, Bind | Layered] = {**self.pins, **self.binds}
        for path, (step, _) in self.writes.items():
            if path in self.binds and self.binds[path].execute:
                raise PolicyError(f"{path} is granted to be written and to be executed or mapped executable: not both")
            chosen[path] = step
        kept = list[Bind | Layered]()
        for step in sorted(chosen.values(), key=lambda step: step.seen.path.count("/")):
            around = [tree for tree in kept if tree.seen.directory and below(step.seen.path, tree.seen.path)]
            if step.seen.path in self.apart or not (around and _shows(around[-1], step)):
                kept.append(step)
        return kept


def _shows(tree: Bind | Layered, step: Bind | Layered) -> bool:
    """Tell whether a tree around a step gives all that the step would."""
    if isinstance(step, Layered) or step.write:
        return False
    return not step.execute or (isinstance(tree, Bind) and tree.execute)
