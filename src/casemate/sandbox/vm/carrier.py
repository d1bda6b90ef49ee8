"""Carries a run between the guest and the outside: streams, signals, connections, and its answer."""

import _socket as socket
import json
import os
import signal
from collections.abc import Sequence

from casemate.model.dataclass import dataclass
from casemate.model.visible import visible
from casemate.sandbox.native.loop import Loop
from casemate.sandbox.vm.frames import (
    BOTH_WAYS,
    FROM_GUEST,
    LARGEST_DATAGRAM,
    PIECE,
    WINDOW,
    Garbled,
    Kind,
    Reader,
    number,
    numbers,
)
from casemate.sandbox.vm.port import Port
from casemate.sandbox.vm.together import gather
from casemate.sandbox.vm.tunnel import FIRST_OF_HOST, Tunnel, dialled, family

REFUSED, KILLED = 125, 137
FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)
QUESTIONS = 64  # to the resolver, at once
BACKLOG = 128
PATIENCE = 60.0  # seconds until a copy of the guest says that it has its job
Answer = dict[str, object]


def say(text: str) -> None:
    """Say one line on standard error."""
    os.write(2, f"casemate: {visible(' '.join(text.split()))}\n".encode())


def size() -> tuple[int, int]:
    """Give rows and columns of our terminal."""
    found = os.get_terminal_size(0)
    return found.lines, found.columns


@dataclass(frozen=True, slots=True)
class Ways:
    """The addresses that may be dialled for the guest, by number, and those at which somebody is let in."""

    out: Sequence[tuple[str, int]]
    into: Sequence[tuple[str, int]]


