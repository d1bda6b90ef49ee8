"""Programs for a soak: what ordinary ones do, what misbehaving ones do, and how each must end when left alone."""

from dataclasses import dataclass

LIMITS = """
[policy]
version = 1
[fs]
tmp = "8MiB"
read = ["DATA"]
write = [{ path = "OUT", max = "4MiB" }]
[limits]
cpu = "5s"
wall = "2s"
memory = "192MiB"
processes = 24
fds = 64
output = "1MiB"
disk = "16MiB"
"""


@dataclass(frozen=True, slots=True)
class Deed:
    """A program. In `options` and `code` OUT, DATA, FILE, RECORD, PORT and NAME are replaced by those of the run."""

    name: str
    code: str
    options: tuple[str, ...] = ()
    codes: frozenset[int] = frozenset({0})
    says: str = "done\n"
    misbehaves: bool = False
    talks: bool = False  # the harness must connect to PORT
    terminal: bool = False


def _bad(name: str, code: str, *codes: int, says: str = "") -> Deed:
    return Deed(name, code, ("--policy", "LIMITS"), frozenset(codes or {0}), says, misbehaves=True)


ORDINARY = (
    Deed("bare", "print('done')"),
    Deed("bare", "import time; time.sleep(0.05); print('done')"),
    Deed("read", "import os; print(open('DATA/given').read().strip(), flush=True)", ("--read", "DATA"), says="given\n"),
    Deed(
        "write",
        "open('OUT/r-NAME', 'w').write('x' * 5000); open('OUT/shared', 'w').write('NAME'); print('done')",
        ("--write", "OUT"),
    ),
    Deed(
        "write many", "for n in range(40): open(f'OUT/many-{n}', 'w').write('NAME')\nprint('done')", ("--write", "OUT")
    ),
    Deed("write a file", "open('FILE', 'w').write('NAME'); print('done')", ("--write", "FILE")),
    Deed("record", "print('done')", ("--record", "RECORD")),
    Deed(
        "connect",
        "import socket; s = socket.create_connection(('127.0.0.1', SERVER), 20); s.sendall(b'done\\n')\n"
        "print(s.makefile().readline(), end='')",
        ("--connect", "127.0.0.1:SERVER"),
    ),
    Deed(
        "listen",
        "import socket; s = socket.create_server(('127.0.0.1', PORT)); s.settimeout(20)\n"
        "c = s.accept()[0]; print(c.makefile().readline(), end='', flush=True); c.sendall(b'bye')",
        ("--listen", "127.0.0.1:PORT"),
        talks=True,
    ),
    Deed("spawn", "import subprocess; subprocess.run(['/bin/echo', 'done'], check=True)", ("--spawn", "/bin/echo")),
    Deed("terminal", "import os, sys; os.get_terminal_size(); print('done')", says="done\r\n", terminal=True),
    Deed("children", "import os\nfor n in range(5):\n  if not os.fork(): os._exit(0)\nprint('done')"),
)

_TOUCH = "import ctypes, os, signal, socket, sys, threading, time\n"
MISBEHAVING = (
    _bad("crash", f"{_TOUCH}ctypes.string_at(0)", 139),
    _bad("abort", f"{_TOUCH}os.abort()", 134),
    _bad("fork bomb", f"{_TOUCH}while True:\n  try: os.fork()\n  except OSError: pass", 137, 1),
    _bad(
        "thread bomb",
        f"{_TOUCH}while True:\n  try: threading.Thread(target=time.sleep, args=(9,)).start()\n"
        "  except RuntimeError: pass",
        137,
        1,
        139,
    ),
    _bad("memory bomb", "a = []\nwhile True: a.append(bytearray(b'x' * (1 << 20)))", 1, 137),
    _bad(
        "memory bombs of many",
        f"{_TOUCH}[os.fork() for _ in range(3)]\na = []\nwhile True: a.append(bytearray(b'x' * (1 << 20)))",
        1,
        137,
    ),
    _bad("full /tmp", "f = open('/tmp/x', 'wb')\nwhile True: f.write(b'x' * 65536)", 1, 153),
    _bad("full layer", "f = open('OUT/r-full-NAME', 'wb')\nwhile True: f.write(b'x' * 65536)", 1),
    _bad("full /dev/shm", "f = open('/dev/shm/x', 'wb')\nwhile True: f.write(b'x' * 65536)", 1, 153),
    _bad("names without end", "n = 0\nwhile True: open(f'OUT/r-{n}-NAME', 'w'); n += 1", 1, 137),
    _bad("output without end", "while True: print('x' * 1000)", 137),
    _bad(
        "ignores every signal",
        f"{_TOUCH}signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\n"
        "for n in range(1, 65):\n  try: signal.signal(n, signal.SIG_IGN)\n  except (OSError, ValueError): pass\n"
        "time.sleep(60)",
        137,
    ),
    _bad(
        "daemons",
        f"{_TOUCH}for _ in range(4):\n"
        "  if not os.fork():\n    os.setsid()\n    if os.fork(): os._exit(0)\n"
        "    for n in (1, 2, 13, 15): signal.signal(n, signal.SIG_IGN)\n"
        "    os.closerange(0, 64); time.sleep(60)\n",
        0,
    ),
    _bad("stops itself", f"{_TOUCH}os.kill(os.getpid(), signal.SIGSTOP)", 137),
    _bad(
        "stopped children",
        f"{_TOUCH}for _ in range(4):\n  if not os.fork(): os.kill(os.getpid(), signal.SIGSTOP); time.sleep(60)\n",
        0,
    ),
    _bad("zombies", f"{_TOUCH}for _ in range(15):\n  if not os.fork(): os._exit(0)\nos._exit(3)", 3),
    _bad(
        "descriptors without end",
        f"{_TOUCH}p = []\ntry:\n  while True:\n    p.append(os.pipe()); os.set_blocking(p[-1][1], False); "
        "os.write(p[-1][1], b'x' * 65536)\nexcept OSError: os._exit(4)",
        4,
    ),
    _bad(
        "descriptors in flight",
        f"{_TOUCH}a, b = socket.socketpair()\na.setblocking(False)\ntry:\n"
        "  while True: socket.send_fds(a, [b'x'], [b.fileno()] * 20)\nexcept OSError: os._exit(4)",
        4,
    ),
    _bad(
        "tries to be traced",
        f"{_TOUCH}ctypes.CDLL(None).ptrace(0, 0, 0, 0)\nctypes.CDLL(None).shmget(7, 4096, 0o1666)\n"
        "if not os.fork(): os.kill(os.getpid(), signal.SIGSTOP)\n",
        0,
    ),
    _bad("pipes and links", f"{_TOUCH}os.mkfifo('OUT/r-p-NAME'); os.symlink('/etc', 'OUT/r-l-NAME')", 0),
    _bad("deep", f"{_TOUCH}os.chdir('OUT')\nfor _ in range(150): os.mkdir('r-deep'); os.chdir('r-deep')", 0, 1),
    _bad("closes everything", f"{_TOUCH}os.closerange(0, 64)\nif not os.fork(): time.sleep(60)\ntime.sleep(60)", 137),
    _bad(
        "holds a lock",
        "import fcntl, os, time\nf = open('DATA/given'); fcntl.flock(f, fcntl.LOCK_SH)\n"
        "if not os.fork(): time.sleep(60)",
        0,
    ),
)
