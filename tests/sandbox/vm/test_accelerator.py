"""Whether guests are translated, and why: what is noted, and what a machine that does not start with KVM leads to."""

import os
import stat
import subprocess
from pathlib import Path

import pytest
from tests.conftest import COMMAND, require
from tests.sandbox.vm.test_vm import HURRY

from casemate.sandbox.vm import accelerator, image
from casemate.sandbox.vm.backend import Vm

KVM = Path("/dev/kvm")


def test_a_failure_is_noted_until_the_next_boot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    device = tmp_path / "device"
    device.write_bytes(b"")
    device.chmod(0o666)
    monkeypatch.setattr(accelerator, "DEVICE", str(device))
    assert accelerator.why_not(str(tmp_path)) == ""
    accelerator.note(str(tmp_path), "no guest starts with it here")
    assert accelerator.why_not(str(tmp_path)) == "no guest starts with it here"
    note = tmp_path / accelerator.NOTE
    note.write_text(note.read_text().replace(Path(accelerator.BOOT).read_text().strip(), "another boot"))
    assert accelerator.why_not(str(tmp_path)) == ""
    note.write_text("{")
    assert accelerator.why_not(str(tmp_path)) == ""


def test_a_device_that_is_not_there_or_not_for_everybody_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = tmp_path / "device"
    monkeypatch.setattr(accelerator, "DEVICE", str(device))
    assert accelerator.why_not(str(tmp_path)) == "there is no /dev/kvm"
    device.write_bytes(b"")
    device.chmod(0)
    assert "/dev/kvm" in accelerator.why_not(str(tmp_path))


def test_only_guests_that_the_processor_runs_are_a_boundary() -> None:
    backend = Vm()
    runtime = backend.runtime()
    require(f"vm: {runtime.why_not}", there=runtime.available)
    translated = bool(accelerator.why_not(image.top(dict(os.environ))))
    assert (runtime.assured, "TCG" in runtime.residual[0]) == (not translated, translated)


@pytest.mark.skipif(os.geteuid() != 0 or not KVM.exists(), reason="only root may open /dev/kvm to everybody")
@pytest.mark.usefixtures("machine")
def test_where_no_guest_starts_with_kvm_in_time_it_is_translated(tmp_path: Path) -> None:
    """The device is given to everybody in a mount namespace of this test's own."""
    node = tmp_path / "kvm"
    number = KVM.stat().st_rdev
    os.mknod(node, stat.S_IFCHR | 0o666, number)
    node.chmod(0o666)
    python = Path(COMMAND).with_name("python")
    words = ["/usr/bin/unshare", "-m", "sh", "-c", f'mount --bind {node} {KVM} && exec "$@"', "sh", python, "-c", HURRY]
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    done = subprocess.run(words, capture_output=True, text=True, env=environment, check=True, timeout=120)
    assert "vm: no guest starts with KVM here; it is translated (TCG), and so until the next boot" in done.stderr
    assert done.stdout.startswith("125 vm: the guest could not be started"), done.stdout
    assert (tmp_path / "casemate" / "vm" / accelerator.NOTE).exists()
