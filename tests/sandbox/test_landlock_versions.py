"""Every version of Landlock: nothing is asked that an older kernel does not know, and the table tells what it lacks.

The rights of each version are those of landlock(7) and Documentation/userspace-api/landlock.rst, once more.
"""

import struct
from collections.abc import Iterator

import pytest
from confining import EMPTY, confined, probe

from casemate.sandbox.native import Native, landlock, layers, names
from casemate.sandbox.native import kernel as k

FILES = {1: 0x1FFF, 2: 0x3FFF, 3: 0x7FFF, 4: 0x7FFF, 5: 0xFFFF, 6: 0xFFFF, 7: 0xFFFF, 8: 0xFFFF}
PORTS = {version: 0 if version < 4 else 3 for version in FILES}
SCOPES = {version: 0 if version < 6 else 3 for version in FILES}
SIZE = {version: 8 if version < 4 else 16 if version < 6 else 24 for version in FILES}  # struct landlock_ruleset_attr
HERE = landlock.abi()
LACKS = {  # the class that says "single layer" on kernels before this version, and the layer that is left
    "fs.write.truncate": (3, names.MOUNT),
    "proc.signal.kill": (6, names.PID),
}
LESS = {"net.connect.tcp": (4, names.LANDLOCK_NET), "fs.dev.control": (5, names.IOCTL)}


@pytest.fixture(params=range(8))
def version(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Be a kernel of this version; 0 has none."""
    number = int(request.param)
    if number > HERE:
        from tests.conftest import require  # noqa: PLC0415 -- only here

        require(f"Landlock ABI {number}", there=False)
    monkeypatch.setattr(landlock, "abi", lambda: number)
    layers.of_this_host.cache_clear()
    yield number
    layers.of_this_host.cache_clear()


@pytest.mark.parametrize("version", FILES)
def test_nothing_is_asked_that_a_kernel_does_not_know(version: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A newer structure must be 0 where an older kernel knows nothing: E2BIG; an unknown right is EINVAL."""
    told = list[tuple[bytes, int]]()

    def call(_name: str, _number: int, attributes: bytes, size: int, _flags: int) -> int:
        told.append((attributes, size))
        return -1

    monkeypatch.setattr(k, "call", call)
    landlock.made(*landlock.asked(version))
    ((attributes, size),) = told
    handled, ports, scoped = struct.unpack("QQQ", attributes)
    assert (handled, ports, scoped) == (FILES[version], PORTS[version], SCOPES[version])
    assert size <= SIZE[version]
    assert not any(attributes[size:])


def test_the_table_tells_what_a_version_lacks(version: int) -> None:
    rows = {part.name: part.layers for entry in Native().coverage(EMPTY) for part in entry.classes}
    for name, (since, left) in LACKS.items():
        assert (rows[name] == (left,)) is (version < since), name
    for name, (since, layer) in LESS.items():
        assert (layer in rows[name]) is (version >= since), name
    assert (names.LANDLOCK in rows["fs.read.content"]) is (version > 0)


def test_a_run_stands_on_each_version(version: int) -> None:
    """With each of them, what is not granted is still withheld, and what is granted works."""
    assert confined("print(len(open(__import__('os').__file__).read()) > 0)").out == "True\n"
    for act in (
        "open('/etc/shadow')",
        "open('/usr/lib/x', 'w')",
        "os.truncate('/usr/lib/os-release', 0)",
        "os.kill(-1, 0)",
    ):
        assert "refused" in confined(probe(act)).out, (version, act)


def test_without_truncate_and_devices_landlock_asks_less() -> None:
    both = frozenset({names.TRUNCATE, names.IOCTL})
    assert landlock.asked(7, both)[0] == landlock.asked(2)[0]
    assert landlock.asked(7, frozenset({names.LANDLOCK_NET, names.SCOPES})) == (FILES[7], 0, 0)
