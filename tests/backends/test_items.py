"""Everything that a policy can say is in force in every backend, or refused by its name with exit code 125."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.backends.conftest import Run
from tests.rootfs import with_python

CONNECT = "import socket, sys; print(socket.create_connection(('localhost', {port}), 10).recv(7).decode())"
NAMED = "print(open('{folder}/shown/file').read())"
DENIED = """
try:
    open("{folder}/shown/denied")
except OSError:
    print("in force")
"""
IMAGE = "import os; print('in force' * (sorted(os.listdir('/')) == {names}))"
SPAWN = """
import subprocess
words = ["/usr/bin/env", "-i", "X=in force", "/usr/bin/env"]
print(subprocess.run(words, stdout=subprocess.PIPE, check=True).stdout.decode()[2:])
"""
TMP = """
try:
    with open("/tmp/x", "wb") as file:
        file.write(bytes(9 << 20))
except OSError:
    print("in force")
"""
MAP = "import mmap; mmap.mmap(-1, 4096, prot=7); print('in force')"
PAIR = "import socket; a, b = socket.socketpair(); a.send(b'in force'); print(b.recv(8).decode())"
LISTEN = """
import socket
with socket.create_server(("127.0.0.1", 0)) as server:
    with socket.create_connection(server.getsockname()) as made:
        print("in force")
"""
MUCH = "import sys; sys.stdout.write('x' * 3_000_000)"
FILES = """
found = []
try:
    while len(found) < 60:
        found.append(open("/dev/null"))
except OSError:
    print("in force")
"""
LARGE = """
try:
    with open("/tmp/large", "wb") as file:
        for _ in range(64):
            file.write(bytes(1 << 20))
except OSError:
    print("in force")
"""
FORKS = """
import os, time
made = 0
try:
    while made < 40:
        if os.fork() == 0:
            time.sleep(60)
        made += 1
except (OSError, AttributeError):
    print("in force" if made > 4 or not hasattr(os, "fork") else "no process at all")
"""
MEMORY = "try:\n    x = bytearray(3 << 29)\nexcept MemoryError:\n    print('in force')"


@dataclass(frozen=True)
class Item:
    """What a policy says, and a program that shows that it is in force: by its words, or by how the run ends."""

    name: str
    code: str
    options: tuple[str, ...] = ()
    policy: str = ""
    codes: frozenset[int] = field(default_factory=lambda: frozenset({0}))
    says: str = "in force"


KILLED = frozenset({137, 152, 153})
ITEMS = (
    Item("fs.read", NAMED, ("--read", "{folder}/shown")),
    Item("fs.write", "open('{folder}/out/new', 'w').write('x'); print('in force')", ("--write", "{folder}/out")),
    Item(
        "fs.write",
        "open('{folder}/out/new', 'w').write('x'); print('in force')",
        ("--write-direct", "{folder}/out", "--accept", "fs.persist", "--accept", "res.disk"),
    ),
    Item("fs.deny", DENIED, policy="""
[fs]
read = ["{folder}/shown"]
deny = ["@secrets", "@persist", "{folder}/shown/denied"]
"""),
    Item("fs.image", IMAGE, ("--image", "{folder}/image")),
    Item("fs.tmp", TMP, policy="""
[fs]
tmp = "4MiB"
"""),
    Item("net.connect", CONNECT, ("--connect", "localhost:{port}"), says="welcome"),
    Item("net.listen", LISTEN, ("--listen", "@private")),
    Item("net.listen", "import socket; socket.create_server(('127.0.0.1', {free})); print('in force')",
         ("--listen", "127.0.0.1:{free}")),
    Item("net.unix", PAIR, ("--unix", "@private")),
    Item("proc.spawn", SPAWN, ("--spawn", "/usr/bin/env")),
    Item("native.wx", MAP, policy="\n[native]\nwx = true\n"),
    Item("env.read", "import os; print(os.environ['VARIABLE'])", ("--env", "VARIABLE=in force")),
    Item("env.secret", "import os; print('in force' * ('itself' not in os.environ['TOKEN']))", policy="""
[env]
secret = {{ TOKEN = {{ from = "file:{folder}/secret", to = "localhost:{port}" }} }}
[net]
connect = ["localhost:{port}"]
"""),
    Item("res.cpu", "while True: pass", ("--cpu", "2s"), codes=KILLED, says=""),
    Item("res.wall", "import time; time.sleep(100)", ("--wall", "2s"), codes=KILLED, says=""),
    Item("res.memory", MEMORY, ("--memory", "1GiB"), codes=frozenset({0, *KILLED}), says=""),
    Item("res.output", MUCH, policy='\n[limits]\noutput = "1MiB"\n', codes=KILLED, says="x" * 1000),
    Item("res.fds", FILES, policy="\n[limits]\nfds = 24\n"),
    Item("res.procs", FORKS, policy="\n[limits]\nprocesses = 16\n"),
    Item("res.disk", LARGE, policy='\n[limits]\ndisk = "16MiB"\n'),
    Item("layers", "print('in force')", ("--accept", "fs.list"), policy="layers"),
)  # fmt: skip


@pytest.fixture
def ground(tmp_path: Path, port: int, free_port: int) -> Mapping[str, str]:
    for name in ("shown", "out"):
        (tmp_path / name).mkdir()
    for name in ("shown/file", "shown/denied"):
        (tmp_path / name).write_text("in force")
    (tmp_path / "secret").write_text("the secret itself")
    names = ["bin", "dev", "etc", "home", "lib", "lib64", "proc", "sys", "tmp", "usr"]
    return {"names": str(names), "folder": str(tmp_path), "port": str(port), "free": str(free_port)}


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: f"{item.name}{' '.join(item.options[:1])}")
def test_an_item_is_in_force_or_refused_by_name(
    run: Run, item: Item, ground: Mapping[str, str], tmp_path: Path
) -> None:
    words = [word.format_map(ground) for word in item.options]
    if item.name == "fs.image":
        with_python(tmp_path / "image")
    head = "[policy]\nversion = 1\n" + ("layers = 2\n" if item.policy == "layers" else "")
    if item.policy:
        file = tmp_path / "policy.toml"
        file.write_text(head + (item.policy.format_map(ground) if item.policy != "layers" else ""))
        words += ["--policy", str(file)]
    code = item.code.format_map(ground) if "{" in item.code else item.code
    done = run(*words, "-c", code)
    if done.returncode == 125:
        assert (item.name if item.name != "layers" else "2 asked for") in done.stderr, done.stderr
        assert done.stdout == ""
        assert len([line for line in done.stderr.splitlines() if line]) == 1, done.stderr
    else:
        assert done.returncode in item.codes, done.stderr
        assert done.stdout.startswith(item.says), done.stderr
        assert item.name != "fs.write" or (tmp_path / "out" / "new").read_text() == "x"
