"""A guest that brings a Python of its own, which `casemate backends install` fetched: no sockets, no processes."""
# ruff: noqa: PTH112, PTH120, PTH208 -- a path stays the string that was written

import os
from collections.abc import Iterator

from casemate.model.capability import Capability as C  # noqa: N817 -- a table of them
from casemate.model.errors import Refused
from casemate.model.policy import Policy
from casemate.model.sandbox import Boundary, Outcome, Runtime
from casemate.model.tree import below
from casemate.sandbox.hosted import Hosted
from casemate.sandbox.installed import Installed, find

# Begins the name of each variable of the guest in the environment of its runtime; Guest.java knows it, too.
GUEST = "CASEMATE_GUEST_"
NO_SOCKETS = "it has no sockets"
REFUSES = {
    C.NET_CONNECT: NO_SOCKETS,
    C.NET_LISTEN: NO_SOCKETS,
    C.NET_UNIX: NO_SOCKETS,
    C.PROC_SPAWN: "it starts no processes",
    C.PROC_THREAD: "it has no threads",
    C.NATIVE_WX: "it executes no machine code",
}


class OtherPython(Hosted):
    """A backend whose Python is not the program's own."""

    boundary: Boundary
    version_of_all = ""  # what was installed, by its lock
    remains: tuple[str, ...] = ()
    offered = True  # by its vendor, against hostile code
    fewest_fds = 0  # that the runtime itself opens, and some for the guest

    def __init__(self, *, without: frozenset[str] = frozenset()) -> None:
        """See Hosted."""
        super().__init__(without=without)
        self._found: Installed | None = None

    def runtime(self) -> Runtime:
        """Say whether the runtime is installed for the caller."""
        found = self.installed()
        return Runtime(
            boundary=self.boundary,
            available=not found.why_not,
            version=self.version_of_all,
            why_not=found.why_not,
            install=f"casemate backends install {self.name}" if found.why_not else "",
            residual=self.remains,
            assured=self.offered,
        )

    def installed(self) -> Installed:
        """Look for the runtime, once."""
        if self._found is None:
            self._found = find(self.name)
        return self._found

    def refuse(self, policy: Policy) -> None:
        """Raise Refused for what no such guest can be given, and for a policy that would let a program change it."""
        folder, limits = self.installed().folder, policy.limits
        for secret in policy.secrets:
            raise Refused(
                f"env.secret {secret.name}: the {self.name} backend cannot grant it: {REFUSES[C.NET_CONNECT]}"
            )
        if limits.fds and limits.fds < self.fewest_fds:
            raise Refused(f"res.fds {limits.fds}: the {self.name} backend itself needs {self.fewest_fds} (limits.fds)")
        for grant in policy.of(C.FS_WRITE):
            real = os.path.realpath(grant.resource)
            if below(folder, real) or below(real, os.path.dirname(folder)):
                raise Refused(f"{grant.resource} cannot be writable: the runtime of the {self.name} backend lies there")


def check_made(outcome: Outcome) -> None:
    """Raise Refused where what is made once of a fetched runtime was not made, or not copied out."""
    if outcome.code or outcome.refused:
        said = outcome.last_words.decode(errors="replace").strip().rpartition("\n")[2]
        reason = outcome.ended_by or "; ".join(outcome.refused) or said or f"exit code {outcome.code}"
        raise Refused(f"the runtime could not be made ready: {reason}")


def packages(executable: str, policy: Policy) -> Iterator[str]:
    """Yield the folders of installed packages of the program's own Python that the policy shows."""
    prefix = os.path.dirname(os.path.dirname(executable))
    shown = [grant.resource for kind in (C.FS_READ, C.FS_WRITE) for grant in policy.of(kind)]
    libraries = sorted(os.listdir(f"{prefix}/lib")) if os.path.isdir(f"{prefix}/lib") else ()
    for library in (f"{prefix}/lib/{name}" for name in libraries if name.startswith("python3")):
        for name in ("site-packages", "dist-packages"):
            path = f"{library}/{name}"
            if os.path.isdir(path) and any(below(path, tree) for tree in shown):
                yield path
