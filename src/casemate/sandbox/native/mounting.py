"""The system calls that make, change and move mounts, and the one that opens a path within a tree of them."""

import os
from _collections_abc import Sequence

from casemate.sandbox.native import kernel as k

OPEN_TREE, MOVE_MOUNT, FSOPEN, FSCONFIG, FSMOUNT, OPENAT2, MOUNT_SETATTR = 428, 429, 430, 431, 432, 437, 442

MS_REC, MS_PRIVATE, MNT_DETACH = 0x4000, 0x40000, 2
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
OPEN_TREE_CLONE, AT_RECURSIVE, AT_EMPTY_PATH = 1, 0x8000, 0x1000
MOVE_MOUNT_EMPTY = 0x4 | 0x40  # both ends are named by descriptors alone
ATTR_RDONLY, ATTR_NOSUID, ATTR_NODEV, ATTR_NOEXEC, ATTR_IDMAP = 1, 2, 4, 8, 0x100000
RESOLVE_NO_MAGICLINKS, RESOLVE_NO_SYMLINKS, RESOLVE_IN_ROOT = 0x02, 0x04, 0x10


def mount(source: str, target: str, kind: str | None, flags: int, options: str = "") -> None:
    """Mount a file system, or change the flags of a mount; man 2 mount."""
    k.call(
        f"mount {kind or 'flags'} on {target}",
        k.number("mount"),
        os.fsencode(source),
        os.fsencode(target),
        None if kind is None else kind.encode(),
        flags,
        os.fsencode(options) or None,
    )


def pivot_root(new: str, old: str) -> None:
    """Exchange the root of this mount namespace; man 2 pivot_root."""
    k.call("pivot_root", k.number("pivot_root"), os.fsencode(new), os.fsencode(old))


def umount(target: str) -> None:
    """Detach a mount and everything below it, now for newcomers, for others when they let go."""
    k.call(f"umount {target}", k.number("umount2"), os.fsencode(target), MNT_DETACH)


def open_within(root: int, path: str, flags: int = k.O_PATH, *, links: int = RESOLVE_NO_SYMLINKS) -> int:
    """Open `path` as if `root` were /, through no magic link and, unless `links` is 0, no symbolic one: openat2(2)."""
    how = k.words(8, flags | os.O_CLOEXEC, 0, RESOLVE_IN_ROOT | links | RESOLVE_NO_MAGICLINKS)
    try:
        return k.call("openat2", OPENAT2, root, os.fsencode(path), how, len(how))
    except OSError as error:
        raise OSError(error.errno, f"{path}: {os.strerror(error.errno or 0)}") from None


def clone_tree(descriptor: int) -> int:
    """Give a detached copy of the mount, and of those below it, at an k.O_PATH descriptor: open_tree(2)."""
    flags = OPEN_TREE_CLONE | AT_RECURSIVE | AT_EMPTY_PATH | os.O_CLOEXEC
    return k.call("open_tree", OPEN_TREE, descriptor, b"", flags)


def set_attributes(tree: int, attributes: int, *, recursive: bool = True, users: int = 0) -> None:
    """Set mount attributes; with ATTR_IDMAP `users` is a descriptor of a user namespace: mount_setattr(2)."""
    how = k.words(8, attributes, 0, 0, users)
    flags = AT_EMPTY_PATH | (AT_RECURSIVE if recursive else 0)
    k.call("mount_setattr", MOUNT_SETATTR, tree, b"", flags, how, len(how))


def attach(tree: int, target: int) -> None:
    """Mount a detached tree on what an k.O_PATH descriptor names: move_mount(2)."""
    k.call("move_mount", MOVE_MOUNT, tree, b"", target, b"", MOVE_MOUNT_EMPTY)


def new_filesystem(kind: str, options: Sequence[tuple[str, str | None]], attributes: int) -> int:
    """Make a file system and give its mount, attached nowhere: fsopen(2), fsconfig(2), fsmount(2)."""
    context = k.call("fsopen", FSOPEN, kind.encode(), 1)
    try:
        for key, value in options:
            command = 0 if value is None else 1
            k.call(
                f"fsconfig {key}",
                FSCONFIG,
                context,
                command,
                key.encode(),
                None if value is None else value.encode(),
                0,
            )
        k.call(f"fsconfig create {kind}", FSCONFIG, context, 6, None, None, 0)
        return k.call("fsmount", FSMOUNT, context, 1, attributes)
    finally:
        os.close(context)
