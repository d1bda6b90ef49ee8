"""Writes OCI image layouts, good ones and hostile ones."""

import gzip
import hashlib
import io
import json
import platform
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
HERE = {"os": "linux", "architecture": {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]}
Json = dict[str, object]


class Layout:
    """A layout that is being written."""

    def __init__(self, folder: Path) -> None:
        """Begin one in a folder that is not there yet."""
        self.folder = folder
        (folder / "blobs/sha256").mkdir(parents=True)
        self.write("oci-layout", {"imageLayoutVersion": "1.0.0"})
        self.index: list[Json] = []

    def write(self, name: str, value: object) -> None:
        (self.folder / name).write_text(json.dumps(value))

    def path(self, descriptor: Mapping[str, object]) -> Path:
        return self.folder / str(descriptor["digest"]).replace(":", "/").replace("sha256", "blobs/sha256")

    def blob(self, content: bytes, media: str, **more: object) -> Json:
        digest = hashlib.sha256(content).hexdigest()
        (self.folder / "blobs/sha256" / digest).write_bytes(content)
        return {"mediaType": media, "digest": f"sha256:{digest}", "size": len(content), **more}

    def json(self, value: object, media: str, **more: object) -> Json:
        return self.blob(json.dumps(value).encode(), media, **more)

    def manifest(
        self,
        *archives: bytes,
        config: Mapping[str, object] | None = None,
        layers: Sequence[Mapping[str, object]] | None = None,
        packed: str = "gzip",
        **more: object,
    ) -> Json:
        """Store an image of these archives; what is named is put in the place of what would be written."""
        said: Json = {
            **HERE,
            "config": {"Env": ["COLOUR=red"]},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(a).hexdigest()}" for a in archives]},
            **(config or {}),
        }
        if layers is None:
            squeeze = gzip.compress if packed == "gzip" else bytes
            layers = [self.blob(squeeze(a), f"{LAYER}{'+' if packed else ''}{packed}") for a in archives]
        value = {"schemaVersion": 2, "mediaType": MANIFEST, "config": self.json(said, CONFIG), "layers": layers}
        return self.json(value, MANIFEST, **more)

    def done(self, *manifests: Mapping[str, object]) -> Path:
        """Write the index."""
        self.write("index.json", {"schemaVersion": 2, "manifests": manifests})
        return self.folder


def layout(folder: Path, *archives: bytes, **options: str) -> Path:
    """Write a layout of one image with these layers."""
    made = Layout(folder)
    return made.done(made.manifest(*archives, packed=options.get("packed", "gzip")))


def archive(*members: tuple[tarfile.TarInfo, bytes] | tarfile.TarInfo, pax: Mapping[str, str] | None = None) -> bytes:
    """Make a tar archive."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.PAX_FORMAT, pax_headers=pax) as tar:
        for member in members:
            info, content = member if isinstance(member, tuple) else (member, b"")
            info.size = len(content) or info.size
            tar.addfile(info, io.BytesIO(content))
    return made.getvalue()


def entry(name: str, kind: bytes = tarfile.REGTYPE, **fields: object) -> tarfile.TarInfo:
    """Make the header of an entry."""
    made = tarfile.TarInfo(name)
    made.type, made.mode = kind, 0o755
    for field, value in fields.items():
        setattr(made, field, value)
    return made


def file(name: str, content: bytes = b"x", **fields: object) -> tuple[tarfile.TarInfo, bytes]:
    return entry(name, **fields), content


def folder(name: str, **fields: object) -> tarfile.TarInfo:
    return entry(name, tarfile.DIRTYPE, **fields)


def link(name: str, text: str) -> tarfile.TarInfo:
    return entry(name, tarfile.SYMTYPE, linkname=text)


def hard_link(name: str, source: str) -> tarfile.TarInfo:
    return entry(name, tarfile.LNKTYPE, linkname=source)


def of_a_folder(root: Path) -> bytes:
    """Make an archive of what lies in a folder."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        tar.add(root, ".")
    return made.getvalue()
