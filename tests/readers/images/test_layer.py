"""Each entry of a layer is one that a layer may have, or the layer is refused by what is wrong with it."""

import io
import tarfile
from collections.abc import Iterable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.layouts import archive, entry, file, folder, hard_link, link

from casemate.model.errors import InputError
from casemate.readers.images.layer import Entry, Kind, entries

GOOD = archive(folder("./"), folder("a/"), file("a/b", b"xyz", mtime=7.9), link("c", "/a/b"), hard_link("d", "./a/b"))


def found(content: bytes) -> list[Entry]:
    return list(entries(io.BytesIO(content), len(content)))


def wrong(content: bytes) -> str:
    with pytest.raises(InputError) as caught:
        found(content)
    return str(caught.value)


def kinds(made: Iterable[Entry]) -> list[tuple[Kind, str]]:
    return [(entry.kind, "/".join(entry.path)) for entry in made]


def test_what_a_layer_holds() -> None:
    made = found(GOOD)
    assert kinds(made) == [(Kind.FOLDER, "a"), (Kind.FILE, "a/b"), (Kind.LINK, "c"), (Kind.HARD_LINK, "d")]
    there = made[1]
    assert GOOD[there.offset : there.offset + there.size] == b"xyz"
    assert there.changed == 7
    assert made[2].text == "/a/b"
    assert made[3].source == ("a", "b")


def test_privileges_are_no_part_of_a_mode() -> None:
    assert [entry.mode for entry in found(archive(file("a", mode=0o7755), folder("b", mode=0o1777)))] == [0o755, 0o777]


def test_whiteouts_name_what_is_gone() -> None:
    made = found(archive(file("a/.wh.b", b""), file("a/.wh..wh..opq", b""), file(".wh..wh..opq", b"")))
    assert kinds(made) == [(Kind.GONE, "a/b"), (Kind.EMPTY, "a"), (Kind.EMPTY, "")]


@pytest.mark.parametrize(
    ("member", "says"),
    [
        (file("/etc/passwd"), "leads out of the image"),
        (file("../x"), "leads out of the image"),
        (file("a/../../x"), "leads out of the image"),
        (hard_link("a", "/etc/shadow"), "leads out of the image"),
        (hard_link("a", "../etc/shadow"), "leads out of the image"),
        (hard_link("a", "."), "a hard link to the root"),
        (file("./"), "no name"),
        (link("a", ""), "empty, too long"),
        (link("a", "x" * 4096), "empty, too long"),
        (file("x/" * 256 + "y"), "more than 255 folders"),
        (file("x" * 5000), "empty, too long"),
        (entry("null", tarfile.CHRTYPE, devmajor=1, devminor=3), "a device"),
        (entry("disk", tarfile.BLKTYPE, devmajor=8), "a device"),
        (entry("whiteout", tarfile.CHRTYPE), "a device"),
        (entry("pipe", tarfile.FIFOTYPE), "a named pipe"),
        (entry("what", b"Z"), "of no known type"),
        (file(".wh."), "a whiteout of nothing"),
        (file(".wh.."), "a whiteout of nothing"),
        (file("a/.wh..."), "a whiteout of nothing"),
        (file(".wh..wh.plnk"), "a whiteout of nothing"),
        (file(".wh.a/b"), "a whiteout is no folder"),
    ],
)
def test_what_no_layer_has_is_refused(member: tarfile.TarInfo, says: str) -> None:
    assert says in wrong(archive(member))


@pytest.mark.parametrize("key", ["path", "linkpath"])
def test_a_name_that_holds_a_nul_is_refused(key: str) -> None:
    assert "holds a NUL" in wrong(archive(link("a", "b"), pax={key: "x\0y"}))


def test_a_name_that_is_not_utf_8_is_refused() -> None:
    made = entry("\udcff").tobuf(format=tarfile.GNU_FORMAT, encoding="utf-8", errors="surrogateescape")
    assert wrong(made + bytes(1024)) == "a name that is not UTF-8"


def test_a_sparse_file_is_refused_however_large_it_says_it_is() -> None:
    pax = {
        "GNU.sparse.major": "1",
        "GNU.sparse.minor": "0",
        "GNU.sparse.realsize": str(1 << 50),
        "GNU.sparse.name": "x",
    }
    assert wrong(archive(file("a", b"0\n".ljust(512, b"\0")), pax=pax)) == "'x': a sparse file"
    assert wrong(archive(entry("old", tarfile.GNUTYPE_SPARSE))) == "'old': a sparse file"


def test_a_header_that_says_it_is_huge_is_not_read() -> None:
    huge = entry("x", tarfile.XHDTYPE, size=1 << 33).tobuf(format=tarfile.GNU_FORMAT)
    assert "a header of" in wrong(huge + bytes(1024))
    name = entry("x", tarfile.GNUTYPE_LONGNAME, size=1 << 33).tobuf(format=tarfile.GNU_FORMAT)
    assert "a header of" in wrong(name + bytes(1024))


@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.LNKTYPE, b"Z"])
def test_a_size_below_zero_leads_nowhere(kind: bytes) -> None:
    """CVE-2025-8194: a negative offset, and tarfile went round for ever."""
    header = entry("x", kind, size=-1024, linkname="y").tobuf(format=tarfile.GNU_FORMAT)
    assert wrong(archive(file("a"))[:1024] + header + bytes(1024))


@pytest.mark.parametrize("size", [513, 10_000, 1 << 62])
def test_a_file_does_not_go_on_where_the_archive_ends(size: int) -> None:
    assert "not where they could be" in wrong(entry("x", size=size).tobuf(format=tarfile.GNU_FORMAT) + bytes(512))


def test_headers_upon_headers_end() -> None:
    chain = entry("x", tarfile.GNUTYPE_LONGNAME, size=0).tobuf(format=tarfile.GNU_FORMAT)
    assert wrong(chain * 5000 + bytes(1024))


def test_what_follows_and_is_no_header_is_not_taken_for_the_end() -> None:
    whole = archive(file("a"))
    assert wrong(whole[:1024] + b"?" * 512) == "no header at byte 1024"


@given(st.binary(max_size=2048) | st.integers(0, len(GOOD) - 1).map(lambda end: GOOD[:end]))
def test_no_bytes_make_anything_but_entries_or_a_sentence(content: bytes) -> None:
    _looked_at(content)


@given(st.lists(st.tuples(st.integers(0, 2560), st.integers(0, 255)), min_size=1, max_size=6))
def test_no_change_of_a_good_archive_does_either(changes: list[tuple[int, int]]) -> None:
    content = bytearray(GOOD)
    for place, value in changes:
        content[place] = value
    for at in range(0, len(GOOD), 512):  # a checksum that is right, or nobody would look further
        if content[at : at + 1] != b"\0":
            content[at + 148 : at + 156] = b" " * 8
            content[at + 148 : at + 156] = b"%06o\0 " % sum(content[at : at + 512])
    _looked_at(bytes(content))


def _looked_at(content: bytes) -> None:
    made = list[Entry]()
    with suppress(InputError):
        made += found(content)
    for one in made:
        assert not {"", ".", ".."} & {*one.path, *one.source}
        assert 0 <= one.offset <= one.offset + one.size <= len(content) or not one.size
        assert not one.mode & ~0o777
