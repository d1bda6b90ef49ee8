"""Whether the processor runs guests itself (KVM), or QEMU translates them (TCG), and why not the first.

An openable /dev/kvm is not enough: there are hosts on which it makes a machine, and no kernel starts in that. So the
first guest is tried with KVM for some seconds, and where it does not stand, that is noted until the next boot.
"""
# ruff: noqa: PTH123 -- a path stays the string that was written

import json
import os
import stat

from casemate.sandbox.native import kernel as k
from casemate.sandbox.native import layers

DEVICE = "/dev/kvm"
PATIENCE = 20.0  # seconds for a guest to start with KVM: it takes 2
NOTE, BOOT = "kvm", "/proc/sys/kernel/random/boot_id"
OF_ALL = stat.S_IROTH | stat.S_IWOTH


def why_not(folder: str) -> str:
    """Say why guests are translated here; "" where KVM is to be used. `folder` is where a failure is noted."""
    try:
        mode = os.stat(DEVICE).st_mode  # noqa: PTH116 -- likewise
    except OSError:
        return "there is no /dev/kvm"
    if layers.privileged() and mode & OF_ALL != OF_ALL:
        return "/dev/kvm is for some users only, and a program that root starts is none of them"
    if not os.access(DEVICE, os.R_OK | os.W_OK):
        return "you may not open /dev/kvm"
    try:
        with open(f"{folder}/{NOTE}") as file:
            noted = json.load(file)
    except (OSError, ValueError):
        return ""
    return str(noted["why"]) if noted.get("boot") == k.text(BOOT) else ""


def note(folder: str, why: str) -> None:
    """Note that no guest starts with KVM, until the next boot. Raises OSError."""
    with open(f"{folder}/{NOTE}", "w") as file:
        json.dump({"boot": k.text(BOOT), "why": why}, file)
