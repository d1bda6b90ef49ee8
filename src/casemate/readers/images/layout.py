"""An OCI image layout: the image in it that is for this machine, and the blobs that this image is made of.

OCI Image Format Specification 1.1: image-layout.md, image-index.md, manifest.md, config.md. Whoever wrote it is not
trusted: every blob is opened through no link, and is what its descriptor says, by size and digest, before it is read.
"""

import json
import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from typing import TypeVar

from casemate.model.checked import Plain, items, number, one, table
from casemate.model.dataclass import dataclass
from casemate.model.errors import InputError
from casemate.readers.images.mark import MARK

MOST_JSON = 4 << 20  # bytes of an index, a manifest or a configuration
MOST_MANIFESTS = 1000  # that are looked at
MOST_LAYERS = 128
DEPTH = 4  # of indexes in indexes
INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
PACKED: Mapping[str, str] = {LAYER: "", f"{LAYER}+gzip": "gzip", f"{LAYER}+zstd": "zstd"}
MACHINES: Mapping[str, str] = {"x86_64": "amd64", "aarch64": "arm64"}  # uname(2) → GOARCH
DIGEST = re.compile(r"sha256:([0-9a-f]{64})")
VARIABLE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=([^\0]*)")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Blob:
    """What a descriptor says of a file of the layout: its media type, the hex digits of its SHA-256, its bytes."""

    media: str
    digest: str
    size: int


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer: how it is packed ("", gzip, zstd), and the SHA-256 of the tar archive that it is unpacked."""

    blob: Blob
    packed: str
    unpacked: str


@dataclass(frozen=True, slots=True)
class Stored:
    """An image: the digest of its manifest, which stands for all of it, its layers from below, its variables."""

    digest: str
    layers: tuple[Layer, ...]
    environment: Mapping[str, str]


def read(folder: int, machine: str) -> Stored:
    """Give the one image for a machine, as uname(2) calls it, of the layout at a descriptor. Raises InputError."""
    mark = _json(_whole(folder, (MARK,)), MARK)
    version = _field(mark, "imageLayoutVersion", lambda value: one(value, str), MARK)
    if not version.startswith("1."):
        raise InputError(f"{MARK}: version {version!r} is not known")
    index = _json(_whole(folder, ("index.json",)), "index.json")
    wanted = f"linux/{MACHINES.get(machine, machine)}"
    manifests, others = dict[str, Blob](), dict[str, None]()
    for blob, platform in _manifests(folder, index, "index.json", set(), 0):
        if platform in ("", wanted):
            manifests[blob.digest] = blob
        else:
            others[platform] = None
        if len(manifests) + len(others) > MOST_MANIFESTS:
            raise InputError(f"index.json: more than {MOST_MANIFESTS} manifests")
    found = list[Stored]()
    for blob in manifests.values():
        stored, platform = _image(folder, blob)
        if platform == wanted:
            found.append(stored)
        else:
            others[platform] = None
    if len(found) > 1:
        raise InputError(f"{len(found)} images are for {wanted}: copy the one that is meant to a layout of its own")
    if not found:
        there = f" (there is: {', '.join(others)})" if others else ""
        raise InputError(f"no image in it is for {wanted}{there}")
    return found[0]


def open_blob(folder: int, blob: Blob) -> int:
    """Open a blob, whose size is as announced; its digest is still to be compared. Raises InputError."""
    descriptor = _open(folder, ("blobs", "sha256", blob.digest))
    if (size := os.fstat(descriptor).st_size) != blob.size:
        os.close(descriptor)
        raise InputError(f"blob {blob.digest}: {size} bytes, and its descriptor says {blob.size}")
    return descriptor


def _open(folder: int, path: tuple[str, ...]) -> int:
    """Open a regular file of the layout through no link. Raises InputError."""
    name, here = "/".join(path), folder
    try:
        for part in path:
            last = part == path[-1]
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | (0 if last else os.O_DIRECTORY)
            deeper = os.open(part, flags, dir_fd=here)
            if here != folder:
                os.close(here)
            here = deeper
    except OSError as error:
        if here != folder:
            os.close(here)
        raise InputError(f"{name}: {error.strerror}") from None
    if not stat.S_ISREG(os.fstat(here).st_mode):
        os.close(here)
        raise InputError(f"{name}: not a regular file")
    return here


def _whole(folder: int, path: tuple[str, ...], blob: Blob | None = None) -> bytes:
    """Read a small file, which is what its descriptor says where it has one. Raises InputError."""
    descriptor = _open(folder, path) if blob is None else open_blob(folder, blob)
    with open(descriptor, "rb") as file:  # noqa: PTH123 -- a descriptor
        content = file.read(MOST_JSON + 1)
    if len(content) > MOST_JSON:
        raise InputError(f"{path[-1]}: more than {MOST_JSON} bytes")
    if blob is not None and sha256(content).hexdigest() != blob.digest:
        raise InputError(f"blob {blob.digest}: its bytes have another digest")
    return content


def _blob(folder: int, blob: Blob) -> Mapping[str, Plain]:
    return _json(_whole(folder, (blob.digest,), blob), f"blob {blob.digest}")


def _json(content: bytes, name: str) -> Mapping[str, Plain]:
    """Read an object in which no key is there twice. Raises InputError."""
    try:
        return table(json.loads(content, object_pairs_hook=_without_repetition))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{name}: {error}") from None


def _without_repetition(pairs: list[tuple[str, Plain]]) -> dict[str, Plain]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is there twice")
    return found


def _field(of: Mapping[str, Plain], key: str, read: Callable[[Plain], T], name: str) -> T:
    """Read a field. Raises InputError."""
    try:
        return read(of.get(key))
    except ValueError as error:
        raise InputError(f"{name}: {key}: {error}") from None


def _descriptor(value: Plain, name: str) -> Blob:
    """Read a descriptor (descriptor.md). Raises InputError."""
    try:
        said = table(value)
        media, digest, size = one(said.get("mediaType"), str), one(said.get("digest"), str), number(said.get("size"))
    except ValueError as error:
        raise InputError(f"{name}: a descriptor is expected: {error}") from None
    known = DIGEST.fullmatch(digest)
    if known is None or size < 0:
        raise InputError(f"{name}: {digest!r} of {size} bytes: only sha256 is known")
    if said.get("urls"):
        raise InputError(f"{name}: {digest} lies elsewhere (urls): nothing is fetched")
    return Blob(media, known[1], size)


def _manifests(
    folder: int, index: Mapping[str, Plain], name: str, seen: set[str], depth: int
) -> Iterator[tuple[Blob, str]]:
    """Yield the manifests of an index and of those in it, with the platform that it says; what is unknown is none."""
    for value in _field(index, "manifests", items, name):
        blob = _descriptor(value, name)
        if blob.media == MANIFEST:
            said = table(value)
            yield blob, _platform(_field(said, "platform", table, name), name) if "platform" in said else ""
        elif blob.media == INDEX and blob.digest not in seen:
            if depth == DEPTH:
                raise InputError(f"{name}: more than {DEPTH} indexes in each other")
            seen.add(blob.digest)
            yield from _manifests(folder, _blob(folder, blob), f"blob {blob.digest}", seen, depth + 1)


def _platform(said: Mapping[str, Plain], name: str) -> str:
    try:
        return f"{one(said.get('os'), str)}/{one(said.get('architecture'), str)}"
    except ValueError as error:
        raise InputError(f"{name}: platform: {error}") from None


def _image(folder: int, blob: Blob) -> tuple[Stored, str]:
    """Read a manifest and the configuration of its image; give the platform too. Raises InputError."""
    name, manifest = f"blob {blob.digest}", _blob(folder, blob)
    if manifest.get("schemaVersion") != 2:
        raise InputError(f"{name}: schemaVersion: 2 is expected")
    config = _descriptor(manifest.get("config"), name)
    if config.media != CONFIG:
        return Stored(blob.digest, (), {}), config.media  # another kind of artifact
    said, of = _blob(folder, config), f"blob {config.digest}"
    platform = _platform(said, of)
    layers = [_descriptor(value, name) for value in _field(manifest, "layers", items, name)]
    digests = _field(_field(said, "rootfs", table, of), "diff_ids", items, of)
    if len(layers) > MOST_LAYERS or len(layers) != len(digests):
        raise InputError(f"{name}: {len(layers)} layers, {len(digests)} diff_ids: as many of both, up to {MOST_LAYERS}")
    made = tuple(_layer(layer, digest, name) for layer, digest in zip(layers, digests, strict=True))
    return Stored(blob.digest, made, dict(_environment(said, of))), platform


def _layer(blob: Blob, digest: Plain, name: str) -> Layer:
    if blob.media not in PACKED:
        why = "it is encrypted" if blob.media.endswith("+encrypted") else f"known are {', '.join(PACKED)}"
        raise InputError(f"{name}: a layer is {blob.media!r}: {why}")
    known = DIGEST.fullmatch(digest) if isinstance(digest, str) else None
    if known is None:
        raise InputError(f"{name}: {digest!r} of a layer: only sha256 is known")
    return Layer(blob, PACKED[blob.media], known[1])


def _environment(config: Mapping[str, Plain], name: str) -> Iterator[tuple[str, str]]:
    """Yield the variables of a configuration."""
    told = config.get("config")
    values = None if told is None else _field(config, "config", table, name).get("Env")
    for value in () if values is None else _field({"Env": values}, "Env", items, name):
        pair = VARIABLE.fullmatch(value) if isinstance(value, str) else None
        if pair is None:
            raise InputError(f"{name}: Env: {value!r} is no NAME=VALUE")
        yield pair[1], pair[2]
