"""Copying out: the layers are written by the kernel's own overlayfs, mounted in a child with namespaces of its own."""

import ctypes
import errno
import os
import shutil
import socket
import stat
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.conftest import require

from casemate.model.policy import WriteMode
from casemate.sandbox.native import layer
from casemate.sandbox.native.commit import Committed, commit
from casemate.sandbox.native.contract import CommitLayer, Write
from casemate.sandbox.native.layer import Kind, changes

CLONE_NEWNS, CLONE_NEWUSER = 0x20000, 0x10000000
MS_REC, MS_PRIVATE = 0x4000, 0x40000
MIB = 1 << 20
UMASK = 0o022

Act = Callable[[Path], None]


def must(result: int) -> None:
    """Turn a failed call of the C library into an OSError."""
    if result:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def mount_overlay(lower: Path) -> tuple[Path, int]:
    """Mount an overlay over `lower` on a private tmpfs; give where it is, and its upper directory."""
    libc = ctypes.CDLL(None, use_errno=True)
    uid, gid = os.geteuid(), os.getegid()
    must(libc.unshare(CLONE_NEWNS | (CLONE_NEWUSER if uid else 0)))
    if uid:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
    must(libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None))
    space = lower.parent / "space"
    must(libc.mount(b"tmpfs", bytes(space), b"tmpfs", 0, b"size=64m,mode=755"))
    for name in ("upper", "work", "merged"):
        (space / name).mkdir()
    options = f"lowerdir={lower},upperdir={space}/upper,workdir={space}/work{',userxattr' if uid else ''}"
    must(libc.mount(b"overlay", bytes(space / "merged"), b"overlay", 0, options.encode()))
    return space / "merged", os.open(space / "upper", os.O_RDONLY | os.O_DIRECTORY)


def layered(lower: Path, act: Act) -> int:
    """Let `act` change the overlay in a child, which then dies; give a descriptor of the upper directory."""
    (lower.parent / "space").mkdir(exist_ok=True)
    ours, theirs = socket.socketpair()
    child = os.fork()
    if child == 0:
        word = b"mount"
        try:
            os.umask(UMASK)
            merged, upper = mount_overlay(lower)
            word = b"act"
            act(merged)
            socket.send_fds(theirs, [b"ok"], [upper])
        except OSError as error:
            theirs.send(word + f" {error.errno} {error}".encode())
        finally:
            os._exit(0)
    theirs.close()
    with ours:
        word, descriptors, _, _ = socket.recv_fds(ours, 4096, 1)
        os.waitpid(child, 0)
    require(f"a mounted overlay ({word.decode()})", there=not word.startswith(b"mount"))
    assert descriptors, word
    return descriptors[0]


class Granted:
    """A granted directory on the host, and what a target does to it."""

    def __init__(self, root: Path) -> None:  # noqa: D107 -- a test helper
        self.path = root / "granted"
        self.path.mkdir()
        self.deny: tuple[str, ...] = ()

    def layer(self, act: Act, limit: int = 16 * MIB) -> CommitLayer:
        write = Write(str(self.path), WriteMode.COMMIT, limit, directory=True)
        target = os.open(self.path, os.O_PATH | os.O_DIRECTORY)
        return CommitLayer(write, layered(self.path, act), target)

    def after(self, act: Act, limit: int = 16 * MIB, files: int = 1000) -> Committed:
        layer = self.layer(act, limit)
        return self.out(layer, files)

    def out(self, layer: CommitLayer, files: int = 1000) -> Committed:
        try:
            return commit(layer, self.deny, umask=UMASK, files=files)
        finally:
            os.close(layer.upper)
            os.close(layer.target)

    def files(self) -> dict[str, bytes]:
        return {str(path.relative_to(self.path)): path.read_bytes() for path in self.path.rglob("*") if path.is_file()}


@pytest.fixture
def granted(tmp_path: Path) -> Granted:
    return Granted(tmp_path)


def reasons(result: Committed) -> dict[str, str]:
    return {Path(entry.path).name: entry.reason for entry in result.refused}


def test_a_new_a_changed_and_a_deleted_file_arrive(granted: Granted) -> None:
    (granted.path / "old").write_text("old")
    (granted.path / "gone").write_text("gone")

    def act(root: Path) -> None:
        (root / "new").write_text("new")
        (root / "old").write_text("changed")
        (root / "gone").unlink()

    result = granted.after(act)
    assert granted.files() == {"new": b"new", "old": b"changed"}
    assert sorted(Path(path).name for path in result.committed) == ["gone", "new", "old"]
    assert not result.refused


