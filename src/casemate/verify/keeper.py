"""The keeper: a process of casemate's own that holds canaries and answers with a token whoever reaches it.

It is started as a program of its own, with nothing of casemate in it, because probes read its memory, its variables and
its open files. It writes one line of JSON about what it holds, and one for each line that it is given: who came.
"""

import ctypes
import json
import os
import selectors
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress

IPC_CREAT, IPC_RMID, IPC_PRIVATE = 0o1000, 0, 0
EVERYBODY = 0o666
PR_SET_PTRACER, ANYBODY = 0x59616D61, 2**64 - 1
KNOCK = 0.1
Json = dict[str, object]

libc = ctypes.CDLL(None, use_errno=True)


class Keeper:
    """Sockets, shared memory and a piece of memory of its own, all with the same token."""

    def __init__(self, folder: str, token: str, prefix: str) -> None:
        """Make everything in a folder and under names that begin with `prefix`."""
        self.token, self.prefix, self.folder = token.encode(), prefix, folder
        self.marks = list[str]()
        self.waiting = selectors.DefaultSelector()
        self.memory = ctypes.create_string_buffer(self.token)
        self.scratch = ctypes.create_string_buffer(64)
        self.opened = os.open(f"{folder}/kept", os.O_RDONLY)
        self.given: Json = {}
        self.undo = list[Callable[[], object]]()
        libc.prctl(PR_SET_PTRACER, ctypes.c_ulong(ANYBODY), 0, 0, 0)  # Yama: as if it were nobody's child

    def hold(self) -> Json:
        """Make all of it; what this kernel lacks is left out."""
        self.given |= {
            "process": os.getpid(),
            "address": ctypes.addressof(self.memory),
            "scratch": ctypes.addressof(self.scratch),
            "opened": self.opened,
        }
        for name, make in self.makers():
            with suppress(OSError, AttributeError):
                self.given[name] = make()
        return self.given

    def makers(self) -> Iterator[tuple[str, Callable[[], object]]]:
        """Yield what to make, by name."""
        yield "port", lambda: self.listen(socket.AF_INET, ("127.0.0.1", 0))
        yield "port6", lambda: self.listen(socket.AF_INET6, ("::1", 0))
        yield "udp", lambda: self.hear(socket.AF_INET, ("127.0.0.1", 0))
        yield "udp6", lambda: self.hear(socket.AF_INET6, ("::1", 0))
        yield "unix", lambda: self.listen(socket.AF_UNIX, f"{self.folder}/unix")
        yield "asked", lambda: self.listen(socket.AF_UNIX, f"{self.folder}/asked", self.hand_out)
        yield "datagram", lambda: self.hear(socket.AF_UNIX, f"{self.folder}/datagram")
        yield "abstract", lambda: self.listen(socket.AF_UNIX, f"\0{self.prefix}-abstract")
        yield "told", lambda: bool(self.listen(socket.AF_UNIX, f"\0{self.token.decode()}-listed"))
        yield "free_abstract", lambda: f"\0{self.prefix}-free"
        yield "free_port", lambda: self.reserve(socket.SOCK_STREAM)
        yield "free_udp", lambda: self.reserve(socket.SOCK_DGRAM)
        yield "shm_key", lambda: os.getpid() ^ 0x43415345
        yield "shm", self.shared_memory
        yield "queue", self.message_queue
        yield "semaphore", self.semaphores
        yield "shm_name", self.posix_memory
        yield "queue_name", self.posix_queue

    def listen(self, family: int, where: object, answer: Callable[[socket.socket], None] | None = None) -> int | str:
        """Listen, and answer everybody with the token; give the port or the path."""
        made = socket.socket(family, socket.SOCK_STREAM)
        made.bind(where)  # type: ignore[arg-type]  # -- an address of either kind
        if isinstance(where, str) and where.startswith("/"):
            os.chmod(where, 0o777)  # noqa: PTH101, S103 -- nothing but confinement shall stand in the way
        made.listen(64)
        made.setblocking(False)  # noqa: FBT003 -- the signature of the library
        self.waiting.register(made, selectors.EVENT_READ, answer or self.answer)
        return self.place(made)

    def hear(self, family: int, where: object) -> int | str:
        """Take datagrams, and answer those who can be answered."""
        made = socket.socket(family, socket.SOCK_DGRAM)
        made.bind(where)  # type: ignore[arg-type]  # -- an address of either kind
        if isinstance(where, str):
            os.chmod(where, 0o777)  # noqa: PTH101, S103 -- likewise
        made.setblocking(False)  # noqa: FBT003 -- the signature of the library
        self.waiting.register(made, selectors.EVENT_READ, self.take)
        return self.place(made)

    @staticmethod
    def place(made: socket.socket) -> int | str:
        """Give the port or the name of a socket."""
        name: object = made.getsockname()
        match name:
            case bytes():
                return name.decode()
            case str():
                return name
            case _:
                return port(made)

    def reserve(self, kind: int) -> int:
        """Find a port that is free, for a probe to listen on."""
        with socket.socket(socket.AF_INET, kind) as made:
            made.bind(("127.0.0.1", 0))
            return port(made)

    def answer(self, listener: socket.socket) -> None:
        """Send the token to who connected, and note what it brought."""
        with listener.accept()[0] as made:
            made.settimeout(0.3)
            with suppress(OSError):
                made.sendall(self.token)
                self.note(made.recv(200))

    def hand_out(self, listener: socket.socket) -> None:
        """Hand a descriptor of the kept file to who connected."""
        with listener.accept()[0] as made, suppress(OSError):
            socket.send_fds(made, [b"x"], [self.opened])

    def take(self, made: socket.socket) -> None:
        """Note a datagram and answer it with the token."""
        data, sender = made.recvfrom(200)
        self.note(data)
        if sender:
            with suppress(OSError):
                made.sendto(self.token, sender)

    def note(self, data: bytes) -> None:
        """Remember who came."""
        if data:
            self.marks.append(data.decode("latin-1"))

    def knock(self) -> None:
        """Try the ports on which a probe may have begun to listen."""
        with suppress(OSError, KeyError), socket.socket(socket.AF_INET, socket.SOCK_STREAM) as made:
            made.settimeout(0.3)
            made.connect(("127.0.0.1", int(str(self.given["free_port"]))))
            made.sendall(self.token)
        with suppress(OSError, KeyError), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as made:
            made.connect(str(self.given["free_abstract"]))
            made.sendall(self.token)
        with suppress(OSError, KeyError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
            made.sendto(self.token, ("127.0.0.1", int(str(self.given["free_udp"]))))

    def shared_memory(self) -> int:
        """Make a System V segment."""
        number = checked(libc.shmget(int(str(self.given["shm_key"])), 4096, IPC_CREAT | EVERYBODY))
        self.undo.append(lambda: libc.shmctl(number, IPC_RMID, None))
        libc.shmat.restype = ctypes.c_void_p
        ctypes.memmove(libc.shmat(number, None, 0), self.token, len(self.token))
        return number

    def message_queue(self) -> int:
        """Make a System V queue that holds more messages than there are probes."""
        number = checked(libc.msgget(IPC_PRIVATE, IPC_CREAT | EVERYBODY))
        self.undo.append(lambda: libc.msgctl(number, IPC_RMID, None))
        message = (1).to_bytes(8, sys.byteorder) + self.token
        for _ in range(4):
            checked(libc.msgsnd(number, message, len(self.token), 0))
        return number

    def semaphores(self) -> int:
        """Make a System V set of one semaphore."""
        number = checked(libc.semget(IPC_PRIVATE, 1, IPC_CREAT | EVERYBODY))
        self.undo.append(lambda: libc.semctl(number, 0, IPC_RMID, 0))
        return number

    def posix_memory(self) -> str:
        """Make a segment in /dev/shm."""
        path = f"/dev/shm/{self.prefix}"  # noqa: S108 -- the place of POSIX shared memory
        with open(path, "xb") as file:  # noqa: PTH123 -- a script without pathlib
            file.write(self.token)
        os.chmod(path, 0o666)  # noqa: PTH101, S103 -- as above
        self.undo.append(lambda: os.unlink(path))  # noqa: PTH108 -- likewise
        return self.prefix

    def posix_queue(self) -> str:
        """Make a POSIX queue with messages in it."""
        name = f"/{self.prefix}".encode()
        number = checked(libc.mq_open(name, os.O_CREAT | os.O_RDWR, EVERYBODY, None))
        self.undo.append(lambda: libc.mq_unlink(name))
        for _ in range(4):
            checked(libc.mq_send(number, self.token, len(self.token), 0))
        return name.decode()

    def report(self) -> Json:
        """Say who came since the last time."""
        came, self.marks = self.marks, []
        return {"marks": came, "overwritten": self.scratch.value.decode("latin-1")}

    def serve(self) -> None:
        """Answer until standard input ends."""
        self.waiting.register(0, selectors.EVENT_READ, None)
        while True:
            for key, _ in self.waiting.select(KNOCK):
                if key.data is not None:
                    with suppress(OSError):
                        key.data(key.fileobj)
                elif not os.read(0, 100):
                    return
                else:
                    self.drain()
                    say(self.report())
            self.knock()

    def drain(self) -> None:
        """Take what is waiting already, before a report."""
        while True:
            ready = [key for key, _ in self.waiting.select(0) if key.data is not None]
            if not ready:
                return
            for key in ready:
                with suppress(OSError):
                    key.data(key.fileobj)


def port(made: socket.socket) -> int:
    """Give the port of a socket of IP."""
    return int(made.getsockname()[1])


def checked(result: int) -> int:
    """Turn -1 into an error."""
    if result == -1:
        raise OSError(ctypes.get_errno(), "canary")
    return result


def say(line: Json) -> None:
    """Write one line."""
    os.write(1, json.dumps(line).encode() + b"\n")


def main() -> None:
    """Hold everything, answer, and take everything away again, the folder too: whoever made it may have been killed."""
    folder = sys.argv[1]
    keeper = Keeper(folder, os.environ["CASEMATE_CANARY_TOKEN"], sys.argv[2])
    try:
        say(keeper.hold())
        keeper.serve()
    finally:
        for act in keeper.undo:
            act()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
