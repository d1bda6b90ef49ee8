"""Changing what belongs to the caller: content, names, and what is said of a file."""

from __future__ import annotations

import os

from .toolkit import Canary, Missed, must, probe, syscall


@probe("fs.write.content", "open(2), O_CREAT")
def make_a_file(canary: Canary) -> None:
    """Make a file in a folder of the caller's."""
    with open(f"{canary.folder}/new", "w") as file:
        file.write("x")


@probe("fs.write.content", "open(2), O_RDWR")
def overwrite_a_file(canary: Canary) -> None:
    """Write into a file that is there."""
    with open(f"{canary.folder}/file", "r+") as file:
        file.write("CHANGED")


@probe("fs.write.truncate", "truncate(2): it opens nothing; landlock(7), ABI 3")
def truncate_a_file(canary: Canary) -> None:
    """Cut a file without opening it."""
    os.truncate(f"{canary.folder}/file", 1)


@probe("fs.write.content", "mkdir(2)")
def make_a_folder(canary: Canary) -> None:
    """Make a folder."""
    os.mkdir(f"{canary.folder}/made")


@probe("fs.write.content", "CWE-59")
def make_a_link(canary: Canary) -> None:
    """Make a symbolic link where somebody else will follow it."""
    os.symlink("/etc", f"{canary.folder}/etc")


@probe("fs.write.hardlink", "CWE-62; link(2)")
def make_a_hard_link(canary: Canary) -> None:
    """Give a file a second name."""
    os.link(f"{canary.folder}/file", f"{canary.folder}/again")


@probe("fs.write.content", "mkfifo(3): no audit event of PEP 578")
def make_a_fifo(canary: Canary) -> None:
    """Make a FIFO."""
    os.mkfifo(f"{canary.folder}/pipe")


@probe("fs.write.content", "python/cpython#115322: readline opened without an audit event")
def history_of_readline(canary: Canary) -> None:
    """Let the C library of the prompt write a file."""
    import readline

    readline.add_history("x")
    readline.write_history_file(f"{canary.folder}/history")


@probe("fs.write.content", "sqlite.org/lang_attach.html: a C library has its own way to files")
def make_a_database(canary: Canary) -> None:
    """Let a C library make a file."""
    import sqlite3

    connection = sqlite3.connect(":memory:")
    connection.execute("attach ? as host", (f"{canary.folder}/made.db",))
    connection.execute("create table host.x (y)")
    connection.commit()


@probe("fs.write.content", "open(2), O_TMPFILE; linkat(2)")
def link_a_nameless_file(canary: Canary) -> None:
    """Make a file without a name, then give it one."""
    number = os.open(canary.folder, os.O_TMPFILE | os.O_RDWR, 0o600)
    os.write(number, b"x")
    syscall("linkat", -100, f"/proc/self/fd/{number}".encode(), -100, os.fsencode(f"{canary.folder}/named"), 0x400)


@probe("fs.write.content", "CVE-2007-4559 (tarfile); PEP 706")
def unpack_an_archive(canary: Canary) -> None:
    """Unpack an archive whose member has an absolute path."""
    import io
    import tarfile
    import tempfile

    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.addfile(tarfile.TarInfo(f"{canary.folder}/unpacked"), io.BytesIO())
    packed.seek(0)
    with tarfile.open(fileobj=packed) as archive:
        archive.extraction_filter = lambda member, _path: member  # what old Pythons do
        archive.extractall(tempfile.mkdtemp())


@probe("fs.write.content", "proc_pid_root(5)")
def through_another_process(canary: Canary) -> None:
    """Make a file below the root of a process of the caller's."""
    with open(f"/proc/{canary.process}/root{canary.folder}/new", "w") as file:
        file.write("x")


@probe("fs.write.content", "fifo(7): a read-only mount keeps nobody from writing into one", granted=("read",))
def fifo_in_a_read_only_folder(canary: Canary) -> None:
    """Write into a FIFO of a folder that may only be read."""
    both = os.open(
        f"{canary.folder}/shared/fifo", os.O_RDWR | os.O_NONBLOCK
    )  # waits for nobody, whatever the flag does
    os.write(both, b"x")
    must(os.read(both, 1) == b"x")