def test_an_untouched_directory_stays_as_it_is(granted: Granted) -> None:
    (granted.path / "keep").write_text("keep")
    assert granted.after(lambda _: None) == Committed()
    assert granted.files() == {"keep": b"keep"}


def test_a_directory_becomes_a_file_and_a_file_a_directory(granted: Granted) -> None:
    (granted.path / "was-dir/deep").mkdir(parents=True)
    (granted.path / "was-dir/deep/file").write_text("x")
    (granted.path / "was-file").write_text("x")

    def act(root: Path) -> None:
        shutil.rmtree(root / "was-dir")
        (root / "was-dir").write_text("file now")
        (root / "was-file").unlink()
        (root / "was-file").mkdir()
        (root / "was-file/inside").write_text("dir now")

    granted.after(act)
    assert granted.files() == {"was-dir": b"file now", "was-file/inside": b"dir now"}


def test_a_directory_that_was_removed_and_made_again_is_empty(granted: Granted) -> None:
    (granted.path / "d").mkdir()
    (granted.path / "d/old").write_text("x")

    def act(root: Path) -> None:
        shutil.rmtree(root / "d")
        (root / "d").mkdir()
        (root / "d/new").write_text("y")

    granted.after(act)
    assert granted.files() == {"d/new": b"y"}


@pytest.mark.parametrize(
    "name",
    [
        ".git/hooks/pre-commit", ".git/config", ".GIT/HOOKS/x", ".git/commondir", "lib/evil.pth", "sitecustomize.py",
        ".bashrc", ".vscode/tasks.json", ".mcp.json", ".ssh/authorized_keys", "pyvenv.cfg", "casemate.toml",
    ],
)  # fmt: skip
def test_what_something_later_executes_is_never_written(granted: Granted, name: str) -> None:
    def act(root: Path) -> None:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("evil")
        (root / "harmless").write_text("x")

    result = granted.after(act)
    assert granted.files() == {"harmless": b"x"}
    assert "fs.persist" in str(result.refused)


def test_a_file_called_git_cannot_name_a_repository_elsewhere(granted: Granted) -> None:
    result = granted.after(lambda root: (root / ".git").write_text("gitdir: evil") and None)
    assert granted.files() == {}
    assert "fs.persist" in reasons(result)[".git"]


def test_a_protected_file_cannot_be_deleted_with_what_is_around_it(granted: Granted) -> None:
    (granted.path / ".git/hooks").mkdir(parents=True)
    (granted.path / ".git/hooks/pre-commit").write_text("checks")
    result = granted.after(lambda root: shutil.rmtree(root / ".git"))
    assert granted.files() == {".git/hooks/pre-commit": b"checks"}
    assert "it holds .git/hooks" in reasons(result)[".git"]


def test_a_denied_path_inside_the_grant_stays(granted: Granted) -> None:
    (granted.path / "secret").mkdir()
    (granted.path / "secret/key").write_text("key")
    granted.deny = (str(granted.path / "secret"), str(granted.path / "later"))

    def act(root: Path) -> None:
        (root / "secret/key").write_text("stolen")
        (root / "later").write_text("did not exist")
        (root / "later-not").write_text("fine")

    granted.after(act)
    assert granted.files() == {"secret/key": b"key", "later-not": b"fine"}


def test_links_pipes_sockets_and_set_user_id_are_refused(granted: Granted) -> None:
    def act(root: Path) -> None:
        (root / "link").symlink_to("/etc/passwd")
        os.mkfifo(root / "pipe")
        with socket.socket(socket.AF_UNIX) as bound:
            os.chdir(root)
            bound.bind("sock")
        (root / "suid").write_text("x")
        (root / "suid").chmod(0o4755)
        (root / "line\nbreak").write_text("x")
        (root / "bidi\u202etxt").write_text("x")
        (root / "kept").write_text("x")

    result = granted.after(act)
    assert granted.files() == {"kept": b"x"}
    why = reasons(result)
    assert why["link"] == "a symbolic link"
    assert why["pipe"] == why["sock"] == "neither a file nor a directory"
    assert why["suid"] == "set-user-ID or set-group-ID"
    assert why["line\nbreak"] == why["bidi\u202etxt"] == "a control character in its name"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes device nodes")
