"""Runs under the native backend: starts QEMU, wakes a copy of the kept guest, and carries the program's streams.

Its first argument says what it shall do, `make` or `run`; the others put together are its task as JSON. Exit codes are
those of a run: the program's own, 125 to 127 where nothing of it ran, 128+N where signal N ended it.
"""
# ruff: noqa: PTH123 -- pathlib would take longer to load than the rest of the driver

import json
import os
import resource
import signal
import socket
import sys
import time

from casemate.model.dataclass import dataclass
from casemate.model.sandbox import Json
from casemate.sandbox.vm import carrier, frames
from casemate.sandbox.vm.frames import Kind
from casemate.sandbox.vm.qmp import Failed, Qmp
from casemate.sandbox.vm.vector import Machine, vector

SEED = 64  # bytes
KEPT_APART: Json = ({"capability": "x-ignore-shared", "state": True},)  # the memory is in a file of its own
LONGEST_SERIAL = 4096  # bytes of what the kernel of a guest said last


class Unable(Exception):  # noqa: N818 -- it says what is the case
    """The guest cannot be started; nothing of the program ran."""


@dataclass(slots=True)
class Guest:
    """QEMU, and our ends of its two channels."""

    pid: int
    port: socket.socket
    control: Qmp
    serial: str

    def end(self) -> None:
        """Kill it and reap it."""
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        self.port.close()
        self.control.channel.close()


def main() -> None:
    """Do what the arguments say, and end."""
    word, *parts = sys.argv[1:]
    task = json.loads("".join(parts))
    machine = Machine(**task.pop("machine"))
    try:
        code = make(machine, **task) if word == "make" else run(machine, **task)
    except (Unable, Failed, frames.Garbled, OSError) as error:
        carrier.say(f"vm: {error}")
        code = carrier.REFUSED
    os._exit(code)


def started(machine: Machine, memory: str, serial: str, *, incoming: bool) -> Guest:
    """Start QEMU. Raises Unable."""
    port, its_port = socket.socketpair()
    control, its_control = socket.socketpair()
    for end in (its_port, its_control):
        os.set_inheritable(end.fileno(), True)  # noqa: FBT003 -- the signature of the library
    where = f"file,id=serial,path={serial}" if serial else "null,id=serial"
    words = vector(
        machine,
        memory=memory,
        port=its_port.fileno(),
        control=its_control.fileno(),
        serial=where,
        incoming=incoming,
    )
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
    ]
    try:
        pid = os.posix_spawn(
            machine.qemu,
            words,
            {"PATH": "/usr/bin", "LANG": "C"},
            file_actions=actions,
            setpgroup=0,
            setsigdef=carrier.FORWARDED,
        )
    except OSError as error:
        raise Unable(f"{machine.qemu}: {error.strerror}") from None
    its_port.close()
    its_control.close()
    guest = Guest(pid, port, Qmp(control), serial)
    try:
        guest.control.greet()
    except Failed:
        guest.end()
        raise Unable("QEMU ended before it could be spoken to") from None
    return guest


def make(machine: Machine, folder: str, patience: float) -> int:
    """Boot a guest, wait until it stands, and keep it in `folder`: `ram` and `state`. Raises Unable and Failed."""
    guest = started(machine, f"{folder}/ram", f"{folder}/serial", incoming=False)
    try:
        _wait_until_it_stands(guest, patience)
        guest.control.ask("stop")
        guest.control.ask("migrate-set-capabilities", capabilities=KEPT_APART)
        state = os.open(f"{folder}/state", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        guest.control.ask("getfd", state, fdname="state")
        guest.control.ask("migrate", uri="fd:state")
        while (how := guest.control.ask("query-migrate")).get("status") != "completed":
            if how.get("status") == "failed":
                raise Unable(f"QEMU cannot keep the guest: {how.get('error-desc', 'no reason given')}")
            time.sleep(0.01)
        with open(f"{folder}/version", "w") as version:
            version.write(guest.control.version)
        os.fsync(state)
    finally:
        guest.end()
    return 0


def _wait_until_it_stands(guest: Guest, patience: float) -> None:
    reader, end = frames.Reader((Kind.STANDS,)), time.monotonic() + patience
    while (left := end - time.monotonic()) > 0:
        guest.port.settimeout(left)
        try:
            data = guest.port.recv(frames.PIECE)
        except TimeoutError:
            break
        if any(kind is Kind.STANDS for kind, _ in reader.feed(data)):
            return
        if not data:
            raise Unable(f"the guest ended while it started{_last_words(guest)}")
    raise Unable(f"the guest did not start within {patience:g} s{_last_words(guest)}")


def _last_words(guest: Guest) -> str:
    try:
        with open(guest.serial, "rb") as file:
            said = file.read()[-LONGEST_SERIAL:].decode(errors="replace")
    except OSError:
        return ""
    return f": {' '.join(said.split())}" if said.strip() else ""


def run(machine: Machine, folder: str, job: dict[str, Json], ways: list[list[tuple[str, int]]], largest: int) -> int:
    """Wake a copy of the kept guest, hand it the job, carry streams until its answer. Raises Unable and Failed.

    From when its memory is there, no file can grow above `largest` bytes (0: without a limit), whoever writes it.
    """
    memory = _copied(f"{folder}/ram")
    if largest:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))
    guest = started(machine, f"/proc/self/fd/{memory}", "", incoming=True)
    os.close(memory)
    try:
        _wake(guest, f"{folder}/state")
        job["environment"] = dict(os.environ)  # what is not named in the job stays in the guest's init
        job["terminal"] = carrier.size() if os.isatty(0) else None
        job["clock"], job["seed"] = time.time(), os.urandom(SEED).hex()
        waiting = guest.pid if job["waits"] else 0
        return carrier.Carrier(guest.port.fileno(), json.dumps(job).encode(), carrier.Ways(*ways), waiting).carry()
    finally:
        guest.end()


def _wake(guest: Guest, path: str) -> None:
    """Load the state of the kept guest, and let it go on. Raises Failed."""
    state = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    guest.control.ask("getfd", state, fdname="state")
    os.close(state)
    guest.control.ask("migrate-set-capabilities", capabilities=KEPT_APART)
    guest.control.ask("migrate-incoming", uri="fd:state")
    end = time.monotonic() + carrier.PATIENCE
    while (status := guest.control.ask("query-status").get("status")) == "inmigrate":
        if time.monotonic() > end:
            raise Failed("QEMU does not finish to load the guest")
        time.sleep(0.001)
    if status != "running":
        guest.control.ask("cont")


def _copied(path: str) -> int:
    """Copy the memory of the kept guest into memory of our own, without its holes; give the descriptor."""
    source = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    copy = os.memfd_create("ram", 0)
    end = os.fstat(source).st_size
    os.ftruncate(copy, end)
    at = 0
    while at < end:
        try:
            at = os.lseek(source, at, os.SEEK_DATA)
        except OSError:
            break  # only a hole is left: ENXIO
        hole = os.lseek(source, at, os.SEEK_HOLE)
        os.lseek(source, at, os.SEEK_SET)
        os.lseek(copy, at, os.SEEK_SET)
        while at < hole:
            at += os.sendfile(copy, source, None, hole - at)
    os.close(source)
    return copy
