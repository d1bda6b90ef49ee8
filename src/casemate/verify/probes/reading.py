"""Reading what no grant names: content, names and what can be told of a file without opening it."""

from __future__ import annotations

import os
import sys

from .toolkit import Canary, must, probe, read, syscall


@probe("fs.read.content", "CWE-552; open(2)")
def open_by_path(canary: Canary) -> object:
    """Open a file of the caller's by its path."""
    return read(canary.secret)


@probe("fs.read.content", "PEP 578 (io.open_code)")
def open_code(canary: Canary) -> object:
    """Read a file by the door that is meant for code."""
    import io

    return io.open_code(canary.secret).read()


@probe("fs.read.content", "CWE-22")
def dots_from_the_working_directory(canary: Canary) -> object:
    """Climb out of the working directory with `..`."""
    return read("../" * 40 + canary.secret.lstrip("/"))


@probe("fs.read.content", "oracle/graalpython 87e4a5db2e: `..` behind the home of the language")
def dots_from_the_home_of_the_language(canary: Canary) -> object:
    """Climb out of the standard library, whose prefix is allowed, with `..`."""
    home = os.path.dirname(os.__file__)
    return read(home + "/.." * 40 + canary.secret)


@probe("fs.read.content", "oracle/graalpython 87e4a5db2e: source lines of tracebacks")
def source_line_of_a_traceback(canary: Canary) -> object:
    """Let a traceback print a line of a file that `compile` was told the code came from."""
    import traceback

    code = compile("raise ValueError", canary.secret, "exec")
    try:
        exec(code, {})
    except ValueError:
        return traceback.format_exc()
    return None


@probe("fs.read.content", "openat2(2): the call that filters of openat forget")
def openat2(canary: Canary) -> object:
    """Open by the newest call for it, past whatever looks at the older ones."""
    import struct

    how = struct.pack("QQQ", os.O_RDONLY, 0, 0)
    return os.read(syscall("openat2", -100, os.fsencode(canary.secret), how, len(how)), 200)


@probe("fs.read.links", "proc_pid_root(5); multikernel/sandlock#236")
def through_the_root_of_proc_self(canary: Canary) -> object:
    """Name the file below /proc/self/root, past whatever compares text."""
    return read(f"/proc/self/root{canary.secret}")


@probe("fs.read.links", "proc_pid_root(5); MITRE ATT&CK T1611")
def through_the_root_of_another_process(canary: Canary) -> object:
    """Read below the root of a process of the caller's."""
    return read(f"/proc/{canary.process}/root{canary.secret}")


@probe("fs.read.links", "proc_pid_root(5): containers that share the pid namespace")
def through_the_root_of_pid_1(canary: Canary) -> object:
    """Read below the root of the first process."""
    return read(f"/proc/1/root{canary.secret}")


@probe("fs.read.links", "proc_pid_cwd(5)")
def through_the_directory_of_another_process(canary: Canary) -> object:
    """Read in the working directory of a process of the caller's."""
    return read(f"/proc/{canary.process}/cwd/kept")


@probe("fs.read.links", "proc_pid_fd(5)")
def through_a_descriptor_of_another_process(canary: Canary) -> object:
    """Open again what a process of the caller's has open."""
    return read(f"/proc/{canary.process}/fd/{canary.opened}")


@probe("fs.read.handles", "CVE-2014-3519; the Docker breakout `shocker` of 2014; open_by_handle_at(2)")
def by_file_handle(canary: Canary) -> object:
    """Open by a handle, which needs no path, on any descriptor of the same file system."""
    import ctypes

    failed: OSError | None = None
    handle = ctypes.create_string_buffer(bytes.fromhex(canary.handle))
    for place in (os.path.dirname(os.__file__), "/usr/lib", "/", canary.folder):
        try:
            mount = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
            return os.read(syscall("open_by_handle_at", mount, handle, os.O_RDONLY), 200)
        except OSError as error:
            failed = failed or error
    raise failed or OSError("there is no place to begin")


