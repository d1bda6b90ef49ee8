"""Builds the root inside from the steps of a plan, in the steward, before anything of the target exists.

Host paths are opened once, through no symbolic link, compared with what was seen when the plan was made, and mounted by
descriptor: what is checked is what is bound. Nothing is written to the host; everything of ours is in memory and ends
with the mount namespace.
"""

import os
import stat
from _collections_abc import Sequence

from casemate.model.dataclass import dataclass, field
from casemate.model.never import assert_never
from casemate.model.small import suppress
from casemate.model.tree import below
from casemate.sandbox.native import kernel as k
from casemate.sandbox.native import mounting as m
from casemate.sandbox.native.steps import (
    Bind,
    Device,
    Folder,
    Hide,
    Image,
    Layered,
    Link,
    Private,
    Seen,
    Step,
    Synthetic,
)

BASE = (
    "/dev"  # covered in a private mount namespace; nothing below it can be granted: a copy of a tree holds all mounts
)
NEW, LAYERS = f"{BASE}/root", f"{BASE}/layers"
COVERED = ("/dev", "/sys")  # whatever an image has there
READ_ONLY = m.ATTR_RDONLY | m.ATTR_NOSUID | m.ATTR_NODEV
SMALL = "size=4m,nr_inodes=4k,mode=755"
CHUNK = 1 << 20
DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
PAGE, LEAST_NAMES = 4096, 1024


class Changed(OSError):  # noqa: N818 -- it says what happened to the path
    """A path names another file than when the plan was made."""