def test_a_device_is_refused_and_never_taken_for_a_deletion(granted: Granted) -> None:
    (granted.path / "zero").write_text("keep")

    def act(root: Path) -> None:
        (root / "zero").unlink()
        os.mknod(root / "zero", 0o666 | stat.S_IFCHR, os.makedev(1, 5))

    result = granted.after(act)
    assert granted.files() == {"zero": b"keep"}
    assert reasons(result) == {"zero": "neither a file nor a directory"}


def test_hard_links_inside_the_layer_become_separate_files(granted: Granted) -> None:
    (granted.path / "a").write_text("a")
    granted.after(lambda root: os.link(root / "a", root / "b"))
    assert granted.files() == {"a": b"a", "b": b"a"}
    assert (granted.path / "a").stat().st_nlink == 1


def test_a_hard_link_to_something_outside_the_layer_is_refused(granted: Granted) -> None:
    layer = granted.layer(lambda root: (root / "inside").write_text("x") and None)
    upper = Path(f"/proc/self/fd/{layer.upper}")
    require("hard links between directories of this tmpfs", there=_can_link(upper))
    result = granted.out(layer)
    assert granted.files() == {}
    assert reasons(result)["inside"] == "a hard link to a file elsewhere"


def _can_link(upper: Path) -> bool:
    """Link a file of the layer to beside the layer, as only somebody outside could."""
    parent = os.open(upper / "..", os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.link(upper / "inside", "elsewhere", dst_dir_fd=parent)
    except PermissionError:
        return False
    finally:
        os.close(parent)
    return True


def test_over_the_quota_nothing_is_copied(granted: Granted) -> None:
    (granted.path / "gone").write_text("x")

    def act(root: Path) -> None:
        (root / "small").write_text("x")
        (root / "big").write_bytes(b"x" * 2000)
        (root / "gone").unlink()

    result = granted.after(act, limit=1000)
    assert granted.files() == {"gone": b"x"}
    assert result.committed == ()
    assert "over the quota of 1000 bytes" in result.refused[0].reason


def test_a_huge_hole_counts_as_if_it_were_full(granted: Granted) -> None:
    def act(root: Path) -> None:
        with (root / "hole").open("wb") as file:
            file.truncate(1 << 40)

    result = granted.after(act)
    assert granted.files() == {}
    assert "over the quota" in result.refused[0].reason


def test_a_hole_within_the_quota_stays_a_hole(granted: Granted) -> None:
    def act(root: Path) -> None:
        with (root / "hole").open("wb") as file:
            file.seek(8 * MIB)
            file.write(b"end")
            file.truncate(10 * MIB)

    granted.after(act)
    made = (granted.path / "hole").stat()
    assert made.st_size == 10 * MIB
    assert made.st_blocks * 512 < MIB
    assert (granted.path / "hole").read_bytes()[8 * MIB :].rstrip(b"\0") == b"end"


def test_too_many_names_are_over_the_quota(granted: Granted) -> None:
    def act(root: Path) -> None:
        for number in range(20):
            (root / str(number)).touch()

    result = granted.after(act, files=10)
    assert granted.files() == {}
    assert "over the quota" in result.refused[0].reason


def test_a_deep_tree_of_long_names_is_over_the_quota(granted: Granted, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred thousand paths of sixteen thousand characters made six gigabytes of memory outside every limit."""

    def act(root: Path) -> None:
        os.chdir(root)
        for _ in range(60):
            os.mkdir("d" * 250)  # noqa: PTH102 -- the whole path is longer than the kernel takes
            os.chdir("d" * 250)
        for number in range(10):
            os.close(os.open(f"{number}", os.O_CREAT))

    monkeypatch.setattr(layer, "CHARACTERS", 500_000)
    assert "longer names" in granted.after(act).refused[0].reason
    assert granted.files() == {}


def test_a_tree_deeper_than_any_stack_is_refused_and_not_an_accident(granted: Granted) -> None:
    def act(root: Path) -> None:
        os.chdir(root)
        for _ in range(2000):
            Path("d").mkdir()
            os.chdir("d")

    result = granted.after(act)
    assert "too deep" in {entry.reason for entry in result.refused}


def test_a_deep_tree_of_the_host_is_not_half_deleted(granted: Granted) -> None:
    here = Path.cwd()
    top = granted.path / "top"
    top.mkdir()
    os.chdir(top)
    try:
        for _ in range(400):
            Path("d").mkdir()
            os.chdir("d")
    finally:
        os.chdir(here)
    result = granted.after(lambda root: subprocess.run(["rm", "-rf", root / "top"], check=True) and None)  # noqa: S607 -- coreutils
    assert reasons(result) == {"top": "too deep"}
    assert (top / "d").exists()


def test_unreadable_files_and_folders_of_the_target_are_read_all_the_same(granted: Granted) -> None:
    def act(root: Path) -> None:
        (root / "folder").mkdir()
        (root / "folder/file").write_text("x")
        (root / "folder/file").chmod(0)
        (root / "folder").chmod(0)

    granted.after(act)
    assert stat.S_IMODE((granted.path / "folder").stat().st_mode) & 0o077 == 0
    (granted.path / "folder/file").chmod(0o600)
    assert granted.files() == {"folder/file": b"x"}


@pytest.mark.parametrize("mode", [0o400, 0o200, 0o100, 0])
def test_a_folder_that_cannot_be_searched_is_read_by_an_ordinary_user_too(tmp_path: Path, mode: int) -> None:
    """Root may always look; an ordinary caller that may not ended without a word of what was written."""
    upper, child = tmp_path / "upper", os.fork()
    if child == 0:
        code = 1
        try:
            (upper / "folder").mkdir(parents=True)
            (upper / "folder" / "file").write_text("x")
            descriptor = os.open(upper, os.O_RDONLY | os.O_DIRECTORY)
            (upper / "folder").chmod(mode)
            upper.chmod(mode)
            if os.geteuid() == 0:
                for path in (upper, upper / "folder", upper / "folder" / "file"):
                    os.chown(path, 65534, 65534)
                for path in (tmp_path, *tmp_path.parents[:2]):
                    path.chmod(0o755)
                os.setgroups([])
                os.setresgid(65534, 65534, 65534)
                os.setresuid(65534, 65534, 65534)
            code = [change.path for change in changes(descriptor).applied] != ["folder", "folder/file"]
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
    upper.chmod(0o700)


def test_modes_lose_what_the_umask_takes(granted: Granted) -> None:
    def act(root: Path) -> None:
        (root / "script").write_text("x")
        (root / "script").chmod(0o777)

    granted.after(act)
    made = (granted.path / "script").stat()
    assert stat.S_IMODE(made.st_mode) == 0o755
    assert (made.st_uid, made.st_gid) == (os.geteuid(), os.getegid())


def test_a_folder_swapped_for_a_link_on_the_host_leads_nowhere(granted: Granted, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (granted.path / "d").mkdir()
    layer = granted.layer(lambda root: (root / "d/evil").write_text("x") and None)
    (granted.path / "d").rmdir()
    (granted.path / "d").symlink_to(outside)
    result = granted.out(layer)
    assert list(outside.iterdir()) == []
    assert "evil" in reasons(result) or result.committed


def test_a_race_for_a_folder_is_never_won(granted: Granted, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (granted.path / "d").mkdir()

    def act(root: Path) -> None:
        for number in range(300):
            (root / f"d/{number}").write_text("x")

    layer = granted.layer(act)
    over = threading.Event()

    def swap() -> None:
        link = tmp_path / "link"
        while not over.is_set():
            link.symlink_to(outside)
            os.rename(granted.path / "d", tmp_path / "aside")  # noqa: PTH104 -- as fast as it goes
            os.rename(link, granted.path / "d")  # noqa: PTH104 -- likewise
            (granted.path / "d").unlink(missing_ok=True)
            if (granted.path / "d").exists():
                shutil.rmtree(granted.path / "d")
            os.rename(tmp_path / "aside", granted.path / "d")  # noqa: PTH104 -- likewise

    def guarded() -> None:
        while not over.is_set():
            try:
                swap()
            except OSError:
                shutil.rmtree(tmp_path / "aside", ignore_errors=True)
                (tmp_path / "link").unlink(missing_ok=True)
                (granted.path / "d").mkdir(exist_ok=True)

    thread = threading.Thread(target=guarded)
    thread.start()
    try:
        granted.out(layer)
    finally:
        over.set()
        thread.join()
    assert list(outside.iterdir()) == []


def test_a_name_in_the_place_of_a_link_replaces_the_link_and_not_its_target(granted: Granted, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("untouched")
    (granted.path / "out").symlink_to(victim)

    def act(root: Path) -> None:
        (root / "out").unlink()
        (root / "out").write_text("mine")

    granted.after(act)
    assert victim.read_text() == "untouched"
    assert not (granted.path / "out").is_symlink()
    assert (granted.path / "out").read_text() == "mine"


def test_nothing_temporary_is_left(granted: Granted) -> None:
    granted.after(lambda root: (root / "a").write_text("x") and None)
    assert [path.name for path in granted.path.iterdir()] == ["a"]


def test_changes_are_listed_without_being_made(granted: Granted) -> None:
    (granted.path / "gone").write_text("x")

    def act(root: Path) -> None:
        (root / "gone").unlink()
        (root / "d").mkdir()
        (root / "d/new").write_text("12345")

    layer = granted.layer(act)
    listed = changes(layer.upper)
    assert [(change.path, change.kind, change.size) for change in listed.applied] == [
        ("d", Kind.DIRECTORY, 0),
        ("d/new", Kind.FILE, 5),
        ("gone", Kind.DELETED, 0),
    ]
    os.close(layer.upper)
    os.close(layer.target)
    assert granted.files() == {"gone": b"x"}


def single(tmp_path: Path, content: str, limit: int = MIB) -> CommitLayer:
    (tmp_path / "copy").write_text(content)
    path = tmp_path / "data.db"
    write = Write(str(path), WriteMode.COMMIT, limit, directory=False)
    return CommitLayer(write, os.open(tmp_path / "copy", os.O_RDWR), os.open(path, os.O_PATH))


def test_a_single_granted_file_is_replaced_and_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "data.db"
    path.write_text("before")
    path.chmod(0o640)
    assert commit(single(tmp_path, "after")).committed == (str(path),)
    assert path.read_text() == "after"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["copy", "data.db"]


def test_a_single_file_that_did_not_change_is_not_written(tmp_path: Path) -> None:
    (tmp_path / "data.db").write_text("same")
    before = (tmp_path / "data.db").stat()
    assert commit(single(tmp_path, "same")) == Committed()
    after = (tmp_path / "data.db").stat()
    assert (after.st_ino, after.st_mtime_ns, after.st_ctime_ns) == (
        before.st_ino,
        before.st_mtime_ns,
        before.st_ctime_ns,
    )


def test_a_single_file_exchanged_on_the_host_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "data.db"
    path.write_text("before")
    layer = single(tmp_path, "after")
    path.unlink()
    victim = tmp_path / "victim"
    victim.write_text("victim")
    path.symlink_to(victim)
    assert "another file took its place" in commit(layer).refused[0].reason
    assert victim.read_text() == "victim"


def test_a_single_file_has_a_quota(tmp_path: Path) -> None:
    (tmp_path / "data.db").write_text("before")
    assert "over the quota" in commit(single(tmp_path, "x" * 100, limit=10)).refused[0].reason
    assert (tmp_path / "data.db").read_text() == "before"


NAMES = st.sampled_from(["a", "b", "c"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
STEPS = st.lists(
    st.tuples(st.sampled_from(["write", "mkdir", "delete", "rmtree", "rename", "chmod"]), PATHS, PATHS), max_size=12
)


def perform(root: Path, steps: list[tuple[str, str, str]]) -> None:
    """Do what can be done of the steps; what cannot fails the same way in both trees."""
    for number, (what, one, two) in enumerate(steps):
        here, there = root / one, root / two
        try:
            match what:
                case "write":
                    here.write_text(f"{number}")
                case "mkdir":
                    here.mkdir()
                case "delete":
                    here.unlink()
                case "rmtree":
                    shutil.rmtree(here)
                case "rename" if not here.is_dir():  # overlayfs answers EXDEV for directories of the lower layer
                    here.rename(there)
                case _ if here.is_file():
                    here.chmod(0o600 if number % 2 else 0o644)
        except OSError as error:
            assert error.errno != errno.EIO  # noqa: PT017 -- every other failure is part of the law


def tree(root: Path) -> dict[str, tuple[bytes | None, int]]:
    return {
        str(path.relative_to(root)): (path.read_bytes() if path.is_file() else None, stat.S_IMODE(path.stat().st_mode))
        for path in root.rglob("*")
    }


@settings(max_examples=60)
@given(before=STEPS, during=STEPS)
def test_copying_out_does_to_the_host_what_was_done_to_the_overlay(
    tmp_path: Path, before: list[tuple[str, str, str]], during: list[tuple[str, str, str]]
) -> None:
    for name in ("plain", "granted", "space"):
        shutil.rmtree(tmp_path / name, ignore_errors=True)
    (tmp_path / "plain").mkdir()
    granted = Granted(tmp_path)
    old = os.umask(UMASK)
    try:
        for root in (tmp_path / "plain", granted.path):
            perform(root, before)
        perform(tmp_path / "plain", during)
    finally:
        os.umask(old)
    result = granted.after(lambda root: perform(root, during))
    assert result.refused == ()
    assert tree(granted.path) == tree(tmp_path / "plain")
