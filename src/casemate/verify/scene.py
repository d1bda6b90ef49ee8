"""One side of the battery: canaries that are made anew for it, and how it is seen that somebody got at them."""

import ctypes
import fcntl
import json
import os
import secrets
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self, cast

from casemate.model.errors import Refused
from casemate.model.sandbox import Json
from casemate.model.verification import Probe
from casemate.verify import folder as folders
from casemate.verify.victim import Victim

PLACES = ("/var/tmp", None)  # noqa: S108 -- not /tmp: Landlock lets a run write below its private /tmp
SHORTEST = "casemate-"
KEEPER = Path(__file__).with_name("keeper.py")
TOKEN = "CASEMATE_CANARY_TOKEN"  # noqa: S105 -- the name of a variable
INHERITED = 200  # the first number of the descriptors that are left open; small ones are taken inside
PROGRAMS, OTHERS = ("/usr/bin/true", "/bin/true"), ("/usr/bin/id", "/bin/ls")  # without effects
CALLS = {"name_to_handle_at": (303, 264), "add_key": (248, 217), "keyctl": (250, 219)}  # x86-64, aarch64
SESSION, KEYCTL_INVALIDATE = -3, 21


@dataclass(slots=True)
class Own:
    """What belongs to one probe, and what it was like before."""

    folder: Path
    mark: str
    name: str
    before: Mapping[str, folders.Print]
    victim: Victim | None = None


@dataclass(slots=True)
class Scene:
    """The canaries of one side. It is a context: everything is taken away at the end."""

    side: str
    token: str = ""
    place: Path = Path("/nowhere")
    given: dict[str, Json] = field(default_factory=dict[str, Json])
    own: dict[str, Own] = field(default_factory=dict[str, Own])
    inherited: list[int] = field(default_factory=list[int])
    _keeper: "subprocess.Popen[bytes] | None" = None
    _came: list[str] = field(default_factory=list[str])
    _other_end: socket.socket | None = None
    _library: str = ""
    _key: int = 0

    def __enter__(self) -> Self:
        """Make what all probes share."""
        self.token = f"canary-{secrets.token_hex(16)}"
        self.place = _folder()
        folders.write(self.place / "kept", f"{self.token}\n")
        self.temporary.mkdir()
        self.temporary.chmod(0o777)
        self._library = _a_library()
        try:
            self._start_keeper()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        self._key = _add_key(self.place.name, self.token)
        self.given |= {
            "key": self.place.name,
            "variable": TOKEN,
            "inherited": INHERITED,
            "inherited_directory": INHERITED + 1,
            "inherited_socket": INHERITED + 2,
            "program": _first(PROGRAMS),
            "other_program": _first(OTHERS),
        }
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End every process and take every file away."""
        self.close_inherited()
        for own in self.own.values():
            if own.victim is not None:
                own.victim.end()
        if self._keeper is not None:
            with suppress(OSError):
                self._keeper.communicate(timeout=5)
            self._keeper.kill()
            self._keeper.wait()
        if self._key:
            _call("keyctl", KEYCTL_INVALIDATE, self._key)
        shutil.rmtree(self.place, ignore_errors=True)

    @property
    def temporary(self) -> Path:
        """Give the folder for what probes leave behind outside."""
        return self.place / "tmp"

    def _start_keeper(self) -> None:
        # its arguments hold the token: whoever sees a process of the caller's sees them
        arguments = [sys.executable, "-I", "-S", str(KEEPER), str(self.place), self.place.name, self.token]
        self._keeper = subprocess.Popen(  # noqa: S603 -- our own program
            arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={TOKEN: self.token}, cwd=self.place
        )
        self.given |= self._heard()

    def _heard(self) -> dict[str, Json]:
        """Read one line of the keeper's."""
        assert self._keeper is not None  # noqa: S101 -- for type checkers: it was started
        assert self._keeper.stdout is not None  # noqa: S101 -- likewise
        line = self._keeper.stdout.readline()
        if not line:
            raise Refused("the canaries could not be made: their keeper ended")
        return cast("dict[str, Json]", json.loads(line))

    def prepare(self, probe: Probe) -> None:
        """Make what belongs to one probe."""
        path = self.place / str(len(self.own))
        folders.fill(path, self.token, probe.uses, self._library)
        mark = f"{probe.name}@{self.side}"
        own = Own(path, mark, f"cm{secrets.token_hex(5)}", folders.prints(path))
        own.victim = Victim() if "victim" in probe.uses else None
        self.own[probe.name] = own

    def open_inherited(self) -> tuple[int, ...]:
        """Leave descriptors open as a careless caller does: a secret file, the root of the host, a connection."""
        ours, self._other_end = socket.socketpair()
        files = [os.open(self.place / "kept", os.O_RDONLY), os.open("/", os.O_PATH), ours.detach()]
        self._other_end.sendall(self.token.encode())
        for at, descriptor in enumerate(files):
            os.dup2(descriptor, INHERITED + at, inheritable=True)
            os.close(descriptor)
            self.inherited.append(INHERITED + at)
        return tuple(self.inherited)

    def close_inherited(self) -> None:
        """Close them again."""
        while self.inherited:
            os.close(self.inherited.pop())
        if self._other_end is not None:
            self._other_end.close()
            self._other_end = None

    def canary(self, probe: Probe) -> Mapping[str, Json]:
        """Give what a probe is told: places and numbers, never a token."""
        own = self.own[probe.name]
        told: dict[str, Json] = {name: value for name, value in self.given.items() if name in probe.uses}
        told |= {"folder": str(own.folder), "secret": f"{own.folder}/secret", "mark": own.mark, "name": own.name}
        told |= {"database": f"{own.folder}/database", "module": f"{own.folder}/canary_module.py"}
        told |= {"library": f"{own.folder}/library.so", "readable_library": f"{own.folder}/shared/library.so"}
        told["granted"] = f"{own.folder}/shared/code"
        if "handle" in probe.uses:
            told["handle"] = _handle(f"{own.folder}/secret")
        if own.victim is not None:
            told["victim"] = own.victim.pid
        return told

    def effect(self, probe: Probe, said: str) -> str:
        """Say by what it is seen that a probe reached something; "" where nothing is seen."""
        own = self.own[probe.name]
        if self.token in said:
            return "it read the token"
        if found := folders.changed(dict(own.before), own.folder):
            return f"{found} is not as it was"
        if own.victim is not None and (changed := own.victim.changed()):
            return f"it changed another process: {changed}"
        if any(own.mark in came for came in self._came):
            return "its mark arrived"
        if "name" in probe.uses and _is_alive(own.name):
            return "a process of it is left over"
        return ""

    def hear_who_came(self) -> None:
        """Ask the keeper whose marks have arrived."""
        if self._keeper is not None and self._keeper.stdin is not None:
            self._keeper.stdin.write(b"?")
            self._keeper.stdin.flush()
            said = self._heard()
            self._came += [*cast("list[str]", said["marks"]), str(said["overwritten"])]


