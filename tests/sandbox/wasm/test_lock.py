"""What is put into the guest belongs to the runtime: where it changes, the runtime has to be installed anew."""

import tomllib
from hashlib import sha256
from pathlib import Path

from casemate.sandbox.wasm.parts import HERE

MODULES = ("wasm/guest.py", "waiting.py", "wasm/prepare.py")


def test_the_lock_knows_our_own_modules_of_the_guest() -> None:
    content = b"".join((Path(HERE).parent / name).read_bytes() for name in MODULES)
    lock = tomllib.loads((Path(HERE) / "lock.toml").read_text(encoding="utf-8"))
    assert lock["ours"] == sha256(content).hexdigest(), "write this hash into lock.toml and install the runtime again"
