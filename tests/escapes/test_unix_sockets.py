"""AF_UNIX is a way out that rules about "network" and "files" both forget.

landrun#43 (escape through systemd's socket), CVE-2026-21636 and CVE-2026-21711 (Node's permission model); docker.sock.
"""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from confining import confined, only_outside, policy, probe

from casemate.model.capability import Capability
from casemate.model.policy import PRIVATE, Grant

ABSTRACT = f"\0casemate-test-{os.getpid()}"  # the host has one list of these


def listening(address: str) -> socket.socket:
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    made.bind(address)
    made.listen(8)
    return made


def answer(server: socket.socket) -> None:
    with server.accept()[0] as client:
        client.sendall(b"hello")


@pytest.fixture
def docker_sock(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "docker.sock"
    with listening(str(path)):
        path.chmod(0o777)
        yield path


def test_a_pathname_socket(docker_sock: Path) -> None:
    only_outside(f"import socket; socket.socket(socket.AF_UNIX).connect({str(docker_sock)!r})")


def test_a_pathname_socket_in_a_granted_directory(docker_sock: Path) -> None:
    granted = policy(Grant(Capability.FS_READ, str(docker_sock.parent)))
    only_outside(f"import socket; socket.socket(socket.AF_UNIX).connect({str(docker_sock)!r})", granted)


def test_an_abstract_socket() -> None:
    with listening(ABSTRACT):
        only_outside(CONNECT.format(ABSTRACT))


def test_an_abstract_socket_when_a_pathname_socket_is_granted(docker_sock: Path) -> None:
    granted = policy(Grant(Capability.NET_UNIX, str(docker_sock)))
    with listening(ABSTRACT):
        only_outside(CONNECT.format(ABSTRACT), granted)


def test_a_datagram_to_a_pathname_socket(docker_sock: Path) -> None:
    path = str(docker_sock) + ".datagram"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as made:
        made.bind(path)
        only_outside(f"import socket; socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b'x', {path!r})")


@pytest.mark.parametrize("how", ["one.sendto(b'x', {0!r})", "one.connect({0!r}); one.send(b'x')"])
@pytest.mark.parametrize("kind", ["SOCK_DGRAM", "SOCK_RAW"])
def test_a_pair_of_datagram_sockets_pointed_at_a_pathname_socket(tmp_path: Path, how: str, kind: str) -> None:
    """unix(7): one of a pair may send anywhere, and connect again, without any socket(2). /dev/log is such a socket."""
    path = tmp_path / "log"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
        log.bind(str(path))
        path.chmod(0o777)
        log.settimeout(0.2)
        act = f"import socket; one, other = socket.socketpair(socket.AF_UNIX, socket.{kind}); {how.format(str(path))}"
        only_outside(act, policy(Grant(Capability.FS_READ, str(tmp_path))))
        assert log.recv(10) == b"x"  # the one from outside
        with pytest.raises(TimeoutError):
            log.recv(10)


def test_pairs_of_stream_sockets_work() -> None:
    for kind in ("SOCK_STREAM", "SOCK_SEQPACKET", "SOCK_STREAM | socket.SOCK_NONBLOCK"):
        act = f"import socket; a, b = socket.socketpair(type=socket.{kind}); a.send(b'x'); assert b.recv(1) == b'x'"
        assert confined(probe(act)).out == "done\n"


def test_a_granted_socket_works(docker_sock: Path) -> None:
    with listening(str(docker_sock) + ".2") as server:
        Path(str(docker_sock) + ".2").chmod(0o777)
        answering = threading.Thread(target=answer, args=(server,))
        answering.start()
        granted = policy(Grant(Capability.NET_UNIX, str(docker_sock) + ".2"))
        path = str(docker_sock) + ".2"
        code = f"import socket; s = socket.socket(socket.AF_UNIX); s.connect({path!r}); print(s.recv(9))"
        result = confined(probe(code), granted)
        answering.join(5)
    assert "hello" in result.out, result


CONNECT = "import socket; socket.socket(socket.AF_UNIX).connect({!r})"
PRIVATE_SOCKETS = policy(Grant(Capability.NET_UNIX, PRIVATE))


def test_a_pathname_socket_where_only_private_ones_are_granted(docker_sock: Path) -> None:
    only_outside(CONNECT.format(str(docker_sock)), PRIVATE_SOCKETS)


def test_a_pathname_socket_in_a_granted_directory_where_only_private_ones_are_granted(docker_sock: Path) -> None:
    granted = policy(Grant(Capability.FS_READ, str(docker_sock.parent)), base=PRIVATE_SOCKETS)
    only_outside(CONNECT.format(str(docker_sock)), granted)


def test_a_pathname_socket_beside_a_granted_one(docker_sock: Path) -> None:
    other = str(docker_sock.with_name("other.sock"))
    with listening(other):
        Path(other).chmod(0o777)
        tree = Grant(Capability.FS_READ, str(docker_sock.parent))
        only_outside(CONNECT.format(other), policy(tree, Grant(Capability.NET_UNIX, str(docker_sock))))
        only_outside(CONNECT.format(str(docker_sock)), policy(tree, Grant(Capability.NET_UNIX, other)))


def test_a_pathname_socket_known_by_the_name_of_a_link(docker_sock: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(docker_sock.parent)
    with listening(f"{link}/linked.sock"):
        (tmp_path / "linked.sock").chmod(0o777)
        granted = policy(Grant(Capability.FS_READ, str(tmp_path)), base=PRIVATE_SOCKETS)
        only_outside(CONNECT.format(str(tmp_path / "linked.sock")), granted)


def test_a_socket_bound_by_a_relative_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel's table says `s.sock`, and nobody remembers of which directory."""
    monkeypatch.chdir(tmp_path)
    with listening("s.sock"):
        (tmp_path / "s.sock").chmod(0o777)
        granted = policy(Grant(Capability.FS_READ, str(tmp_path)), base=PRIVATE_SOCKETS)
        only_outside(CONNECT.format(str(tmp_path / "s.sock")), granted)


@pytest.mark.parametrize("capability", [Capability.FS_READ, Capability.FS_WRITE])
def test_a_socket_that_was_renamed(tmp_path: Path, capability: Capability) -> None:
    (tmp_path / "deep").mkdir()
    path = tmp_path / "deep" / "s.sock"
    with listening(f"{tmp_path}/new.sock"):
        (tmp_path / "new.sock").chmod(0o777)
        (tmp_path / "new.sock").rename(path)
        only_outside(CONNECT.format(str(path)), policy(Grant(capability, str(tmp_path)), base=PRIVATE_SOCKETS))


ELSEWHERE = """
import ctypes, os, socket, sys
NEW_USER, NEW_NET = 0x10000000, 0x40000000
if ctypes.CDLL(None).unshare(NEW_NET | (NEW_USER if os.geteuid() else 0)):
    sys.exit("no net namespace here")
server = socket.socket(socket.AF_UNIX)
server.bind(sys.argv[1])
server.listen()
os.chmod(sys.argv[1], 0o777)
print("listens", flush=True)
sys.stdin.read()
"""


def test_a_socket_of_a_daemon_in_a_net_namespace_of_its_own(tmp_path: Path) -> None:
    """Rootless Docker's docker.sock is one: /proc/net/unix of the host does not know it, and connect(2) does."""
    path = str(tmp_path / "docker.sock")
    argv = [sys.executable, "-I", "-S", "-c", ELSEWHERE, path]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as daemon:
        assert daemon.stdout is not None
        if daemon.stdout.readline() != "listens\n":
            pytest.skip("no net namespace can be made here")
        granted = policy(Grant(Capability.FS_READ, str(tmp_path)), base=PRIVATE_SOCKETS)
        only_outside(CONNECT.format(path), granted)
        daemon.communicate()


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET])
def test_what_an_ended_program_left_can_still_be_replaced(tmp_path: Path, kind: socket.SocketKind) -> None:
    path = str(tmp_path / "stale.sock")
    with socket.socket(socket.AF_UNIX, kind) as stale:
        stale.bind(path)
    act = f"import socket; os.unlink({path!r}); socket.socket(socket.AF_UNIX).bind({path!r})"
    granted = policy(Grant(Capability.FS_WRITE, str(tmp_path)), base=PRIVATE_SOCKETS)
    assert confined(probe(act), granted).out == "done\n"


