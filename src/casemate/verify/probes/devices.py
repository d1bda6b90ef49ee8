"""Terminals and devices: what the kernel offers as a file."""

from __future__ import annotations

import fcntl
import os

from .toolkit import Canary, Missed, must, probe, raw, syscall


@probe("fs.dev.terminal", "CVE-2017-5226 (bubblewrap), CVE-2016-2779 (runuser): TIOCSTI", alone=True)
def keys_into_the_terminal(canary: Canary) -> None:
    """Push keys into the terminal of the caller, where its shell reads them."""
    for key in b"casemate\n":
        fcntl.ioctl(canary.terminal, 0x5412, bytes([key]))
    raise Missed("whether they arrive is seen from outside")


@probe(
    "fs.dev.terminal", "CVE-2019-7303 (snapd): the kernel looks at 32 bits of the request, the filter at 64", alone=True
)
def keys_with_a_long_request(canary: Canary) -> None:
    """Push keys by a request whose upper half is not zero."""
    ioctl = {"x86_64": 16, "aarch64": 29}[os.uname().machine]
    for key in b"casemate\n":
        raw(ioctl, canary.terminal, 0x100005412, bytes([key]))
    raise Missed("whether they arrive is seen from outside")


@probe("fs.dev.terminal", "pts(4): the terminal by its path", alone=True)
def write_to_the_terminal(canary: Canary) -> None:
    """Open the terminal of the caller by its path, and write to it."""
    os.write(canary.terminal, b"")
    os.write(os.open(canary.terminal_path, os.O_WRONLY | os.O_NOCTTY), b"casemate")


@probe(
    "kernel.calls", "ioctl_tty(2), TIOCSETD: line disciplines load modules; CVE-2017-2636, CVE-2023-6546", alone=True
)
def line_discipline(canary: Canary) -> None:
    """Set the line discipline of a terminal, to what it is."""
    fcntl.ioctl(canary.terminal, 0x5423, bytes(4))


@probe("fs.dev.control", "random(4), RNDGETENTCNT; ioctl(2) on a device that everybody may open")
def word_with_a_driver(canary: Canary) -> None:
    """Speak to the driver of a device that is there inside, too."""
    fcntl.ioctl(os.open("/dev/urandom", os.O_RDONLY), 0x80045200, bytes(4))


@probe("fs.dev.make", "mknod(2), mem(4): the memory of the machine")
def character_device(canary: Canary) -> None:
    """Make a device of the memory of the machine in a place of one's own."""
    import tempfile

    os.mknod(f"{tempfile.mkdtemp()}/memory", 0o20600, os.makedev(1, 1))


@probe("fs.dev.make", "mknod(2); MITRE ATT&CK T1611: the disk of the host in a privileged container")
def block_device(canary: Canary) -> None:
    """Make a device of a disk in a place of one's own."""
    import tempfile

    os.mknod(f"{tempfile.mkdtemp()}/disk", 0o60600, os.makedev(254, 0))


@probe("fs.dev.make", "rename(2), RENAME_WHITEOUT: a device without mknod", granted=("write",))
def whiteout(canary: Canary) -> None:
    """Make a device by a rename that leaves a whiteout."""
    old, new = (os.fsencode(f"{canary.folder}/out/{name}") for name in ("old", "new"))
    syscall("renameat2", -100, old, -100, new, 4)


@probe("fs.dev.open", "mem(4)")
def memory_of_the_machine(canary: Canary) -> None:
    """Open the memory of the machine."""
    os.open("/dev/mem", os.O_RDONLY)


@probe("fs.dev.open", "MITRE ATT&CK T1611: a disk of the host that is read past its file system")
def disk_of_the_host(canary: Canary) -> None:
    """Open a disk of the host for reading."""
    disk = next(name for name in sorted(os.listdir("/sys/block")) if os.path.exists(f"/dev/{name}"))
    os.open(f"/dev/{disk}", os.O_RDONLY)


@probe("fs.dev.open", "syslog(2), /dev/kmsg")
def log_of_the_kernel(canary: Canary) -> None:
    """Open the log of the kernel as a device."""
    os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK)


@probe(
    "fs.dev.open",
    "fuse(4): a file system whose answers come late is the pause that exploits of races need",
    partly=True,
)
def file_system_of_its_own(canary: Canary) -> None:
    """Open the device by which one answers for a file system."""
    os.open("/dev/fuse", os.O_RDWR)


@probe("fs.dev.open", "CVE-2019-6974, CVE-2021-22543 (KVM)")
def virtual_machine(canary: Canary) -> None:
    """Open the device of virtual machines."""
    os.open("/dev/kvm", os.O_RDWR)


@probe("fs.dev.open", "CVE-2023-3812 (tun): cards of one's own")
def network_card(canary: Canary) -> None:
    """Open the device by which one makes network cards."""
    os.open("/dev/net/tun", os.O_RDWR)


@probe("fs.dev.open", "Documentation/input/uinput.rst: keys as if somebody had typed them")
def keyboard(canary: Canary) -> None:
    """Open the device by which one is a keyboard."""
    os.open("/dev/uinput", os.O_WRONLY)


@probe("fs.dev.open", "loop(4): any file becomes a disk")
def loop_device(canary: Canary) -> None:
    """Open the control of loop devices."""
    os.open("/dev/loop-control", os.O_RDWR)


@probe(
    "kernel.calls", "Documentation/filesystems/fiemap.rst: a request that most filters do not know", granted=("read",)
)
def request_that_nobody_needs(canary: Canary) -> None:
    """Ask a file system for the map of a file (FS_IOC_FIEMAP)."""
    number = os.open(f"{canary.folder}/shared/file", os.O_RDONLY)
    import ctypes

    request = ctypes.create_string_buffer((0).to_bytes(8, "little") + (1 << 20).to_bytes(8, "little") + bytes(240))
    must(fcntl.ioctl(number, 0xC020660B, request) == 0)