class Carrier:
    """One run, seen from the driver."""

    def __init__(self, descriptor: int, job: bytes, ways: Ways, qemu: int = 0) -> None:
        """Begin with a job that is to be sent; `qemu` is the process of a run that waits for its arguments."""
        self._loop = Loop()
        self._waiting = qemu
        self._port = Port(self._loop, descriptor, Reader(FROM_GUEST), self._take, self._lost)
        self._port.send(Kind.JOB, job)
        self._out = {1: bytearray(), 2: bytearray()}
        self._window = WINDOW
        self._answer: Answer | None = None
        self._awake = False
        self._loop.after(PATIENCE, self._doubt)
        self._gone, self._why = False, ""
        self._ways = ways.out
        self._tunnel = Tunnel(self._loop, self._port, self._dial, FIRST_OF_HOST)
        self._questions = dict[int, socket.socket]()
        for at, (address, port) in enumerate(ways.into):
            self._tunnel.accept(_listening(address, port), at)

    def carry(self) -> int:
        """Do it; give the exit code."""
        woken, wake = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        for name in (*FORWARDED, signal.SIGWINCH):
            signal.signal(name, _noted)
        self._loop.on_read(woken, lambda: self._signals(os.read(woken, 64)))
        for descriptor in (0, 1, 2):
            os.set_blocking(descriptor, False)
        self._loop.on_read(0, self._read)
        self._loop.run(lambda: (self._answer is not None or self._gone) and not any(self._out.values()))
        return self._code()

    def _signals(self, numbers_: bytes) -> None:
        for one in numbers_:
            if one != signal.SIGWINCH:
                self._port.send(Kind.SIGNAL, bytes((one,)))
            elif os.isatty(0):
                self._port.send(Kind.SIZE, b"".join(value.to_bytes(2, "little") for value in (*size(), 0, 0)))

    def _read(self) -> None:
        """Read input, as much as may be on the way."""
        try:
            data = os.read(0, min(self._window, PIECE))
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if self._waiting:
            gather(self._waiting, self._loop)
            self._waiting = 0
        if data:
            self._window -= len(data)
            self._port.send(Kind.INPUT, data)
        else:
            self._port.send(Kind.END)
        if not data or not self._window:
            self._loop.on_read(0, None)

    def _take(self, kind: Kind, data: bytes) -> None:
        """Take in a frame of the guest. Raises Garbled."""
        if self._answer is not None:
            raise Garbled("something after the answer")
        if kind is Kind.OUTPUT or kind is Kind.ERRORS:
            self._write(1 if kind is Kind.OUTPUT else 2, data)
        elif kind is Kind.TAKEN:
            if not self._window:
                self._loop.on_read(0, self._read)
            self._window = min(self._window + numbers(data)[0], WINDOW)
        elif kind in BOTH_WAYS:
            self._tunnel.take(kind, data)
        elif kind is Kind.QUESTION:
            self._ask(numbers(data)[0], data[4:])
        elif kind is Kind.ANSWER:
            self._answer = _answer(data)
        elif not self._awake:
            self._awake = True
        else:
            raise Garbled("that it stands, once more")

    def _write(self, descriptor: int, data: bytes) -> None:
        """Write output; nothing more is read from the guest until it is written."""
        kept = self._out[descriptor]
        kept += data
        try:
            while kept:
                del kept[: os.write(descriptor, kept)]
        except BlockingIOError:
            self._port.pause()
            self._loop.on_write(descriptor, lambda: self._write(descriptor, b""))
            return
        except OSError:  # nobody reads it
            kept.clear()
        self._loop.on_write(descriptor, None)
        if not self._gone and self._answer is None and not any(self._out.values()):
            self._port.resume()

    def _dial(self, which: int) -> int:
        """Connect for the guest to what is granted, by its number."""
        address, port = self._ways[which] if which < len(self._ways) else ("", 0)
        if not address:
            raise ConnectionRefusedError
        return dialled(family(address), address, port)

    def _ask(self, name: int, question: bytes) -> None:
        """Ask the resolver of the native backend, which knows the granted names alone."""
        if name in self._questions or not self._ways:
            return
        if len(self._questions) >= QUESTIONS:
            self._forget(next(iter(self._questions)))
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
        self._questions[name] = made
        try:
            made.connect(tuple(self._ways[-1]))
            made.send(question)
        except OSError:
            self._forget(name)
            return
        self._loop.on_read(made.fileno(), lambda: self._replied(name))

    def _replied(self, name: int) -> None:
        try:
            self._port.send(Kind.REPLY, number(name) + self._questions[name].recv(LARGEST_DATAGRAM))
        except BlockingIOError:
            return
        except OSError:
            pass  # nobody answers: whoever asked learns that by the time it takes
        self._forget(name)

    def _forget(self, name: int) -> None:
        made = self._questions.pop(name)
        self._loop.forget(made.fileno())
        made.close()

    def _doubt(self) -> None:
        """Give up a copy that does not even say that it has the job."""
        if not self._awake:
            self._port.stop()
            self._lost(f"the copy of it did not wake up within {PATIENCE:g} s")

    def _lost(self, reason: str) -> None:
        self._gone, self._why = True, reason

    def _code(self) -> int:
        """Give the exit code that an answer means; whatever is wrong in it means that the guest was ended."""
        if self._answer is None:
            say(f"vm: the guest is gone{f': {self._why}' if self._why else ''}")
            return KILLED if self._awake else REFUSED
        code, ended, by = (self._answer.get(name) for name in ("code", "signal", "by"))
        if isinstance(refused := self._answer.get("refused"), str):
            say(f"vm: {refused[:2000]}")
            return code if isinstance(code, int) and code in (125, 126, 127) else REFUSED
        if isinstance(by, str) and by:
            say(f"vm: ended by the {by[:40]} of the guest")
            return KILLED
        if isinstance(ended, int) and 0 < ended < 65:
            return 128 + ended
        return code if isinstance(code, int) and 0 <= code < 256 else KILLED


def _answer(data: bytes) -> Answer:
    try:
        said: object = json.loads(data)
    except (ValueError, RecursionError):
        raise Garbled("an answer that is no JSON") from None
    if not isinstance(said, dict):
        raise Garbled("an answer that is no table")
    return {str(name): value for name, value in said.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] -- JSON


def _listening(address: str, port: int) -> int:
    """Listen where the steward connects to for whoever is let in."""
    made = socket.socket(family(address), socket.SOCK_STREAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind((address, port))
    made.listen(BACKLOG)
    return made.detach()


def _noted(_number: int, _frame: object) -> None:
    """Let the wake-up descriptor say that a signal came."""
