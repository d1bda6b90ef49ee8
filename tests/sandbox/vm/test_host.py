"""Which kernel of a host a guest is made of, and why there is none."""

import os
from pathlib import Path

import pytest

from casemate.model.errors import Refused
from casemate.sandbox.vm import host


@pytest.fixture
def places(tmp_path: Path) -> tuple[Path, Path]:
    boot, modules = tmp_path / "boot", tmp_path / "modules"
    boot.mkdir()
    modules.mkdir()
    return boot, modules


def install(
    places: tuple[Path, Path], release: str, *, modules: tuple[str, ...] = host.NEEDED, built_in: str = ""
) -> None:
    boot, top = places
    (boot / f"vmlinuz-{release}").write_bytes(b"kernel")
    folder = top / release
    folder.mkdir()
    (folder / "ring.ko.xz").write_bytes(b"")
    for name in modules:
        (folder / f"{name.replace('_', '-')}.ko").write_bytes(b"")
    lines = [f"{name.replace('_', '-')}.ko: ring.ko.xz" for name in modules]
    (folder / "modules.dep").write_text("\n".join(["ring.ko.xz:", *lines]))
    (folder / "modules.builtin").write_text(built_in)


def find(places: tuple[Path, Path]) -> host.Kernel:
    return host.kernel(str(places[0]), str(places[1]))


def test_the_newest_kernel_is_taken_and_its_modules_come_in_order(places: tuple[Path, Path]) -> None:
    for release in ("6.1.0-9-amd64", "6.1.0-10-amd64", "5.10.0-1-amd64"):
        install(places, release)
    found = find(places)
    assert found.release == "6.1.0-10-amd64"
    assert [Path(path).name for path in found.modules][:2] == ["ring.ko.xz", "virtio-pci.ko"]


def test_a_kernel_without_9p_is_passed_over_for_an_older_one(places: tuple[Path, Path]) -> None:
    install(places, "6.12-cloud", modules=host.NEEDED[:2])
    install(places, "6.1")
    assert find(places).release == "6.1"


def test_what_is_built_in_needs_no_module(places: tuple[Path, Path]) -> None:
    install(places, "6.1", modules=host.NEEDED[1:], built_in=f"kernel/{host.NEEDED[0]}.ko\n")
    assert host.NEEDED[0] not in "".join(find(places).modules)


def test_each_kernel_that_does_not_do_is_named_with_its_reason(places: tuple[Path, Path]) -> None:
    install(places, "6.2", modules=())
    install(places, "6.1")
    (places[0] / "vmlinuz-6.1").unlink()
    with pytest.raises(Refused, match=r"6\.2: it has no module virtio_pci; 6\.1: its image is not there"):
        find(places)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_kernel_that_only_root_may_read_is_named_with_the_remedy(places: tuple[Path, Path]) -> None:
    install(places, "6.1")
    (places[0] / "vmlinuz-6.1").chmod(0)
    with pytest.raises(Refused, match="chmod 0644"):
        find(places)


def test_a_host_without_kernels_says_so(places: tuple[Path, Path]) -> None:
    with pytest.raises(Refused, match="no kernel with modules is installed"):
        find(places)


def test_a_version_is_asked_of_a_qemu_that_starts(tmp_path: Path) -> None:
    false = tmp_path / "qemu"
    false.write_text("#!/bin/sh\necho 'QEMU emulator version 7.2.22 (Debian 1:7.2)'\n")
    false.chmod(0o755)
    assert host.version(str(false)) == "7.2.22"
    false.write_text("#!/bin/sh\nexit 1\n")
    with pytest.raises(Refused, match="does not start"):
        host.version(str(false))
