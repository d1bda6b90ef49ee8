"""A layout gives the one image that is for this machine, or says what is wrong with it."""

import json
import os
import platform
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.layouts import HERE, INDEX, LAYER, MANIFEST, Layout, archive, file, layout

from casemate.model.errors import InputError
from casemate.readers.images.layout import Stored, read
from casemate.readers.images.mark import is_layout

OTHER = {"os": "linux", "architecture": "riscv64"}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["manifests", "mediaType", "digest", "size", "platform", "os"]), inner)
    ),
    max_leaves=12,
)


def stored(path: Path) -> Stored:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        return read(descriptor, platform.machine())
    finally:
        os.close(descriptor)


def wrong(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        stored(path)
    return str(caught.value)


@pytest.fixture
def made(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "layout")


def test_an_image_is_named_by_its_manifest_and_has_its_layers_and_variables(made: Layout) -> None:
    manifest = made.manifest(archive(file("a")), archive(file("b")))
    found = stored(made.done(manifest))
    assert f"sha256:{found.digest}" == manifest["digest"]
    assert [layer.packed for layer in found.layers] == ["gzip", "gzip"]
    assert found.environment == {"COLOUR": "red"}
    assert is_layout(str(made.folder))


def test_a_folder_without_the_mark_is_no_layout(tmp_path: Path) -> None:
    assert not is_layout(str(tmp_path))
    assert wrong(tmp_path) == "oci-layout: No such file or directory"


def test_the_image_of_this_machine_is_taken_from_among_others(made: Layout) -> None:
    ours = made.manifest(archive(file("a")), platform=HERE)
    theirs = made.manifest(archive(file("b")), config=OTHER, platform=OTHER)
    about = made.json({}, "application/vnd.in-toto+json")
    inner = made.json({"schemaVersion": 2, "manifests": [theirs, ours, ours, about]}, INDEX)
    assert f"sha256:{stored(made.done(inner)).digest}" == ours["digest"]


@pytest.mark.parametrize("said", [{"platform": OTHER}, {}], ids=["by the index", "by the configuration alone"])
def test_an_image_for_another_machine_is_refused(made: Layout, said: Mapping[str, object]) -> None:
    theirs = made.manifest(archive(file("a")), config=OTHER, **said)
    assert "no image in it is for linux/" in (words := wrong(made.done(theirs)))
    assert "(there is: linux/riscv64)" in words


def test_an_image_that_says_it_is_for_this_machine_and_is_not_is_refused(made: Layout) -> None:
    assert "riscv64" in wrong(made.done(made.manifest(archive(file("a")), config=OTHER, platform=HERE)))


def test_which_of_two_images_is_meant_is_not_guessed(made: Layout) -> None:
    two = made.manifest(archive(file("a"))), made.manifest(archive(file("b")))
    assert wrong(made.done(*two)).startswith("2 images are for linux/")


def test_what_is_no_image_is_none(made: Layout) -> None:
    artifact = made.json({"schemaVersion": 2, "config": made.blob(b"{}", "application/x"), "layers": []}, MANIFEST)
    assert "no image in it" in wrong(made.done(artifact))


def test_indexes_in_each_other_are_followed_to_a_depth(made: Layout) -> None:
    inner = made.manifest(archive(file("a")))
    for _ in range(4):
        inner = made.json({"schemaVersion": 2, "manifests": [inner]}, INDEX)
    assert stored(made.done(inner)).layers
    inner = made.json({"schemaVersion": 2, "manifests": [inner]}, INDEX)
    assert wrong(made.done(inner)).endswith("more than 4 indexes in each other")


def test_an_index_that_stands_in_itself_ends(made: Layout) -> None:
    """No file can hold its own digest; one that claims to is not what its descriptor says."""
    inner = made.json({"schemaVersion": 2, "manifests": []}, INDEX)
    made.path(inner).write_text(json.dumps({"schemaVersion": 2, "manifests": [inner]}))
    assert "its descriptor says" in wrong(made.done(inner))


def test_an_index_named_a_thousand_times_is_read_once(made: Layout) -> None:
    inner = made.json({"schemaVersion": 2, "manifests": [made.manifest(archive(file("a")))]}, INDEX)
    for _ in range(3):
        inner = made.json({"schemaVersion": 2, "manifests": [inner] * 1000}, INDEX)
    assert stored(made.done(inner)).layers


def test_more_manifests_than_anybody_has_are_refused(made: Layout) -> None:
    many = [{"mediaType": MANIFEST, "digest": f"sha256:{number:064x}", "size": 2} for number in range(1001)]
    assert wrong(made.done(*many)) == "index.json: more than 1000 manifests"


@pytest.mark.parametrize("which", ["manifest", "config"])
def test_a_blob_is_what_its_digest_says(made: Layout, which: str) -> None:
    manifest = made.manifest(archive(file("a")))
    blob = manifest if which == "manifest" else json.loads(made.path(manifest).read_text())["config"]
    content = made.path(blob).read_bytes()
    made.path(blob).write_bytes(content.replace(b"layers", b"LAYERS"))
    assert wrong(made.done(manifest)).endswith("its bytes have another digest")
    made.path(blob).write_bytes(content + b" ")
    assert wrong(made.done(manifest)).endswith(f"{len(content) + 1} bytes, and its descriptor says {len(content)}")


def test_a_blob_is_opened_through_no_link(made: Layout, tmp_path: Path) -> None:
    manifest = made.manifest(archive(file("a")))
    path = made.path(manifest)
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    assert "Too many levels of symbolic links" in wrong(made.done(manifest))
    path.unlink()
    (tmp_path / "elsewhere").rename(path)
    (made.folder / "blobs").rename(tmp_path / "blobs")
    (made.folder / "blobs").symlink_to(tmp_path / "blobs")
    assert "Not a directory" in wrong(made.folder)


def test_a_pipe_is_no_blob_and_nobody_waits_for_it(made: Layout) -> None:
    manifest = made.manifest(archive(file("a")))
    made.path(manifest).unlink()
    os.mkfifo(made.path(manifest))
    assert wrong(made.done(manifest)).endswith("not a regular file")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"urls": ["https://example.com/layer"]}, "lies elsewhere (urls): nothing is fetched"),
        ({"mediaType": f"{LAYER}+gzip+encrypted"}, "it is encrypted"),
        ({"mediaType": "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"}, "known are"),
        ({"mediaType": "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"}, "known are"),
        ({"digest": "sha512:" + "a" * 128}, "only sha256 is known"),
        ({"digest": "sha256:../../../../etc/passwd"}, "only sha256 is known"),
        ({"digest": "sha256:" + "A" * 64}, "only sha256 is known"),
        ({"size": -1}, "only sha256 is known"),
        ({"size": True}, "not a number"),
        ({"size": None}, "a descriptor is expected"),
    ],
)
def test_a_layer_that_cannot_be_had_is_refused_by_what_it_is(
    made: Layout, changes: Mapping[str, object], says: str
) -> None:
    layer = {**made.blob(archive(file("a")), f"{LAYER}+gzip"), **changes}
    assert says in wrong(made.done(made.manifest(archive(file("a")), layers=[layer])))


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"rootfs": {"type": "layers", "diff_ids": []}}, "1 layers, 0 diff_ids"),
        ({"rootfs": {"type": "layers", "diff_ids": ["sha256:1"]}}, "of a layer: only sha256 is known"),
        ({"rootfs": None}, "rootfs: not a table"),
        ({"os": 1}, "platform: not str"),
        ({"config": {"Env": ["no pair"]}}, "is no NAME=VALUE"),
        ({"config": {"Env": ["A=\0"]}}, "is no NAME=VALUE"),
        ({"config": {"Env": 1}}, "not a list"),
        ({"config": 1}, "not a table"),
    ],
)
def test_a_configuration_that_is_none_is_refused(made: Layout, config: Mapping[str, object], says: str) -> None:
    assert says in wrong(made.done(made.manifest(archive(file("a")), config=config)))


