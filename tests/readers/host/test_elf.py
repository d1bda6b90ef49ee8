import os
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from casemate.readers.host import elf
from casemate.readers.host.libraries import beside, system_libraries

BINARY = Path(sys.executable).resolve()


def test_a_python_names_its_loader_and_its_libraries() -> None:
    found = elf.read(str(BINARY))
    assert found is not None
    assert found.machine in ("x86_64", "aarch64")
    assert Path(found.loader).exists()
    assert any(name.startswith("libc.so") for name in found.needed)


def test_a_script_is_no_elf_file(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"#!/bin/sh\n")
    assert elf.read(str(tmp_path / "x")) is None


def test_a_pipe_is_no_elf_file_and_nobody_waits_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert elf.read(str(tmp_path / "pipe")) is None


def test_the_libraries_of_the_system_are_there() -> None:
    found = elf.read(str(BINARY))
    assert found is not None
    names = [Path(folder, "libc.so.6") for folder in system_libraries(found.machine)]
    assert any(path.exists() for path in names)


def test_a_library_beside_the_file_is_found_by_origin(tmp_path: Path) -> None:
    found = elf.Elf("x86_64", "", ("libx.so.1", "libc.so.6"), ("$ORIGIN/../lib",))
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib/libx.so.1").touch()
    (tmp_path / "bin").mkdir()
    assert beside(str(tmp_path / "bin/x"), found) == (str(tmp_path / "lib/libx.so.1"),)


@settings(max_examples=80)
@given(st.lists(st.tuples(st.integers(4, 4096), st.binary(min_size=1, max_size=8)), min_size=1, max_size=4))
def test_a_damaged_file_is_called_damaged(
    tmp_path_factory: pytest.TempPathFactory, damage: list[tuple[int, bytes]]
) -> None:
    content = bytearray(BINARY.read_bytes()[: 1 << 16])
    for place, replacement in damage:
        content[place : place + len(replacement)] = replacement
    assert read_or_damaged(tmp_path_factory.getbasetemp() / "damaged", bytes(content))


@given(st.binary(max_size=200))
def test_random_bytes_raise_nothing_else(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    assert read_or_damaged(tmp_path_factory.getbasetemp() / "random", b"\x7fELF\x02\x01" + content)


def read_or_damaged(path: Path, content: bytes) -> object:
    path.write_bytes(content)
    try:
        return elf.read(str(path))
    except elf.DamagedError as error:
        return error
