"""Code that is in no granted file: written to memory, made executable, executed by descriptor or by the loader.

`python -c` droppers with memfd_create and execveat; the dynamic loader as a way past a rule on execve; a program made
writable through /proc/self/mem.
"""

import platform
from pathlib import Path

import pytest
from confining import PREFIX, confined, only_outside, outside, policy, probe

from casemate.model.capability import Capability
from casemate.model.policy import Grant, WriteMode

LOADER = next(
    (path for path in ("/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1") if Path(path).exists()), ""
)
BIN = tuple(Grant(kind, "/usr/bin") for kind in (Capability.FS_READ, Capability.NATIVE_EXT))


def test_memory_that_is_writable_and_executable() -> None:
    only_outside("import mmap; mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)")


@pytest.mark.parametrize("nr", [(10, 226), (329, 288)], ids=["mprotect", "pkey_mprotect"])
def test_memory_that_becomes_executable(nr: tuple[int, int]) -> None:
    act = f"""
    import mmap
    memory = mmap.mmap(-1, 4096)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    syscall({nr[0]}, {nr[1]}, address, 4096, 5, -1)
    """
    only_outside(act)


def test_memory_that_was_executable_and_becomes_writable() -> None:
    act = "import mmap; mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_EXEC)"
    only_outside(act)


def test_shared_memory_mapped_executable() -> None:
    act = "number = syscall(29, 194, 0, 4096, 0o1777)\nsyscall(30, 196, number, 0, 0o100000)"
    assert "refused" in confined(probe(act)).out


@pytest.mark.parametrize("place", ["/tmp", "/home/casemate", "/dev/shm"])  # noqa: S108 -- the private ones
def test_a_written_file_mapped_executable(place: str) -> None:
    act = f"""
    import mmap
    with open('{place}/casemate-code', 'wb+') as file:
        file.write(bytes(4096)); file.flush()
        mmap.mmap(file.fileno(), 4096, prot=mmap.PROT_READ | mmap.PROT_EXEC, flags=mmap.MAP_PRIVATE)
    """
    assert "refused PermissionError" in confined(probe(act)).out


def test_a_written_library(tmp_path: Path) -> None:
    """A write grant never holds native code: native.ext withheld."""
    library = next(Path("/usr/lib").rglob("libz.so.1*"), None) or next(PREFIX.rglob("*.so"))
    copy = f"{tmp_path}/x.so"
    act = f"import shutil; shutil.copy({str(library)!r}, {copy!r}); ctypes.CDLL({copy!r})"
    only_outside(act, policy(Grant(Capability.FS_WRITE, str(tmp_path), mode=WriteMode.COMMIT)))


def test_a_program_in_memory() -> None:
    act = """
    number = os.memfd_create('x')
    os.write(number, open(sys.executable, 'rb').read())
    pid = os.fork()
    if pid == 0:
        try: os.execve(number, ['x', '-I', '-S', '-c', '0'], {})
        finally: os._exit(9)
    assert os.waitpid(pid, 0)[1] == 0
    """
    only_outside(act)
    wx = policy(Grant(Capability.NATIVE_WX, ""), Grant(Capability.PROC_SPAWN, "/bin/true"))
    assert "refused" in confined(probe(act), wx).out


@pytest.mark.parametrize("how", ["execv", "posix_spawn", "system", "loader", "script", "by descriptor", "itself"])
def test_a_second_program(how: str) -> None:
    """The empty policy lets a program neither start another one nor itself again."""
    child = "pid = os.fork()\nif pid == 0:\n  try: {}\n  finally: os._exit(9)"
    acts = {
        "execv": child.format("os.execv('/usr/bin/true', ['true'])"),
        "posix_spawn": "pid = os.posix_spawn('/usr/bin/true', ['true'], {})",
        "system": "assert os.system('true') == 0; pid = 0",
        "loader": f"pid = os.posix_spawn({LOADER!r}, ['ld', '/usr/bin/true'], {{}})",
        "script": "import tempfile; name = tempfile.mkdtemp() + '/s'; open(name, 'w').write('#!/bin/sh\\n'); "
        "os.chmod(name, 0o755); pid = os.posix_spawn(name, ['s'], {})",
        "by descriptor": child.format("os.execve(os.open('/usr/bin/true', 0), ['true'], {})"),
        "itself": "pid = os.posix_spawn(sys.executable, ['python', '-I', '-S', '-c', '0'], {})",
    }
    script = probe(acts[how] + "\nassert not pid or os.waitpid(pid, 0)[1] == 0")
    assert outside(script).splitlines()[-1] == "done"
    for granted in (policy(), policy(*BIN)):
        result = confined(script, granted)
        assert "done" not in result.out, result


def test_a_granted_program_is_the_only_one() -> None:
    true = str(Path("/usr/bin/true").resolve())
    granted = policy(*BIN, Grant(Capability.PROC_SPAWN, true))
    script = "import subprocess; print(subprocess.run([{0!r}]).returncode)"
    assert confined(script.format(true), granted).out == "0\n"
    other = confined(script.format(str(Path("/usr/bin/id").resolve())), granted)
    assert "PermissionError" in other.err


def test_the_address_of_the_first_execve_cannot_be_reused() -> None:
    """The filter knows the first execve by three addresses; they are free again inside, but nobody there knows them."""
    act = "syscall(59, 221, ctypes.c_char_p(b'/usr/bin/true'), 0, 0)"
    assert "refused PermissionError 1 " in confined(probe(act), policy(*BIN)).out


def test_granted_writable_executable_memory_works() -> None:
    act = "import mmap; mmap.mmap(-1, 4096, prot=7)"
    assert confined(probe(act), policy(Grant(Capability.NATIVE_WX, ""))).out == "done\n"


@pytest.mark.skipif(platform.machine() != "x86_64", reason="another entry exists on x86 only")
def test_another_entry_into_the_kernel_kills() -> None:
    """Filters that compare numbers only: x32 (numbers from 0x40000000) and int 0x80 have numbers of their own."""
    result = confined(probe("syscall(0x40000000 | 39, 0)"))
    assert result.code == 128 + 31 or "refused" in result.out  # SIGSYS, or ENOSYS on a kernel without x32
    code = """
    import mmap
    memory = mmap.mmap(-1, 4096, prot=7)
    memory.write(bytes.fromhex('b814000000cd80c3'))  # mov eax, 20 (getpid); int 0x80; ret
    function = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(memory)))
    assert function() == os.getpid()
    """
    result = confined(probe(code), policy(Grant(Capability.NATIVE_WX, "")))
    assert result.code == 128 + 31, result