def test_more_layers_than_a_runtime_takes_are_refused(made: Layout) -> None:
    assert "129 layers" in wrong(made.done(made.manifest(*[archive(file("a"))] * 129)))


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{",
        '{"manifests": 1}',
        '{"manifests": [1]}',
        '{"a": 1, "a": 2}',
        "[" * 100_000,
        "1" * 10_000,
        '"\\ud800',
    ],
)
def test_an_index_that_is_none_is_refused(made: Layout, content: str) -> None:
    (made.folder / "index.json").write_text(content)
    assert wrong(made.folder).startswith("index.json: ")


def test_a_large_index_is_not_read(made: Layout) -> None:
    made.write("index.json", {"schemaVersion": 2, "manifests": [], "annotations": {"x": "x" * (4 << 20)}})
    assert wrong(made.folder) == "index.json: more than 4194304 bytes"


def test_another_version_of_layouts_is_refused(made: Layout) -> None:
    made.write("oci-layout", {"imageLayoutVersion": "2.0.0"})
    assert wrong(made.folder) == "oci-layout: version '2.0.0' is not known"


@given(JSON)
def test_no_index_makes_anything_but_an_image_or_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, value: object
) -> None:
    made = Layout(tmp_path_factory.mktemp("layout") / "layout")
    made.write("index.json", value)
    assert wrong(made.folder)


def test_a_layer_need_not_be_packed(tmp_path: Path) -> None:
    (layer,) = stored(layout(tmp_path / "layout", archive(file("a")), packed="")).layers
    assert layer.packed == ""
    assert layer.unpacked == layer.blob.digest
