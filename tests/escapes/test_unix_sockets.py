"""AF_UNIX is a way out that rules about "network" and "files" both forget.

landrun#43 (escape through systemd's socket), CVE-2026-21636 and CVE-2026-21711 (Node's permission model); docker.sock.
"""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from confining import confined, only_outside, policy, probe

from casemate.model.capability import Capability
from casemate.model.policy import Grant


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
    with listening("\0casemate-test"):
        only_outside("import socket; socket.socket(socket.AF_UNIX).connect('\\0casemate-test')")


def test_an_abstract_socket_when_a_pathname_socket_is_granted(docker_sock: Path) -> None:
    granted = policy(Grant(Capability.NET_UNIX, str(docker_sock)))
    with listening("\0casemate-test"):
        only_outside("import socket; socket.socket(socket.AF_UNIX).connect('\\0casemate-test')", granted)


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
