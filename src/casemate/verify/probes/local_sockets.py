"""Sockets of the host that have a name and no network: docker.sock, D-Bus, the agent of ssh."""

from __future__ import annotations

import array
import os
import socket

from .toolkit import Canary, beginning, probe, syscall


def heard(made: socket.socket) -> bytes:
    """Take the answer of whoever was reached."""
    made.settimeout(2)
    return made.recv(200)


def answer(where: str) -> bytes:
    """Connect to a socket, and take the answer of whoever was reached."""
    made = socket.socket(socket.AF_UNIX)
    made.connect(where)
    return heard(made)


@probe("net.unix.path", "Zouuup/landrun#43 (systemd-run): pathname sockets pass Landlock before ABI 9")
def by_path(canary: Canary) -> object:
    """Connect to a socket of the host by its path."""
    return answer(canary.unix)


@probe("net.unix.abstract", "CVE-2020-15257 (containerd-shim): abstract names know no file system")
def by_abstract_name(canary: Canary) -> object:
    """Connect to a socket of the host by its abstract name."""
    return answer(canary.abstract)


@probe("net.unix.path", "unix(7); syslog of Python writes so")
def datagram_by_path(canary: Canary) -> None:
    """Send a datagram to a socket of the host."""
    socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(canary.mark.encode(), canary.datagram)


@probe("net.unix.path", "unix(7): a pair of datagram sockets can be pointed at anybody")
def half_of_a_pair(canary: Canary) -> None:
    """Send to a socket of the host by one half of a pair, for which no socket(2) is needed."""
    socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)[0].sendto(canary.mark.encode(), canary.datagram)


@probe("net.unix.path", "unix(7): a half of a pair can be connected to somebody else")
def half_of_a_pair_connected_elsewhere(canary: Canary) -> None:
    """Connect one half of a pair to a socket of the host."""
    half = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)[0]
    half.connect(canary.datagram)
    half.send(canary.mark.encode())


@probe("net.unix.path", "CVE-2026-21636 (Node: AF_UNIX was not counted as network)", granted=("connect",))
def by_path_beside_a_grant(canary: Canary) -> object:
    """Connect to a socket of the host where a connection by TCP is granted."""
    return answer(canary.unix)


@probe("net.unix.path", "proc_pid_root(5)")
def by_path_through_another_process(canary: Canary) -> object:
    """Name the socket below the root of a process of the caller's."""
    return answer(f"/proc/{canary.process}/root{canary.unix}")


@probe("net.unix.path", "CWE-59")
def by_an_own_link(canary: Canary) -> object:
    """Make a link in a place of one's own that leads to the socket."""
    import tempfile

    name = tempfile.mkdtemp() + "/s"
    os.symlink(canary.unix, name)
    return answer(name)


@probe(
    "net.unix.path", "docs.python.org/3/library/multiprocessing.html: multiprocessing.connection, pickles over AF_UNIX"
)
def by_multiprocessing(canary: Canary) -> object:
    """Connect by the way that multiprocessing has of its own."""
    from multiprocessing.connection import Client

    made = Client(canary.unix, "AF_UNIX")
    return os.read(made.fileno(), 200)


@probe("net.unix.path", "socket(2) by number: what wraps the library does not see it")
def by_the_call_itself(canary: Canary) -> object:
    """Make the socket by the system call."""
    number = syscall("socket", 1, 1, 0)
    made = socket.socket(fileno=number)
    made.connect(canary.unix)
    return heard(made)


@probe("net.unix.abstract", "CVE-2026-21711 (Node: local servers were not counted as network)")
def be_reached_by_an_abstract_name(canary: Canary) -> object:
    """Listen on an abstract name and take a connection from outside."""
    made = socket.socket(socket.AF_UNIX)
    made.bind(canary.free_abstract)
    made.listen()
    made.settimeout(2)
    return heard(made.accept()[0])


