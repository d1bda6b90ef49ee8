"""What this host has of what the vm backend needs: QEMU, a kernel that can be read, and the modules of that kernel."""
# ruff: noqa: PTH110, PTH208 -- a path stays the string that was found

import os
import platform
import subprocess
from collections.abc import Iterator
from pathlib import Path

from casemate.model.dataclass import dataclass
from casemate.model.errors import Refused

QEMU = "qemu-system-x86_64"
FOLDERS = ("/usr/bin", "/usr/local/bin")
INSTALL = "apt-get install --no-install-recommends qemu-system-x86 linux-image-amd64"
KERNELS = (("/boot", "vmlinuz-{}"), ("/lib/modules/{}", "vmlinuz"))  # Debian and most others; Fedora
NEEDED = ("virtio_pci", "virtio_console", "9pnet_virtio", "9p")
ENDS = (".ko", ".ko.xz", ".ko.gz", ".ko.zst")


@dataclass(frozen=True, slots=True)
class Kernel:
    """A kernel of this host: its release, its image, and the files of its modules in the order of loading."""

    release: str
    image: str
    modules: tuple[str, ...]


def qemu() -> str:
    """Give the path of QEMU. Raises Refused where there is none, or not for this architecture."""
    if platform.machine() != "x86_64":
        raise Refused(f"this backend knows guests of x86-64 only, not of {platform.machine()}")
    for folder in FOLDERS:
        if os.access(f"{folder}/{QEMU}", os.X_OK):
            return os.path.realpath(f"{folder}/{QEMU}")
    raise Refused(f"{QEMU} is not installed")


def version(path: str) -> str:
    """Ask QEMU for its version. Raises Refused where it does not start."""
    try:
        asked = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=20, check=True)  # noqa: S603 -- found in the folders above
    except (OSError, subprocess.SubprocessError) as error:
        raise Refused(f"{path} does not start: {error}") from None
    return asked.stdout.split("\n")[0].removeprefix("QEMU emulator version ").partition(" ")[0]


def kernel(boot: str = "/boot", modules: str = "/lib/modules") -> Kernel:
    """Give the newest kernel of this host that a guest can be made of. Raises Refused with the reason for each."""
    reasons = list[str]()
    for release in _releases(modules):
        try:
            return _kernel(release, boot, f"{modules}/{release}")
        except Refused as refused:
            reasons.append(f"{release}: {refused}")
    raise Refused("; ".join(reasons) or "no kernel with modules is installed (/boot/vmlinuz-*, /lib/modules/*)")


def _releases(modules: str) -> list[str]:
    """Name the kernels of this host, newest first."""
    try:
        names = os.listdir(modules)
    except OSError:
        return []
    return sorted(names, key=lambda name: [int(part) if part.isdigit() else -1 for part in _parts(name)], reverse=True)


def _parts(release: str) -> list[str]:
    return release.replace("-", ".").replace("+", ".").split(".")


def _kernel(release: str, boot: str, modules: str) -> Kernel:
    image = next((path for path in (f"{boot}/vmlinuz-{release}", f"{modules}/vmlinuz") if os.path.exists(path)), "")
    if not image:
        raise Refused("its image is not there (vmlinuz)")
    if not os.access(image, os.R_OK):
        raise Refused(f"{image} may be read by root only; an administrator can: chmod 0644 {image}")
    try:
        return Kernel(release, os.path.realpath(image), tuple(_order(Path(modules))))
    except OSError as error:
        raise Refused(f"its modules cannot be read: {error}") from None


def _order(folder: Path) -> Iterator[str]:
    """Yield the modules that a guest needs, each after those that it needs itself: modules.dep(5)."""
    lines = (line.partition(":") for line in (folder / "modules.dep").read_text().splitlines())
    needs = {name: (path, others.split()) for path, _, others in lines if (name := _name(path)) in NEEDED}
    built_in = {_name(line) for line in (folder / "modules.builtin").read_text().splitlines()}
    given = dict[str, None]()
    for name in NEEDED:
        if name in built_in:
            continue
        if name not in needs:
            raise Refused(f"it has no module {name}")
        given |= dict.fromkeys([*reversed(needs[name][1]), needs[name][0]])
    for path in given:
        if not os.access(folder / path, os.R_OK):
            raise Refused(f"{folder / path} cannot be read")
        yield str(folder / path)


def _name(path: str) -> str:
    name = path.rpartition("/")[2]
    for end in ENDS:
        name = name.removesuffix(end)
    return name.replace("-", "_")