@dataclass(slots=True)
class Root:
    """A root being built. `owner` is the host identity that the target will have; `users` maps the caller's to it."""

    owner: int
    users: int = -1  # descriptor of a user namespace for idmapped mounts, or -1
    new: int = -1
    uppers: list[int] = field(default_factory=list[int])
    trees: list[str] = field(default_factory=list[str])  # bound so far: nothing is ever made in them
    mounted: list[str] = field(default_factory=list[str])  # where something was mounted so far
    written: list[str] = field(default_factory=list[str])  # files of ours

    def prepare(self) -> None:
        """Cover a directory with memory of our own, and make the new root and the place of the layers in it."""
        m.mount("none", "/", None, m.MS_REC | m.MS_PRIVATE)
        m.mount("casemate", BASE, "tmpfs", m.MS_NOSUID | m.MS_NODEV, SMALL)
        for path in (NEW, LAYERS):
            os.mkdir(path, 0o755)  # noqa: PTH102 -- pathlib is too heavy for the start-up path
        m.mount("casemate", NEW, "tmpfs", m.MS_NOSUID | m.MS_NODEV, SMALL)
        self.new = os.open(NEW, k.O_PATH | os.O_CLOEXEC)
        os.mkdir(f"{BASE}/hidden", 0)  # noqa: PTH102 -- likewise
        os.close(os.open(f"{BASE}/hidden.file", os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0))

    def build(self, steps: Sequence[Step]) -> None:
        """Carry the steps out. Host paths that BASE covers are opened before it is covered."""
        os.umask(0)
        sources = [self.open_source(step) for step in steps]
        self.prepare()
        for step, source in zip(steps, sources, strict=True):
            try:
                self.carry_out(step, source)
            except OSError as error:
                raise OSError(error.errno, f"{step}: {error.strerror}") from None
            if source >= 0:
                os.close(source)

    def open_source(self, step: Step) -> int:
        """Open what a step takes from the host; -1 where it takes nothing. Raises Changed."""
        match step:
            case Bind(seen) | Layered(seen) | Image(seen):
                return open_seen(seen)
            case Device(path):
                return open_device(path)
            case Link() | Private() | Synthetic() | Folder() | Hide():
                return -1
            case _:
                return assert_never(step)

    def carry_out(self, step: Step, source: int) -> None:
        """Do one step."""
        match step:
            case Bind():
                self.bind(step, source)
            case Layered():
                self.layer(step, source)
            case Link(path, text):
                folder = self.parent(path)
                os.symlink(text, path.rpartition("/")[2], dir_fd=folder)
                os.close(folder)
            case Private(path, size):
                self.private(path, size)
            case Synthetic(path, content):
                self.file(path, content.encode(), 0o444)
                self.written.append(path)
            case Device():
                self.file(step.place, b"", 0o444)
                self.place(source, step.place, m.ATTR_RDONLY | m.ATTR_NOSUID | m.ATTR_NOEXEC)
            case Folder(path):
                self.folder(path)
            case Hide(path, directory, fleeting):
                hidden = os.open(f"{BASE}/hidden" + ("" if directory else ".file"), k.O_PATH | os.O_CLOEXEC)
                with suppress(*((FileNotFoundError,) if fleeting else ())):
                    self.place(hidden, path, READ_ONLY | m.ATTR_NOEXEC)
                os.close(hidden)
            case Image():
                self.image(source)
            case _:
                assert_never(step)

    def bind(self, step: Bind, source: int) -> None:
        """Mount a host tree or file, nosuid, nodev, and read-only unless it is a direct write grant."""
        attributes = m.ATTR_NOSUID | m.ATTR_NODEV
        attributes |= 0 if step.write else m.ATTR_RDONLY
        attributes |= 0 if step.execute else m.ATTR_NOEXEC
        self.target(step)
        self.place(source, step.place, attributes)

    def place(self, source: int, path: str, attributes: int) -> None:
        """Clone the mount at a descriptor, set its attributes and attach it at `path` inside."""
        tree = self.clone(source, attributes)
        self.attach(tree, path)
        os.close(tree)

    def attach(self, tree: int, path: str) -> None:
        """Attach a detached tree at `path` inside."""
        target = m.open_within(self.new, path)
        m.attach(tree, target)
        os.close(target)
        self.mounted.append(path)

    def clone(self, source: int, attributes: int) -> int:
        """Give a detached tree with attributes, owned by the target where the caller's own id is on the file."""
        tree = m.clone_tree(source)
        m.set_attributes(tree, attributes)
        if self.users >= 0 and not is_foreign_socket(source):
            with suppress(OSError):  # a file system without idmapped mounts: then what others may read can be read
                m.set_attributes(tree, m.ATTR_IDMAP, users=self.users)
        return tree

    def target(self, step: Bind | Layered) -> None:
        """Make the mount point, unless a tree that was bound before holds it."""
        if step.seen.directory:
            if not self.is_bound(step.place):
                self.folder(step.place)
            self.trees.append(step.place)
        elif not self.is_bound(step.place):
            self.file(step.place, b"", 0o444)

    def is_bound(self, path: str) -> bool:
        """Tell whether a path lies in a tree of the host: those are never changed."""
        return any(below(path, tree) for tree in self.trees)

    def parent(self, path: str) -> int:
        """Make the directories above `path` in our own memory, and open the last one.

        Each is opened in the one before and through no link. A link of the plan can stand in the way where the host
        changed while the plan was made, and until the root is entered an absolute one leads to the host.
        """
        here, made = os.open(".", DIRECTORY, dir_fd=self.new), ""
        try:
            for part in filter(None, path.split("/")[:-1]):
                made += f"/{part}"
                if self.is_bound(made):
                    raise Changed(f"{path} would be made in {made}, which is a tree of the host")
                with suppress(FileExistsError):
                    os.mkdir(part, 0o755, dir_fd=here)
                deeper = os.open(part, DIRECTORY, dir_fd=here)
                os.close(here)
                here = deeper
        except OSError:
            os.close(here)
            raise
        return here

    def folder(self, path: str) -> None:
        """Make a directory of ours, and those above it."""
        os.close(self.parent(path + "/."))

    def file(self, path: str, content: bytes, mode: int) -> None:
        """Write a file of ours into the new root; never through a link, never over anything."""
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC
        folder = self.parent(path)
        try:
            descriptor = os.open(path.rpartition("/")[2], flags, mode, dir_fd=folder)
        finally:
            os.close(folder)
        os.write(descriptor, content)
        os.close(descriptor)

    def private(self, path: str, size: int) -> None:
        """Mount an empty directory in memory that belongs to the target: nothing in it can be executed or mapped so."""
        self.folder(path)
        m.mount("casemate", NEW + path, "tmpfs", m.MS_NOSUID | m.MS_NODEV | m.MS_NOEXEC, memory(size) + ",mode=700")
        os.chown(NEW + path, self.owner, self.owner)
        self.mounted.append(path)

    def layer(self, step: Layered, source: int) -> None:
        """Put a private layer over a host tree, or a private copy over a file; keep a descriptor for the commit."""
        number = len(self.uppers)
        place = f"{LAYERS}/{number}"
        os.mkdir(place, 0o755)  # noqa: PTH102 -- likewise
        m.mount("casemate", place, "tmpfs", m.MS_NOSUID | m.MS_NODEV | m.MS_NOEXEC, memory(step.size) + ",mode=755")
        self.target(step)
        (self.overlay if step.seen.directory else self.copy)(step, source, place)

    def overlay(self, step: Layered, source: int, place: str) -> None:
        """See overlayfs: lower is the granted tree, upper and work lie on the layer."""
        for name in ("lower", "upper", "work", "merged"):
            os.mkdir(f"{place}/{name}", 0o755)  # noqa: PTH102 -- likewise
        self.lower(source, f"{place}/lower")
        status = os.stat(f"{place}/lower")  # noqa: PTH116 -- likewise
        os.chmod(f"{place}/upper", stat.S_IMODE(status.st_mode) & 0o777)  # noqa: PTH101 -- likewise
        os.chown(f"{place}/upper", self.owner, self.owner)
        options = f"lowerdir={place}/lower,upperdir={place}/upper,workdir={place}/work"
        merged = self.stacked(f"{place}/merged", options, m.MS_NOEXEC)
        self.attach(m.clone_tree(merged), step.place)
        self.uppers.append(os.open(f"{place}/upper", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))

    def copy(self, step: Layered, source: int, place: str) -> None:
        """Copy a file into the layer and mount the copy over it."""
        reader = os.open(f"/proc/self/fd/{source}", os.O_RDONLY | os.O_CLOEXEC)
        writer = os.open(f"{place}/file", os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
        while data := os.read(reader, CHUNK):
            os.write(writer, data)
        os.fchmod(writer, stat.S_IMODE(os.fstat(reader).st_mode) & 0o777)
        os.fchown(writer, self.owner, self.owner)
        os.close(reader)
        os.lseek(writer, 0, os.SEEK_SET)
        copied = os.open(f"{place}/file", k.O_PATH | os.O_CLOEXEC)
        tree = m.clone_tree(copied)
        m.set_attributes(tree, m.ATTR_NOSUID | m.ATTR_NODEV | m.ATTR_NOEXEC)
        self.attach(tree, step.place)
        self.uppers.append(writer)

    def lower(self, source: int, place: str) -> None:
        """Mount what a descriptor names as the lower part of an overlay."""
        lower = os.open(place, k.O_PATH | os.O_CLOEXEC)
        m.attach(self.clone(source, m.ATTR_RDONLY | m.ATTR_NOSUID | m.ATTR_NODEV), lower)
        os.close(lower)

    def stacked(self, place: str, options: str, flags: int) -> int:
        """Mount an overlay that believes nothing of what lower files say of themselves; open its root."""
        options += ",redirect_dir=nofollow,metacopy=off,index=off"
        options += "" if self.users >= 0 else ",userxattr"
        m.mount("casemate", place, "overlay", m.MS_NOSUID | m.MS_NODEV | flags, options)
        return os.open(place, k.O_PATH | os.O_CLOEXEC)

    def image(self, source: int) -> None:
        """Show an image wherever nothing was made or mounted so far. It is no part of what is written, or of the host.

        An overlay with no upper part: nothing is ever written, sockets and pipes in the image are its own and not
        those that a process of the host has open, and what is mounted in the image on the host is not shown.
        """
        place = f"{LAYERS}/image"
        for path in (place, f"{place}/lower", f"{place}/merged"):
            os.mkdir(path, 0o755)  # noqa: PTH102 -- likewise
        self.lower(source, f"{place}/lower")
        merged = self.stacked(f"{place}/merged", f"lowerdir={NEW}:{place}/lower", m.MS_RDONLY)
        made, self.new = self.new, merged
        ours = (*COVERED, *self.written)  # all of it is ours, and nothing of it is executed
        self.mounted += COVERED
        for path in dict.fromkeys((*ours, *(path for path in self.mounted if not self.lies_in_a_mount(path)))):
            there = m.open_within(made, path)
            tree = m.clone_tree(there)
            if path in ours:
                m.set_attributes(tree, READ_ONLY | m.ATTR_NOEXEC, recursive=False)
            self.attach(tree, path)
            os.close(there)
            os.close(tree)
        m.attach(m.clone_tree(merged), made)
        os.close(made)
        os.close(merged)
        self.new = os.open(NEW, k.O_PATH | os.O_CLOEXEC)

    def lies_in_a_mount(self, path: str) -> bool:
        """Tell whether something was mounted above a path."""
        return any(below(path, other) for other in self.mounted if other != path)


def is_foreign_socket(source: int) -> bool:
    """Tell whether a descriptor names a socket of somebody else than the caller.

    An idmapped mount that knows nothing of the owner of a file lets nobody write to it (inode_permission() in
    fs/namei.c), and to connect to a socket is to write to it: without the map, its mode decides.
    """
    status = os.fstat(source)
    return stat.S_ISSOCK(status.st_mode) and status.st_uid != os.geteuid()


def memory(size: int) -> str:
    """Give the options of a tmpfs: bytes, and as many names as pages; 0 is the kernel's default, half of the memory."""
    if not size:
        return "size=50%"
    return f"size={max(size, PAGE)},nr_inodes={max(size // PAGE, LEAST_NAMES)}"


def enter(umask: int = 0o077, top: str = NEW, *, image: bool = False) -> None:
    """Make the root at `top` the one of this mount namespace, let the old one go, and make ours read-only.

    What an image shows below the root can be executed.
    """
    os.chdir(top)
    m.pivot_root(".", ".")  # the old root now lies over the new one: pivot_root(2), notes
    m.umount(".")
    os.chdir("/")
    seal("/", image=image)
    os.umask(umask)


def seal(path: str, *, image: bool = False) -> None:
    """Let nobody write to a mount, or, unless it shows an image, execute from it; those below it stay as they are."""
    here = os.open(path, k.O_PATH | os.O_CLOEXEC)
    m.set_attributes(here, READ_ONLY | (0 if image else m.ATTR_NOEXEC), recursive=False)
    os.close(here)


def show_processes(top: str = NEW) -> None:
    """Mount a /proc that holds the processes of this pid namespace and nothing else, where a root is being built."""
    flags = m.MS_NOSUID | m.MS_NODEV | m.MS_NOEXEC | m.MS_RDONLY
    m.mount("proc", f"{top}/proc", "proc", flags, "subset=pid,hidepid=2")


def open_seen(seen: Seen) -> int:
    """Open a host path through no link and make sure that it is the file that the plan means. Raises Changed."""
    top = os.open("/", k.O_PATH | os.O_CLOEXEC)
    try:
        descriptor = m.open_within(top, seen.path)
    finally:
        os.close(top)
    status = os.fstat(descriptor)
    if (status.st_dev, status.st_ino) != (seen.device, seen.inode):
        os.close(descriptor)
        raise Changed(f"{seen.path} is another file than when the plan was made")
    return descriptor


def open_device(path: str) -> int:
    """Open a device of the host, and make sure that it is one."""
    descriptor = os.open(path, k.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    if not stat.S_ISCHR(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise Changed(f"{path} is not a device")
    return descriptor
