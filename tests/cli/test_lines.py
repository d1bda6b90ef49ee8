"""Lines for the report are read from regular files only, and never more than fits."""

import os
from pathlib import Path

import pytest

from casemate.cli.lines import LARGEST, Lines


def test_lines_are_counted_as_python_counts_them(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_bytes(b"\xef\xbb\xbfone\r\ntwo\rthree\x0cstill three\n\xff\n")
    read = Lines()
    assert [read(str(path), line) for line in range(-1, 7)] == [
        *(None, None, "one", "two", "three\x0cstill three", "\\xff", "", None)
    ]


@pytest.mark.parametrize("kind", ["missing", "folder", "pipe", "link", "large", "nul"])
def test_anything_else_has_no_lines(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    match kind:
        case "folder":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
        case "link":
            (tmp_path / "secret").write_text("secret\n", encoding="utf-8")
            path.symlink_to("secret")
        case "large":
            with path.open("wb") as file:
                file.truncate(LARGEST + 1)
        case "nul":
            path = Path("a\0b.py")
        case _:
            pass
    assert Lines()(str(path), 1) is None


def test_many_files_are_not_all_kept(tmp_path: Path) -> None:
    read = Lines()
    for number in range(40):
        path = tmp_path / f"{number}.py"
        path.write_text(f"x = {number}\n", encoding="utf-8")
        assert read(str(path), 1) == f"x = {number}"
    assert len(read._files) <= 8  # noqa: SLF001 -- the bound is what is tested
