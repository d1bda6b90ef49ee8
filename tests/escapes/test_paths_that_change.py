"""Host paths that change while a plan is made: what is checked must be what is bound, and nothing is made elsewhere.

CVE-2021-30465 (runc: a directory exchanged for a link made a mount land on the host), CVE-2026-50549, sandlock#112.
"""

import ctypes
import os
import signal
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from confining import EMPTY, PYTHON, confined, policy

from casemate.model.capability import Capability
from casemate.model.errors import Refused
from casemate.model.policy import PRIVATE, Grant, Missing
from casemate.model.sandbox import Command
from casemate.sandbox import RunInput, choose
from casemate.sandbox.native.contract import NativePlan
from casemate.sandbox.native.paths import look
from casemate.sandbox.native.steps import Bind, Folder, Hide, Link, Step

RENAME_EXCHANGE = 2
ROUNDS = 60


@pytest.fixture
def victim() -> Iterator[Path]:
    """Make a directory of the host in which nothing more may ever appear, and `here/sub` with something to grant.

    Not below /tmp, which the steward covers with memory of its own.
    """
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        folder = Path(name) / "victim"
        sub = Path(name) / "here" / "sub"
        (sub / "folder").mkdir(parents=True)
        folder.mkdir()
        for file in (sub / "file", sub / "first", folder / "first"):
            file.write_text("content")
        yield folder
        assert [entry.name for entry in folder.iterdir()] == ["first"]


@pytest.mark.parametrize("what", ["file", "folder", "new link", "new folder"])
def test_a_link_of_the_plan_in_the_way_of_another_step(victim: Path, what: str) -> None:
    """A plan that saw `sub` first as a link and then as a directory: the link led to the host while the root was built.

    So root made a file in a directory that somebody else chose.
    """
    sub = victim.parent / "here" / "sub"
    steps: dict[str, Step] = {
        "file": Bind(look(str(sub / "file"))),
        "folder": Bind(look(str(sub / "folder"))),
        "new link": Link(f"{sub}/made", "/etc"),
        "new folder": Folder(f"{sub}/made"),
    }
    outside = victim.parent / "outside"
    (victim.parent / "elsewhere").mkdir()
    outside.symlink_to("elsewhere")
    (outside / "made").mkdir()  # what a path that is followed does
    assert (victim.parent / "elsewhere" / "made").exists()
    native = choose("native")
    made = native.plan(Command((str(PYTHON), "-c", "pass"), str(PYTHON), "/"), EMPTY)
    assert isinstance(made, NativePlan)
    with pytest.raises(Refused, match="root"):
        native.start(replace(made, steps=(*made.steps, Link(str(sub), str(victim)), steps[what])), RunInput({}))


def test_a_socket_to_be_covered_that_is_gone_meanwhile(victim: Path) -> None:
    """Sockets of the host come and go: there is nothing to cover then, and the run goes on."""
    sub, native = victim.parent / "here" / "sub", choose("native")
    granted = policy(Grant(Capability.FS_READ, str(sub)), Grant(Capability.NET_UNIX, PRIVATE))
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(sub / "socket"))
        made = native.plan(Command((str(PYTHON), "-c", "pass"), str(PYTHON), "/"), granted)
    (sub / "socket").unlink()
    assert isinstance(made, NativePlan)
    assert [step.path for step in made.steps if isinstance(step, Hide)][-1:] == [str(sub / "socket")]
    assert native.start(made, RunInput({})).code == 0


def test_a_race_for_a_directory_is_never_won(victim: Path) -> None:
    """For real: somebody exchanges a directory for a link as fast as he can."""
    sub = victim.parent / "here" / "sub"
    (victim.parent / "decoy").symlink_to(victim)
    racer = os.fork()
    if racer == 0:
        libc, until = ctypes.CDLL(None), time.monotonic() + 60
        while time.monotonic() < until:
            libc.renameat2(-100, bytes(sub), -100, bytes(victim.parent / "decoy"), RENAME_EXCHANGE)
        os._exit(0)
    try:
        grants = [Grant(Capability.FS_READ, f"{sub}/{name}") for name in ("first", "file", "folder")]
        granted = policy(*grants, missing=Missing.SKIP_READ)
        for _ in range(ROUNDS):
            with suppress(Refused):
                confined("pass", granted)
            assert [entry.name for entry in victim.iterdir()] == ["first"]
    finally:
        os.kill(racer, signal.SIGKILL)
        os.waitpid(racer, 0)