@probe("fs.read.content", "sqlite.org/lang_attach.html: no audit event of PEP 578")
def attach_a_database(canary: Canary) -> object:
    """Let a C library open the file."""
    import sqlite3

    connection = sqlite3.connect(":memory:")
    connection.execute("attach ? as host", (canary.database,))
    return connection.execute("select token from host.kept").fetchone()


@probe("fs.read.content", "python/cpython#115322: readline opened without an audit event")
def history_of_readline(canary: Canary) -> object:
    """Read a file as the history of a prompt."""
    import readline

    readline.read_history_file(canary.secret)
    return readline.get_history_item(1)


@probe("fs.read.content", "CWE-611")
def external_entity(canary: Canary) -> object:
    """Let an XML parser include the file."""
    from io import StringIO
    from xml.sax import handler, make_parser

    class Text(handler.ContentHandler):
        said = ""

        def characters(self, content: str) -> None:
            self.said += content

    text, parser = Text(), make_parser()
    parser.setFeature(handler.feature_external_ges, True)
    parser.setContentHandler(text)
    parser.parse(StringIO(f'<!DOCTYPE x [<!ENTITY e SYSTEM "file://{canary.secret}">]><x>&e;</x>'))
    return text.said


@probe("fs.read.content", "CWE-427; docs.python.org/3/library/sys.html: sys.path")
def import_from_the_host(canary: Canary) -> object:
    """Import a module from a folder of the caller's."""
    sys.path.insert(0, os.path.dirname(canary.module))
    sys.dont_write_bytecode = True
    return __import__("canary_module").TOKEN


@probe("fs.read.links", "CWE-59; CVE-2025-55130 (Node: symbolic links past what may be read)")
def own_link_to_the_file(canary: Canary) -> object:
    """Make a symbolic link in a place of its own that leads to the file."""
    import tempfile

    name = tempfile.mkdtemp() + "/link"
    os.symlink(canary.secret, name)
    return read(name)


@probe("fs.read.links", "CWE-62; multikernel/sandlock#179")
def own_hard_link_to_the_file(canary: Canary) -> object:
    """Make a hard link to the file beside it, or in a place of its own."""
    name = f"{canary.folder}/directory/hard"
    os.link(canary.secret, name)
    return read(name)


@probe("fs.read.links", "CWE-59; multikernel/sandlock#112: a supervisor that followed links outside", granted=("read",))
def link_in_a_granted_folder(canary: Canary) -> object:
    """Follow a link of a granted folder that leads out of it."""
    return read(f"{canary.folder}/shared/link")


@probe("fs.read.links", "CWE-22; openat(2): `..` below a descriptor", granted=("read",))
def dots_in_a_granted_folder(canary: Canary) -> object:
    """Climb out of a granted folder with `..`, by a descriptor of it."""
    folder = os.open(f"{canary.folder}/shared", os.O_RDONLY | os.O_DIRECTORY)
    return os.read(os.open("../secret", os.O_RDONLY, dir_fd=folder), 200)


@probe(
    "fs.read.content",
    "CVE-2025-48888 (Deno: allow and deny together allowed)",
    granted=("write", "deny"),
)
def denied_file_in_a_granted_folder(canary: Canary) -> object:
    """Read a denied file in a folder that may be read and written."""
    return read(f"{canary.folder}/out/denied")


@probe(
    "fs.read.content",
    "rename(2), link(2): the name that is denied is moved away; multikernel/sandlock#179",
    granted=("write", "deny"),
)
def denied_file_by_another_name(canary: Canary) -> object:
    """Move a denied file to a name that is not denied, and read it there."""
    try:
        os.rename(f"{canary.folder}/out/denied", f"{canary.folder}/out/other")
    except OSError:
        os.link(f"{canary.folder}/out/denied", f"{canary.folder}/out/other")
    return read(f"{canary.folder}/out/other")


@probe("fs.read.content", "xattr(7)")
def extended_attribute(canary: Canary) -> object:
    """Read an extended attribute of a file."""
    return os.getxattr(f"{canary.folder}/file", "user.canary")