@probe("fs.write.content", "mount_setattr(2), MOUNT_ATTR_RDONLY", granted=("read",))
def file_in_a_read_only_folder(canary: Canary) -> None:
    """Write into a file of a folder that may only be read."""
    with open(f"{canary.folder}/shared/file", "a") as file:
        file.write("x")


@probe("fs.write.content", "CVE-2019-5736 (runc): opened again through /proc", granted=("read",))
def reopen_for_writing(canary: Canary) -> None:
    """Open a file for reading, and through /proc once more for writing."""
    number = os.open(f"{canary.folder}/shared/file", os.O_RDONLY)
    os.write(os.open(f"/proc/self/fd/{number}", os.O_WRONLY), b"CHANGED")


@probe("fs.write.hardlink", "multikernel/sandlock#179", granted=("read", "write"))
def hard_link_out_of_a_read_only_folder(canary: Canary) -> None:
    """Give a read-only file a second name where writing is granted, and write by that name."""
    os.link(f"{canary.folder}/shared/file", f"{canary.folder}/out/file")
    with open(f"{canary.folder}/out/file", "r+") as file:
        file.write("CHANGED")


@probe("fs.write.hardlink", "rename(2); multikernel/sandlock#179, the other way", granted=("read", "write"))
def rename_out_of_a_read_only_folder(canary: Canary) -> None:
    """Move a read-only file to where writing is granted."""
    os.rename(f"{canary.folder}/shared/file", f"{canary.folder}/out/file")


@probe(
    "fs.write.content",
    "CWE-59; CVE-2026-50549 (Cursor), CVE-2026-39861: a link that leads out of the workspace",
    granted=("write",),
)
def link_in_a_writable_folder(canary: Canary) -> None:
    """Write through a link of one's own that leads out of the writable folder."""
    os.symlink("../file", f"{canary.folder}/out/way")
    with open(f"{canary.folder}/out/way", "w") as file:
        file.write("CHANGED")


@probe(
    "fs.write.content", "CVE-2018-15664 (docker cp): a folder becomes a link before it is copied", granted=("write",)
)
def folder_that_becomes_a_link(canary: Canary) -> object:
    """Replace a folder that is to be copied out by a link to another place."""
    os.mkdir(f"{canary.folder}/out/made")
    with open(f"{canary.folder}/out/made/x", "w") as file:
        file.write("x")
    os.rename(f"{canary.folder}/out/made", f"{canary.folder}/out/moved")
    os.symlink("../directory", f"{canary.folder}/out/made")
    return "made"


@probe(
    "fs.write.content",
    "CVE-2026-25725: a file that did not exist at the start",
    granted=("write", "deny"),
)
def denied_file_that_is_not_there_yet(canary: Canary) -> object:
    """Make a file whose path is denied."""
    with open(f"{canary.folder}/out/denied-new", "w") as file:
        file.write("x")
    return "made"


@probe(
    "fs.write.content", "rename(2): what is in the folder is renamed with it; CVE-2026-25725", granted=("write", "deny")
)
def folder_moved_to_a_denied_path(canary: Canary) -> object:
    """Make a folder under a harmless name and move it to a denied one."""
    os.mkdir(f"{canary.folder}/out/harmless")
    with open(f"{canary.folder}/out/harmless/x", "w") as file:
        file.write("x")
    os.rename(f"{canary.folder}/out/harmless", f"{canary.folder}/out/denied-new")
    return "made"


@probe("fs.delete.names", "unlink(2)")
def delete_a_file(canary: Canary) -> None:
    """Delete a file."""
    os.unlink(f"{canary.folder}/file")


@probe("fs.delete.names", "rmdir(2)")
def delete_a_folder(canary: Canary) -> None:
    """Delete a folder."""
    os.rmdir(f"{canary.folder}/directory")


@probe("fs.delete.names", "rename(2)")
def move_a_file_away(canary: Canary) -> None:
    """Rename a file."""
    os.rename(f"{canary.folder}/file", f"{canary.folder}/other")