def _folder() -> Path:
    """Make a folder that everybody may pass through, where a run is given nothing by itself."""
    for place in PLACES:
        with suppress(OSError):
            made = Path(tempfile.mkdtemp(prefix=SHORTEST, dir=place))
            made.chmod(0o711)
            return made
    raise Refused("there is no folder for temporary files")


def _first(paths: Iterable[str]) -> str:
    """Name the first program that is there."""
    return next((os.path.realpath(path) for path in paths if os.access(path, os.X_OK)), "/nonexistent")


def _a_library() -> str:
    """Name a small shared library that is loaded here, to be copied."""
    lines = Path("/proc/self/maps").read_text(encoding="utf-8").splitlines()
    paths = {line[line.index("/") :] for line in lines if "/" in line and ".so" in line and "ld-" not in line}
    sizes = {Path(path).stat().st_size: path for path in paths if Path(path).exists()}
    return sizes[min(sizes)] if sizes else ""


def _call(name: str, *arguments: object) -> int:
    """Make a system call of Linux; -1 where it fails or has no number here."""
    column = {"x86_64": 0, "aarch64": 1}.get(os.uname().machine)
    if column is None:
        return -1
    passed = [ctypes.c_long(argument) if isinstance(argument, int) else argument for argument in arguments]
    return int(ctypes.CDLL(None).syscall(ctypes.c_long(CALLS[name][column]), *passed))


def _add_key(name: str, token: str) -> int:
    """Put a key into the keyring of our session, which every child of ours has; 0 where there are no keys."""
    return max(_call("add_key", b"user", name.encode(), token.encode(), len(token), SESSION), 0)


def _handle(path: str) -> str:
    """Give the handle of a file as open_by_handle_at(2) takes it: its type and its bytes; "" where there is none."""
    handle = ctypes.create_string_buffer(struct.pack("Ii", 128, 0) + bytes(128), 136)
    failed = _call("name_to_handle_at", -100, os.fsencode(path), handle, ctypes.byref(ctypes.c_int()), 0)
    return "" if failed else handle.raw.hex()


def _is_alive(name: str) -> bool:
    """Tell whether a process of that name lives on this host."""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (process / "comm").read_text(encoding="utf-8", errors="replace").strip() == name:
                return True
    return False


def waiting(descriptor: int) -> int:
    """Count the bytes that wait in a terminal."""
    return int(struct.unpack("i", fcntl.ioctl(descriptor, 0x541B, b"\0" * 4))[0])