@probe("fs.read.content", "open(2) by the C library; python/cpython#115322: a bound function raises no audit event")
def by_libc(canary: Canary) -> object:
    """Call open and read of the C library, past every object of Python."""
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    number = libc.open(os.fsencode(canary.secret), os.O_RDONLY)
    if number < 0:
        raise OSError(ctypes.get_errno(), "open")
    buffer = ctypes.create_string_buffer(200)
    libc.read(number, buffer, 199)
    return buffer.value


@probe("fs.list.names", "CWE-548; getdents(2)")
def list_a_folder(canary: Canary) -> object:
    """List a folder of the caller's."""
    return os.listdir(f"{canary.folder}/listed")


@probe("fs.list.stat", "landlock(7): stat passes; CVE-2025-61786 (Deno: stat past --deny-read)")
def size_of_a_file(canary: Canary) -> None:
    """Ask for the size of a file, without opening it."""
    must(os.stat(canary.secret).st_size)


@probe("fs.list.stat", "readlink(2); CVE-2026-21715 (Node: realpath past what may be read)")
def text_of_a_link(canary: Canary) -> object:
    """Read where a symbolic link leads."""
    return os.readlink(f"{canary.folder}/pointer")


@probe("fs.list.stat", "landlock(7): chdir passes")
def enter_a_folder(canary: Canary) -> None:
    """Change into a folder of the caller's."""
    os.chdir(f"{canary.folder}/directory")
    must(os.getcwd() == f"{canary.folder}/directory")


@probe("fs.list.stat", "access(2); landlock(7): it passes")
def whether_a_file_is_there(canary: Canary) -> None:
    """Ask whether a file is there and may be read."""
    must(os.access(canary.secret, os.R_OK))


@probe("fs.list.stat", "inotify(7)")
def watch_a_folder(canary: Canary) -> None:
    """Be told of what happens in a folder of the caller's."""
    watcher = syscall("inotify_init1", 0)
    syscall("inotify_add_watch", watcher, os.fsencode(canary.folder), 0x100)


@probe("fs.read.handles", "name_to_handle_at(2)")
def handle_of_a_file(canary: Canary) -> None:
    """Ask for the handle of a file, which can be opened later without its path."""
    import ctypes
    import struct

    handle = ctypes.create_string_buffer(struct.pack("Ii", 128, 0) + bytes(128), 136)
    syscall("name_to_handle_at", -100, os.fsencode(canary.secret), handle, ctypes.byref(ctypes.c_int()), 0)


@probe("fs.list.names", "proc_pid_net(5): names of the caller's sockets")
def names_of_sockets(canary: Canary) -> object:
    """Read the names of all local sockets of the host."""
    return open("/proc/net/unix", errors="replace").read()


@probe("fs.list.names", "sysfs(5): hardware, network cards, disks of the host")
def devices_of_the_host(canary: Canary) -> None:
    """List the devices of the host in /sys."""
    must(os.listdir("/sys/class"))


@probe("kernel.calls", "statmount(2), listmount(2), Linux 6.8")
def mounts_of_the_host(canary: Canary) -> None:
    """List the mounts by the new call for it."""
    import ctypes
    import struct

    request = struct.pack("IIQQ", 24, 0, 0xFFFFFFFFFFFFFFFF, 0)
    must(syscall("listmount", request, ctypes.create_string_buffer(8 * 64), 64, 0))


@probe("fs.read.content", "proc_kallsyms(5), proc_kcore(5): what exploits of the kernel read first")
def memory_of_the_kernel(canary: Canary) -> None:
    """Open the memory of the kernel for reading."""
    os.open("/proc/kcore", os.O_RDONLY)


@probe("fs.read.content", "proc_kallsyms(5)")
def addresses_of_the_kernel(canary: Canary) -> None:
    """Read where the kernel's functions lie."""
    must(int(read("/proc/kallsyms").split(None, 1)[0], 16), "addresses are hidden")


@probe("fs.read.content", "proc_sys(5), core(5): settings of the host")
def settings_of_the_kernel(canary: Canary) -> None:
    """Read how the kernel of the host is set up."""
    must(read("/proc/sys/kernel/core_pattern"))