@probe("fs.delete.names", "rename(2), RENAME_EXCHANGE")
def exchange_two_names(canary: Canary) -> None:
    """Exchange two files by the call that filters of rename forget."""
    one, other = os.fsencode(f"{canary.folder}/file"), os.fsencode(f"{canary.folder}/link")
    syscall("renameat2", -100, one, -100, other, 2)


@probe("fs.delete.names", "mount_setattr(2), MOUNT_ATTR_RDONLY; unlink(2)", granted=("read",))
def delete_in_a_read_only_folder(canary: Canary) -> None:
    """Delete a file of a folder that may only be read."""
    os.unlink(f"{canary.folder}/shared/file")


@probe("fs.meta.attributes", "chmod(2); landlock(7): it passes")
def mode_of_a_file(canary: Canary) -> None:
    """Change the mode of a file by its path."""
    before = os.stat(f"{canary.folder}/file").st_mode & 0o777
    for mode in (0o600, 0o640):  # one of them is another one
        os.chmod(f"{canary.folder}/file", mode)
        if os.stat(f"{canary.folder}/file").st_mode & 0o777 == mode != before:
            return
    raise Missed("the mode is as it was")


@probe("fs.meta.attributes", "chown(2); landlock(7): it passes")
def owner_of_a_file(canary: Canary) -> None:
    """Change the owner of a file."""
    os.chown(f"{canary.folder}/file", 12345, 12345)


@probe("fs.meta.attributes", "utimensat(2); landlock(7): it passes")
def time_of_a_file(canary: Canary) -> None:
    """Change the time of a file by its path."""
    os.utime(f"{canary.folder}/file", (1, 1))


@probe("fs.meta.attributes", "setxattr(2); landlock(7): it passes")
def attribute_of_a_file(canary: Canary) -> None:
    """Give a file an attribute."""
    os.setxattr(f"{canary.folder}/file", "user.made", b"x")


@probe("fs.meta.attributes", "fchmod(2): a descriptor for reading is enough", granted=("read",))
def mode_by_a_descriptor(canary: Canary) -> None:
    """Change the mode of a file that was opened for reading."""
    os.fchmod(os.open(f"{canary.folder}/shared/file", os.O_RDONLY), 0o600)


@probe(
    "fs.meta.attributes",
    "futimens(3): a descriptor for reading is enough; CVE-2025-55132 (Node)",
    granted=("read",),
)
def time_by_a_descriptor(canary: Canary) -> None:
    """Change the time of a file that was opened for reading."""
    os.utime(os.open(f"{canary.folder}/shared/file", os.O_RDONLY), (1, 1))


@probe("fs.meta.attributes", "fsetxattr(2): a descriptor for reading is enough", granted=("read",))
def attribute_by_a_descriptor(canary: Canary) -> None:
    """Give a file that was opened for reading an attribute."""
    os.setxattr(os.open(f"{canary.folder}/shared/file", os.O_RDONLY), "user.made", b"x")


@probe("fs.meta.attributes", "ioctl_iflags(2): a descriptor for reading is enough", granted=("read",))
def flags_by_a_descriptor(canary: Canary) -> None:
    """Set the nodump flag of a file that was opened for reading."""
    import fcntl
    import struct

    number = os.open(f"{canary.folder}/shared/file", os.O_RDONLY)
    flags = struct.unpack("l", fcntl.ioctl(number, 0x80086601, bytes(8)))[0]
    fcntl.ioctl(number, 0x40086602, struct.pack("l", flags | 0x40))
    must(struct.unpack("l", fcntl.ioctl(number, 0x80086601, bytes(8)))[0] & 0x40)


@probe("fs.meta.leases", "fcntl(2), F_SETLEASE: whoever opens the file has to wait", granted=("read",))
def lease_on_a_file(canary: Canary) -> None:
    """Take a lease on a file that may only be read: every other program waits for it."""
    import fcntl

    fcntl.fcntl(os.open(f"{canary.folder}/shared/file", os.O_RDONLY), fcntl.F_SETLEASE, fcntl.F_RDLCK)
