"""Layers are put one over the other, and nothing that a layer says leads out of the folder."""

import gzip
import hashlib
import os
import platform
from importlib.util import find_spec
from pathlib import Path

import pytest
from tests.layouts import LAYER, Layout, archive, entry, file, folder, hard_link, layout, link

from casemate.model.errors import InputError
from casemate.readers.images.layout import read
from casemate.services.images.unpack import unpack


def unpacked(path: Path, **limits: int) -> Path:
    """Unpack the image of a layout beside it."""
    root = path.parent / f"{path.name}-root"
    root.mkdir()
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        unpack(descriptor, read(descriptor, platform.machine()), root, **limits)
    finally:
        os.close(descriptor)
    return root


def wrong(path: Path, **limits: int) -> str:
    with pytest.raises(InputError) as caught:
        unpacked(path, **limits)
    return str(caught.value)


def names(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*"))


@pytest.mark.parametrize("packed", ["", "gzip"])
def test_files_folders_and_links_are_as_the_layer_says(tmp_path: Path, packed: str) -> None:
    made = archive(folder("a", mode=0o711), file("a/b", b"text", mode=0o4751, mtime=5), link("c", "/etc/shadow"))
    root = unpacked(layout(tmp_path / "layout", made, packed=packed))
    assert names(root) == ["a", "a/b", "c"]
    assert (root / "a/b").read_bytes() == b"text"
    assert (root / "a/b").stat().st_mode & 0o7777 == 0o751
    assert (root / "a/b").stat().st_mtime == 5
    assert (root / "a").stat().st_mode & 0o7777 == 0o711
    assert (root / "c").readlink() == Path("/etc/shadow")


def test_folders_that_no_entry_names_are_made(tmp_path: Path) -> None:
    assert names(unpacked(layout(tmp_path / "layout", archive(file("a/b/c"))))) == ["a", "a/b", "a/b/c"]


def test_what_cannot_be_read_or_thrown_away_can(tmp_path: Path) -> None:
    root = unpacked(layout(tmp_path / "layout", archive(folder("a", mode=0), file("a/b", mode=0))))
    assert (root / "a").stat().st_mode & 0o777 == 0o700
    assert (root / "a/b").stat().st_mode & 0o777 == 0o400


def test_a_later_layer_wins(tmp_path: Path) -> None:
    below = archive(file("a", b"old"), folder("b"), file("b/c"), link("d", "b"), file("e"), folder("f"), file("f/g"))
    above = archive(file("a", b"new"), file("b", b"a file now"), folder("d"), file("d/x"), link("e", "a"), folder("f"))
    root = unpacked(layout(tmp_path / "layout", below, above))
    assert names(root) == ["a", "b", "d", "d/x", "e", "f", "f/g"]
    assert (root / "a").read_bytes() == b"new"
    assert (root / "b").read_bytes() == b"a file now"
    assert not (root / "d").is_symlink()
    assert (root / "e").is_symlink()


def test_a_file_that_is_replaced_does_not_change_under_its_other_name(tmp_path: Path) -> None:
    root = unpacked(layout(tmp_path / "l", archive(file("a", b"1"), hard_link("b", "a")), archive(file("a", b"2"))))
    assert ((root / "a").read_bytes(), (root / "b").read_bytes()) == (b"2", b"1")


def test_whiteouts_take_away_what_lower_layers_have_and_nothing_of_their_own(tmp_path: Path) -> None:
    below = archive(file("a"), file("b/c"), file("b/d/e"), file("f/g"), link("h", "f"))
    above = archive(file("b/new"), file("b/.wh..wh..opq", b""), file(".wh.a", b""), file("a", b"again"),
                    file(".wh.h", b""), file(".wh.never-there", b""), file("no/such/.wh.folder", b""))  # fmt: skip
    root = unpacked(layout(tmp_path / "layout", below, above))
    assert names(root) == ["a", "b", "b/new", "f", "f/g"]
    assert (root / "a").read_bytes() == b"again"


def test_an_opaque_root_hides_everything(tmp_path: Path) -> None:
    root = unpacked(
        layout(tmp_path / "l", archive(file("a/b"), file("c")), archive(file(".wh..wh..opq", b""), file("d")))
    )
    assert names(root) == ["d"]


@pytest.mark.parametrize(
    "entries",
    [
        [link("out", "{outside}"), file("out/file", b"changed")],
        [link("out", "{outside}"), folder("out/new")],
        [link("out", "{outside}"), link("out/new", "x")],
        [link("out", "{outside}"), hard_link("mine", "out/file")],
        [link("out", "{outside}"), file("x"), hard_link("out/new", "x")],
        [link("up", "../../../../../../../../{outside}"), file("up/file", b"changed")],
        [link("a", "b"), link("b", "{outside}"), file("a/file", b"changed")],
        [folder("d"), link("d/out", "{outside}"), file("d/out/deep/file", b"changed")],
    ],
    ids=lambda entries: " ".join(str(getattr(e, "name", e[0].name if isinstance(e, tuple) else e)) for e in entries),
)
@pytest.mark.parametrize("apart", [False, True], ids=["in one layer", "in layers of their own"])
def test_no_entry_goes_through_a_link(tmp_path: Path, entries: list[object], apart: bool) -> None:  # noqa: FBT001 -- a parameter
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("mine")
    for one in entries:
        if not isinstance(one, tuple):
            one.linkname = one.linkname.replace("{outside}", str(outside))  # type: ignore[attr-defined] -- an entry
    archives = [archive(one) for one in entries] if apart else [archive(*entries)]  # type: ignore[arg-type] -- likewise
    assert "on its way is a link" in wrong(layout(tmp_path / "layout", *archives))
    assert [path.name for path in outside.iterdir()] == ["file"]
    assert (outside / "file").read_text() == "mine"
    assert (outside / "file").stat().st_nlink == 1


@pytest.mark.parametrize("name", ["out/.wh.file", "out/.wh..wh..opq", "out/deep/.wh.file"])
def test_no_whiteout_goes_through_a_link(tmp_path: Path, name: str) -> None:
    outside = tmp_path / "outside"
    (outside / "deep").mkdir(parents=True)
    for path in ("file", "deep/file"):
        (outside / path).write_text("mine")
    below = archive(link("out", str(outside)))
    assert "on its way is a link" in wrong(layout(tmp_path / "layout", below, archive(file(name, b""))))
    assert names(outside) == ["deep", "deep/file", "file"]


def test_a_whiteout_of_a_link_takes_the_link_away(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    root = unpacked(layout(tmp_path / "l", archive(link("out", str(outside))), archive(file(".wh.out", b""))))
    assert names(root) == []
    assert outside.exists()


def test_a_folder_in_the_place_of_a_link_is_a_folder(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    below, above = archive(link("out", str(outside))), archive(folder("out", mode=0o700), file("out/x"))
    root = unpacked(layout(tmp_path / "layout", below, above))
    assert (root / "out/x").read_bytes() == b"x"
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize(
    ("source", "says"),
    [("nothing", "No such file"), ("d", "no regular file"), ("l", "no regular file"), ("h", "No such")],
)
def test_a_hard_link_is_to_a_file_that_is_there(tmp_path: Path, source: str, says: str) -> None:
    made = archive(folder("d"), link("l", "/etc/passwd"), hard_link("h", source))
    assert says in wrong(layout(tmp_path / "layout", made))


@pytest.mark.parametrize(
    "twice",
    [
        [file("a"), file("./a")],
        [file("a"), folder("a")],
        [file(".wh.a", b""), file(".wh.a", b"")],
        [folder("a"), link("a", "/")],
    ],
    ids=["files", "folder", "whiteouts", "link"],
)
def test_a_path_is_there_once_in_a_layer(tmp_path: Path, twice: list[object]) -> None:
    assert "is there twice" in wrong(layout(tmp_path / "layout", archive(*twice)))  # type: ignore[arg-type] -- entries


def test_a_layer_with_another_digest_is_refused_and_nothing_of_it_is_used(tmp_path: Path) -> None:
    made = Layout(tmp_path / "layout")
    good, bad = archive(file("a", b"good")), archive(file("a", b"evil"))
    layer = made.blob(good, LAYER)
    manifest = made.manifest(good, layers=[layer])
    made.path(layer).write_bytes(bad)
    assert "its bytes have another digest" in wrong(made.done(manifest))
    assert names(tmp_path / "layout-root") == []


def test_a_layer_that_is_not_the_one_of_the_configuration_is_refused(tmp_path: Path) -> None:
    made = Layout(tmp_path / "layout")
    layer = made.blob(gzip.compress(archive(file("a", b"evil"))), f"{LAYER}+gzip")
    assert "(diff_ids)" in wrong(made.done(made.manifest(archive(file("a", b"good")), layers=[layer])))
    assert names(tmp_path / "layout-root") == []


@pytest.mark.parametrize(
    "content",
    [b"", b"no gzip", gzip.compress(bytes(2048))[:-6], gzip.compress(bytes(2048)) + b"more", gzip.compress(b"x")[:9]],
    ids=["empty", "other", "cut", "more", "header"],
)
def test_a_layer_that_is_not_packed_as_it_says_is_refused(tmp_path: Path, content: bytes) -> None:
    made = Layout(tmp_path / "layout")
    layer = made.blob(content, f"{LAYER}+gzip")
    said = wrong(made.done(made.manifest(bytes(2048), layers=[layer])))
    assert "not gzip" in said or "diff_ids" in said


def test_a_layer_packed_in_several_parts_is_one(tmp_path: Path) -> None:
    made, whole = Layout(tmp_path / "layout"), archive(file("a", b"in parts"))
    layer = made.blob(gzip.compress(whole[:700]) + gzip.compress(whole[700:]), f"{LAYER}+gzip")
    root = unpacked(made.done(made.manifest(whole, layers=[layer])))
    assert (root / "a").read_bytes() == b"in parts"


@pytest.mark.skipif(find_spec("compression") is not None, reason="this Python has zstd")
def test_zstd_is_refused_by_its_name_where_python_cannot_read_it(tmp_path: Path) -> None:
    made = Layout(tmp_path / "layout")
    layer = made.blob(b"\x28\xb5\x2f\xfd", f"{LAYER}+zstd")
    assert "packed with zstd" in wrong(made.done(made.manifest(archive(file("a")), layers=[layer])))


def test_a_layer_that_grows_without_end_is_refused(tmp_path: Path) -> None:
    large = archive(file("zeros", bytes(70 << 20)))
    assert f"more than {64 << 20} bytes" in wrong(layout(tmp_path / "layout", large))
    assert names(tmp_path / "layout-root") == []


def test_all_layers_together_have_a_size(tmp_path: Path) -> None:
    layers = [archive(file(name, os.urandom(1 << 20))) for name in "abc"]
    assert "bytes when it is unpacked" in wrong(layout(tmp_path / "layout", *layers), most_bytes=3 << 20)


def test_all_layers_together_have_so_many_entries(tmp_path: Path) -> None:
    layers = [archive(file(f"{name}1"), file(f"{name}2")) for name in "ab"]
    assert "more entries than the 1 that are left" in wrong(layout(tmp_path / "layout", *layers), most_entries=3)


def test_a_name_that_this_host_cannot_have_is_an_error_with_a_sentence(tmp_path: Path) -> None:
    assert "File name too long" in wrong(layout(tmp_path / "layout", archive(file("x" * 300))))


def test_a_very_deep_tree_can_be_unpacked_and_taken_away(tmp_path: Path) -> None:
    deep = "/".join("d" * 254)
    root = unpacked(layout(tmp_path / "layout", archive(file(f"{deep}/x")), archive(file(".wh.d", b""))))
    assert names(root) == []


def test_an_empty_layer_is_one(tmp_path: Path) -> None:
    assert names(unpacked(layout(tmp_path / "layout", bytes(1024), archive(file("a"))))) == ["a"]


def test_digests_are_those_of_the_bytes(tmp_path: Path) -> None:
    """What the helper writes is what others would: a layer is known by the digest of its archive."""
    made = Layout(tmp_path / "layout")
    whole = archive(entry("a"))
    assert made.blob(whole, LAYER)["digest"] == f"sha256:{hashlib.sha256(whole).hexdigest()}"