def test_that_a_socket_is_in_use_is_seen_without_disturbing_it(tmp_path: Path) -> None:
    granted = policy(Grant(Capability.FS_READ, str(tmp_path)), base=PRIVATE_SOCKETS)
    for kind in (socket.SOCK_STREAM, socket.SOCK_SEQPACKET, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_UNIX, kind) as server:
            server.bind(f"{tmp_path}/{kind}")
            if kind != socket.SOCK_DGRAM:
                server.listen()
            server.settimeout(0)
            assert confined(probe("pass"), granted).out == "done\n"
            with pytest.raises(BlockingIOError):
                server.recv(1) if kind == socket.SOCK_DGRAM else server.accept()


def test_a_datagram_of_a_pair_where_only_private_ones_are_granted(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
        log.bind(str(path))
        path.chmod(0o777)
        act = f"import socket; socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)[0].sendto(b'x', {str(path)!r})"
        only_outside(act, policy(Grant(Capability.FS_READ, str(tmp_path)), base=PRIVATE_SOCKETS))


def test_an_abstract_socket_where_only_private_ones_are_granted() -> None:
    with listening(ABSTRACT):
        only_outside(CONNECT.format(ABSTRACT), PRIVATE_SOCKETS)


def test_private_sockets_work_by_path_and_by_abstract_name() -> None:
    for name in ("/tmp/own.sock", "\0own"):  # noqa: S108 -- the private one inside
        act = f"""
        import socket
        server = socket.socket(socket.AF_UNIX)
        server.bind({name!r})
        server.listen()
        client = socket.socket(socket.AF_UNIX)
        client.connect({name!r})
        server.accept()[0].sendall(b"hello")
        assert client.recv(5) == b"hello"
        """
        assert confined(probe(act), PRIVATE_SOCKETS).out == "done\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's grants go through idmapped mounts")
@pytest.mark.parametrize("granted_too", [False, True], ids=["alone", "in a granted tree"])
@pytest.mark.parametrize(("mode", "reached"), [(0o777, True), (0o755, False)])
def test_a_granted_socket_of_another_user_is_open_as_its_mode_says(
    docker_sock: Path, mode: int, *, reached: bool, granted_too: bool
) -> None:
    os.chown(docker_sock, 12345, 12345)
    docker_sock.chmod(mode)
    tree = [Grant(Capability.FS_READ, str(docker_sock.parent))] if granted_too else []
    said = confined(
        probe(CONNECT.format(str(docker_sock))), policy(Grant(Capability.NET_UNIX, str(docker_sock)), *tree)
    )
    assert said.out.startswith("done" if reached else "refused PermissionError"), said