@probe("net.unix.path", "unix(7): each socket has a name of its own, and so a grant of its own", granted=("unix",))
def another_path_beside_a_grant(canary: Canary) -> object:
    """Connect to another socket than the one that is granted."""
    return answer(canary.unix)


@probe("net.unix.abstract", "CVE-2020-15257 (containerd-shim): abstract names know no file system", granted=("unix",))
def abstract_name_beside_a_grant(canary: Canary) -> object:
    """Connect by an abstract name where a path is granted."""
    return answer(canary.abstract)


@probe("net.unix.path", "unix(7): a pair of datagram sockets can be pointed at anybody", granted=("unix",))
def datagram_beside_a_grant(canary: Canary) -> None:
    """Send a datagram to another socket than the one that is granted."""
    socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)[0].sendto(canary.mark.encode(), canary.datagram)


@probe("net.fdpass.sent", "unix(7), SCM_RIGHTS", granted=("unix",))
def be_handed_a_file_beside_a_grant(canary: Canary) -> object:
    """Ask another socket than the granted one for a descriptor."""
    return be_handed_a_file(canary)


@probe("fs.write.content", "unix(7): binding makes a file")
def bind_a_path(canary: Canary) -> None:
    """Bind a socket in a folder of the caller's."""
    made = socket.socket(socket.AF_UNIX)
    made.bind(f"{canary.folder}/s")


@probe("net.fdpass.sent", "unix(7), SCM_RIGHTS")
def be_handed_a_file(canary: Canary) -> object:
    """Let somebody outside hand in a descriptor of a file that is not granted."""
    made = socket.socket(socket.AF_UNIX)
    made.connect(canary.asked)
    made.settimeout(2)
    _, parts, _, _ = made.recvmsg(10, 100)
    numbers = array.array("i", parts[0][2][:4])
    return os.pread(numbers[0], 200, 0)


@probe("net.fdpass.inherited", "CVE-2024-21626 (runc: a folder was left open)")
def folder_that_was_left_open(canary: Canary) -> object:
    """Open a file below a descriptor that the caller left open."""
    number = os.open(canary.secret.lstrip("/"), os.O_RDONLY, dir_fd=canary.inherited_directory)
    return os.read(number, 200)


@probe("net.fdpass.inherited", "CWE-403; pread(2): no audit event of PEP 578")
def file_that_was_left_open(canary: Canary) -> object:
    """Read a file that the caller left open."""
    return beginning(canary.inherited)


@probe("net.fdpass.inherited", "CWE-403: a descriptor of a socket is enough to speak on it")
def connection_that_was_left_open(canary: Canary) -> object:
    """Take over a connection that the caller left open."""
    return os.read(canary.inherited_socket, 200)


@probe("net.fdpass.inherited", "CVE-2024-21626: the working directory is a descriptor of the host")
def working_directory_that_was_left_open(canary: Canary) -> object:
    """Make a descriptor that was left open the working directory, and climb from there."""
    os.fchdir(canary.inherited_directory)
    return open(canary.secret.lstrip("/")).read()


@probe("net.fdpass.inherited", "CWE-403: a file as a standard stream can be read where it begins")
def beginning_of_standard_input(canary: Canary) -> object:
    """Read what lies before the place where standard input begins."""
    return beginning(0)


@probe("net.fdpass.inherited", "CWE-403: a file as a standard stream can be read and overwritten")
def beginning_of_standard_output(canary: Canary) -> object:
    """Read through standard output what was written there before."""
    return beginning(os.open("/proc/self/fd/1", os.O_RDONLY))


@probe("net.fdpass.taken", "pidfd_getfd(2), Linux 5.6")
def descriptor_of_another_process(canary: Canary) -> object:
    """Take a descriptor out of a process of the caller's."""
    taken = syscall("pidfd_getfd", syscall("pidfd_open", canary.process, 0), canary.opened, 0)
    return os.pread(taken, 200, 0)
