"""The guest that is kept: whole or made anew, where only the caller writes, of parts that are known."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from casemate.model.errors import Refused
from casemate.sandbox.vm import host, image
from casemate.sandbox.vm.closure import closure
from casemate.sandbox.vm.cpio import Archive
from casemate.sandbox.vm.vector import Machine

MACHINE = Machine("/bin/true", "/bin/true", "", "tcg", 1 << 20)
KERNEL = host.Kernel("6.1", "/bin/true", ())


@pytest.fixture
def kept(tmp_path: Path) -> image.Kept:
    made = image.place(KERNEL, MACHINE, str(tmp_path / "cache"))
    for name in (image.STATE, image.INITRD, image.VERSION):
        Path(made.file(name)).write_bytes(name.encode() * 1000)
    with Path(made.file(image.MEMORY)).open("wb") as file:
        file.truncate(1 << 20)
        os.pwrite(file.fileno(), b"memory", 300_000)
        os.pwrite(file.fileno(), bytes(100_000), 600_000)
    image.finish(made)
    return made


def test_what_was_put_aside_is_whole_and_has_holes_where_it_is_zero(kept: image.Kept) -> None:
    assert image.is_whole(kept)
    memory = Path(kept.file(image.MEMORY))
    assert memory.stat().st_size == 1 << 20
    assert memory.stat().st_blocks * 512 <= 8192
    assert memory.read_bytes()[300_000:300_006] == b"memory"
    assert {path.stat().st_mode & 0o077 for path in (memory, Path(kept.file(image.SEAL)))} == {0}


@pytest.mark.parametrize("name", [*image.SEALED, image.SEAL])
@pytest.mark.parametrize("damage", ["a bit", "the end", "all"])
def test_damage_is_seen(kept: image.Kept, name: str, damage: str) -> None:
    path = Path(kept.file(name))
    data = bytearray(path.read_bytes())
    if damage == "a bit":
        data[300_001 if name == image.MEMORY else len(data) // 2] ^= 1
        path.write_bytes(data)
    elif damage == "the end":
        path.write_bytes(data[:-1])
    else:
        path.unlink()
    assert not image.is_whole(kept)


def test_a_folder_in_which_others_write_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    with pytest.raises(Refused, match="only you may be able to write there"):
        image.place(KERNEL, MACHINE, str(tmp_path))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a folder away")
def test_a_folder_that_somebody_else_could_exchange_is_refused(tmp_path: Path) -> None:
    """Who owns a folder renames what lies in it, whoever that belongs to: rename(2)."""
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    os.chown(theirs, 1001, 1001)
    with pytest.raises(Refused, match=f"{theirs}: others can exchange what is kept there; set XDG_CACHE_HOME"):
        image.place(KERNEL, MACHINE, str(theirs / "casemate" / "vm"))
    assert list(theirs.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a folder away")
def test_a_folder_in_one_of_a_group_of_others_is_refused(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    os.chown(shared, 0, 1001)
    shared.chmod(0o775)
    with pytest.raises(Refused, match=f"{shared}: others can exchange what is kept there"):
        image.place(KERNEL, MACHINE, str(shared / "vm"))


def test_a_folder_in_one_that_is_everybody_s_is_refused_unless_only_owners_rename_there(tmp_path: Path) -> None:
    everybody = tmp_path / "everybody"
    everybody.mkdir()
    everybody.chmod(0o777)
    with pytest.raises(Refused, match="others can exchange"):
        image.place(KERNEL, MACHINE, str(everybody / "vm"))
    everybody.chmod(0o1777)
    assert image.place(KERNEL, MACHINE, str(everybody / "vm")).folder.startswith(f"{everybody}/vm/")


def test_a_link_of_somebody_s_is_followed_once(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    assert image.place(KERNEL, MACHINE, str(tmp_path / "link" / "vm")).folder.startswith(f"{tmp_path}/real/vm/")


def test_without_a_home_nothing_is_kept() -> None:
    with pytest.raises(Refused, match="HOME is not set"):
        image.top({})


def test_another_kernel_of_the_same_name_is_another_guest(tmp_path: Path) -> None:
    boot = tmp_path / "vmlinuz"
    boot.write_bytes(b"one")
    places = str(tmp_path)
    first = image.place(host.Kernel("6.1", str(boot), ()), MACHINE, places).folder
    boot.write_bytes(b"other")
    assert image.place(host.Kernel("6.1", str(boot), ()), MACHINE, places).folder != first


def test_old_guests_are_thrown_away(tmp_path: Path) -> None:
    made = image.place(KERNEL, MACHINE, str(tmp_path))
    for number in range(10):
        old = Path(made.folder).parent / f"old{number}"
        old.mkdir()
        os.utime(old, (number, number))
    image.sweep(made)
    left = sorted(path.name for path in Path(made.folder).parent.iterdir())
    assert left == sorted([Path(made.folder).name, *(f"old{number}" for number in range(5, 10))])


def test_what_the_loader_needs_of_an_executable_is_all_that_is_taken(tmp_path: Path) -> None:
    python = Path(sys.executable).resolve()
    cut = tmp_path / "python"
    cut.write_bytes(image._loaded_part(python.read_bytes()))  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] -- what is tested
    cut.chmod(0o755)
    environment = {"PYTHONHOME": sys.base_prefix, "LD_LIBRARY_PATH": f"{sys.base_prefix}/lib"}
    done = subprocess.run(
        [cut, "-S", "-c", "print(6 * 7)"], env=environment, capture_output=True, check=True, text=True
    )
    assert done.stdout == "42\n"
    assert image._loaded_part(b"#!/bin/sh\n") == b"#!/bin/sh\n"  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] -- likewise


def test_the_init_of_the_guest_finds_all_that_it_imports_in_what_is_packed(tmp_path: Path) -> None:
    for name, path in closure((image.AGENT,), image.OURS).items():
        folder = tmp_path / name.replace(".", "/")
        empty = name in image.files_of.EMPTY
        target = folder / "__init__.py" if path.name == "__init__.py" else folder.parent / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(b"" if empty else path.read_bytes())
    code = f"import sys; sys.path[:] = [{str(tmp_path)!r}]; import {image.AGENT}; print(sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert image.AGENT in done.stdout


def test_an_archive_is_what_cpio_describes() -> None:
    archive = Archive()
    archive.file("/a/b/file", b"text", 0o644)
    archive.file("/a/b/file", b"again")
    archive.link("/a/link", "b/file")
    archive.folder("/empty")
    data = archive.finished()
    entries, at = dict[str, tuple[int, bytes]](), 0
    while at < len(data):
        fields = [int(data[at + 6 + 8 * index : at + 14 + 8 * index], 16) for index in range(13)]
        name = data[at + 110 : at + 109 + fields[11]].decode()
        start = -(-(at + 110 + fields[11]) // 4) * 4
        entries[name] = fields[1], data[start : start + fields[6]]
        at = -(-(start + fields[6]) // 4) * 4
    assert entries == {
        "a": (0o040755, b""),
        "a/b": (0o040755, b""),
        "a/b/file": (0o100644, b"text"),
        "a/link": (0o120777, b"b/file"),
        "empty": (0o040755, b""),
        "TRAILER!!!": (0, b""),
    }
