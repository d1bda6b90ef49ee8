"""The folder of one probe: what it may try to read and to change, and whether it did.

Everything in it is open to everybody, so that nothing but confinement stands in the way.
"""

import hashlib
import os
import shutil
import socket
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

from casemate.model.persist import persists

OPEN_FILE, OPEN_FOLDER = 0o666, 0o777
DENIED = "denied"  # what begins so in `out` is denied, whether it is there or not
Print = tuple[object, ...]
CODE = {  # each: give 42, then ask for the process number by the entry of i386 where there is one
    "x86_64": bytes.fromhex("b82a000000c3").ljust(64, b"\x90") + bytes.fromhex("b814000000cd80c3"),
    "aarch64": bytes.fromhex("40058052c0035fd6"),
}


def fill(folder: Path, token: str, uses: frozenset[str], library: str) -> None:
    """Make the folder of one probe, and what it needs beyond the usual."""
    folder.mkdir()
    for name in ("directory", "listed", "shared", "out"):
        (folder / name).mkdir()
        (folder / name).chmod(OPEN_FOLDER)
    folder.chmod(OPEN_FOLDER)
    write(folder / "secret", f"{token}\n")
    write(folder / "file", "content\n")
    write(folder / "listed" / token, "")
    write(folder / "shared" / "file", "content\n")
    write(folder / "out" / "old", "content\n")
    write(folder / "out" / DENIED, f"{token}\n")
    (folder / "link").symlink_to("secret")
    (folder / "pointer").symlink_to(token)
    (folder / "shared" / "link").symlink_to("../secret")
    os.mkfifo(folder / "shared" / "fifo")
    (folder / "shared" / "fifo").chmod(OPEN_FILE)
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(folder / "shared" / "socket"))
    (folder / "shared" / "code").write_bytes(CODE.get(os.uname().machine, b"").ljust(4096, b"\0"))
    with suppress(OSError):  # a file system without attributes of users
        os.setxattr(folder / "file", "user.canary", token.encode())
    if "database" in uses:
        with closing(sqlite3.connect(folder / "database")) as made, made:
            made.execute("create table kept (token)")
            made.execute("insert into kept values (?)", (token,))
        (folder / "database").chmod(OPEN_FILE)
    if "module" in uses:
        write(folder / "canary_module.py", f"TOKEN = {token!r}\n")
    if "library" in uses and library:
        shutil.copyfile(library, folder / "library.so")
    if "readable_library" in uses and library:
        shutil.copyfile(library, folder / "shared" / "library.so")


def write(path: Path, text: str) -> None:
    """Write a file that everybody may change."""
    path.write_text(text, encoding="utf-8")
    path.chmod(OPEN_FILE)


def prints(folder: Path) -> dict[str, Print]:
    """Take the print of everything in the folder; what a write grant gives, plain files in `out`, does not count."""
    return dict(_prints(folder, folder))


def _prints(folder: Path, top: Path) -> Iterator[tuple[str, Print]]:
    inside_out = top / "out" in (folder, *folder.parents)
    if not inside_out:
        yield str(folder), _print(folder)
    for entry in sorted(folder.iterdir()):
        status = entry.lstat()
        if stat.S_ISDIR(status.st_mode):
            yield from _prints(entry, top)
        elif not inside_out or _is_no_plain_file(entry, status):
            yield str(entry), _print(entry)


def _is_no_plain_file(path: Path, status: os.stat_result) -> bool:
    """Tell whether something in a writable folder is more than was granted."""
    set_id = status.st_mode & (stat.S_ISUID | stat.S_ISGID)
    denied = any(name.startswith(DENIED) for name in (path.name, path.parent.name))
    return not stat.S_ISREG(status.st_mode) or bool(set_id) or denied or persists(str(path))


def _print(path: Path) -> Print:
    status = path.lstat()
    common = (status.st_mode, status.st_uid, status.st_nlink, status.st_mtime_ns, _attributes(path))
    if stat.S_ISREG(status.st_mode):
        return (*common, status.st_size, hashlib.sha256(path.read_bytes()).hexdigest())
    if stat.S_ISLNK(status.st_mode):
        return (*common, str(path.readlink()))
    return common


def _attributes(path: Path) -> tuple[str, ...]:
    with suppress(OSError):
        return tuple(sorted(os.listxattr(path, follow_symlinks=False)))
    return ()


def changed(before: dict[str, Print], folder: Path) -> str:
    """Name the first thing in the folder that is not as it was; "" where all is."""
    after = prints(folder) if folder.exists() else {}
    names = [name for name in sorted(before.keys() | after.keys()) if before.get(name) != after.get(name)]
    return os.path.relpath(names[0], folder) if names else ""
