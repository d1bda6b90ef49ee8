"""Reading is allowed by default in most sandboxes for agents: anthropic-experimental/sandbox-runtime issues 2 and 10.

Landlock alone leaves stat, readlink and chdir open (landlock(7), and measured for readlink).
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from confining import EMPTY, confined, only_outside, outside, probe
from tests.processes import Started


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may read it outside")
def test_the_shadow_file() -> None:
    only_outside("open('/etc/shadow').read()")


@pytest.mark.parametrize(
    "act",
    ["open({0!r}).read()", "os.stat({0!r})", "os.open({0!r}, os.O_PATH)", "os.listdir(os.path.dirname({0!r}))"],
)
def test_a_file_of_the_caller(secret: Path, act: str) -> None:
    only_outside(act.format(str(secret)))


def test_the_home_directory() -> None:
    home = str(Path.home())
    only_outside(f"assert os.listdir({home!r}) or True; os.chdir({home!r}); assert os.listdir('.')")


def test_the_environment_of_another_process() -> None:
    with Started([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, env={"TOKEN": "abc"}) as other:
        only_outside(f"assert b'TOKEN' in open('/proc/{other.pid}/environ', 'rb').read()")
        other.communicate(b"\n")


def test_a_source_line_in_a_traceback(secret: Path) -> None:
    """GraalPy showed lines of host files through compile(…, "/host/path", …): graalpython 87e4a5db2e."""
    code = f"""
import traceback
try:
    exec(compile("1/0", {str(secret)!r}, "exec"))
except ZeroDivisionError:
    print(traceback.format_exc())
"""
    assert "the secret" in outside(code)
    assert "the secret" not in confined(code).out


@pytest.mark.parametrize("way", ["/proc/self/root", "/proc/1/root", "/proc/self/cwd/../../..", "/dev/fd/../root"])
def test_a_way_around_the_root(secret: Path, way: str) -> None:
    """sandlock#236: /proc/self/root defeats filters on strings."""
    result = confined(probe(f"print(open({way + str(secret)!r}).read())"))
    assert "the secret" not in result.out


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give the host a name")
def test_the_names_of_the_host() -> None:
    """uname(2) tells the host's name and its NIS domain."""
    code = f"""
import ctypes, os, sys
sys.path[:0] = {[str(Path(__file__).parents[2] / "src"), str(Path(__file__).parents[1] / "sandbox")]!r}
from confining import *
libc = ctypes.CDLL(None)
assert libc.unshare(0x4000000) == 0
assert libc.sethostname(b"secret-name", 11) == libc.setdomainname(b"secret-domain", 13) == 0
look = "b = ctypes.create_string_buffer(390); libc.uname(b)"
look += "; print([b.raw[n * 65:][:65].strip(bytes(1)) for n in (1, 5)])"
print(outside(probe(look)), confined(probe(look)).out)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.count("secret-name") == done.stdout.count("secret-domain") == 1, done
    assert "[b'casemate', b'(none)']" in done.stdout


def test_the_devices_are_the_harmless_ones() -> None:
    result = confined("import os; print(sorted(e.name for e in os.scandir('/dev')))", EMPTY)
    assert "Permission" in result.err or set(eval(result.out)) <= {  # noqa: S307 -- a list printed by our own probe
        *("fd", "full", "null", "random", "shm", "stderr", "stdin", "stdout", "urandom", "zero")
    }
    assert "refused" in confined(probe("os.stat('/dev/ptmx')")).out
