"""Other programs: started by path, by descriptor, by the loader, by a library that does it on the side."""

from __future__ import annotations

import os
import sys

from .toolkit import Canary, child, must, probe, syscall

PYTHON = os.path.realpath(sys.executable)  # a program that is there on both sides
NOTHING = ["python", "-I", "-S", "-c", "0"]


def ended_well(status: int) -> None:
    """Fail unless the program ran and ended with 0."""
    must(os.WIFEXITED(status) and os.WEXITSTATUS(status) == 0, f"it ended with {status}")


def copied(source: str) -> str:
    """Copy a program into a place of one's own, executable."""
    import shutil
    import tempfile

    path = f"{tempfile.mkdtemp()}/program"
    shutil.copyfile(source, path)
    os.chmod(path, 0o755)
    return path


def in_memory(source: str) -> int:
    """Copy a program into a file that has no name, and give its descriptor."""
    number = syscall("memfd_create", b"x", 0)
    with open(source, "rb") as file:
        left = file.read()
    while left:
        left = left[os.write(number, left) :]
    return number


@probe("proc.spawn.other", "execve(2)")
def execve(canary: Canary) -> None:
    """Start a program of the host in a child."""
    ended_well(child(lambda: os.execv(canary.program, [canary.program])))


@probe("proc.spawn.other", "posix_spawn(3); vladkesler/initrunner#141: an audit hook that did not know it")
def posix_spawn(canary: Canary) -> None:
    """Start a program by posix_spawn."""
    ended_well(os.waitpid(os.posix_spawn(canary.program, [canary.program], {}), 0)[1])


@probe("proc.spawn.other", "python/cpython#115322: fork_exec raised no audit event")
def past_an_audit_hook(canary: Canary) -> None:
    """Start a program past an audit hook that refuses every one."""
    import subprocess
    import types

    def refuse(event: str, _: object) -> None:
        if event.startswith(("subprocess.", "os.exec", "os.posix_spawn", "os.system", "os.fork")):
            raise PermissionError(event)

    sys.addaudithook(refuse)

    def say_nothing(*_: object) -> None:
        return

    quiet = types.SimpleNamespace(**{**vars(sys), "audit": say_nothing})
    subprocess.__dict__["_USE_POSIX_SPAWN"] = False  # which has an event, and which Python 3.13 prefers
    subprocess.__dict__["sys"] = quiet  # the event is raised in Python, and below it is none
    ended_well(subprocess.run([canary.program], check=False).returncode)


@probe("proc.shell.sh", "CWE-78")
def shell(canary: Canary) -> None:
    """Start a program through a shell."""
    ended_well(os.system(canary.program))  # pyright: ignore[reportDeprecated] -- that is the point


@probe("proc.spawn.itself", "execveat(2), AT_EMPTY_PATH: no path to be looked at")
def by_a_descriptor(canary: Canary) -> None:
    """Start a program by a descriptor of it."""
    number = os.open(PYTHON, os.O_RDONLY)
    ended_well(child(lambda: os.execve(number, NOTHING, {})))


@probe("fs.exec.memfd", "memfd_create(2) and fexecve(3): droppers that touch no disk, MITRE ATT&CK T1620")
def from_memory(canary: Canary) -> None:
    """Start a program that is in no file."""
    number = in_memory(PYTHON)
    ended_well(child(lambda: os.execve(number, NOTHING, {})))


@probe("proc.spawn.itself", "ld.so(8): a rule on execve sees the loader only")
def by_the_loader(canary: Canary) -> None:
    """Start a program by the dynamic loader."""
    loader = next(
        path for path in ("/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1") if os.path.exists(path)
    )
    ended_well(os.waitpid(os.posix_spawn(loader, [loader, PYTHON, *NOTHING[1:]], {}), 0)[1])


@probe("proc.spawn.itself", "execve(2): what was said of a program says nothing of an interpreter that starts anew")
def itself(canary: Canary) -> None:
    """Start the interpreter once more."""
    ended_well(os.waitpid(os.posix_spawn(sys.executable, NOTHING, {}), 0)[1])


@probe("proc.spawn.itself", "proc_pid_exe(5): its own file by another name")
def itself_through_proc(canary: Canary) -> None:
    """Start the interpreter once more by /proc/self/exe."""
    ended_well(child(lambda: os.execve("/proc/self/exe", NOTHING, {})))


@probe("fs.exec.file", "mount(8), noexec; execve(2), EACCES")
def copy_of_a_program(canary: Canary) -> None:
    """Start a copy of a program in a place of one's own."""
    path = copied(PYTHON)
    ended_well(os.waitpid(os.posix_spawn(path, NOTHING, {}), 0)[1])


@probe("fs.exec.file", "execve(2): the interpreter of a script")
def own_script(canary: Canary) -> None:
    """Start a script of one's own that names an interpreter."""
    import tempfile

    path = f"{tempfile.mkdtemp()}/script"
    with open(path, "w") as file:
        file.write(f"#!{PYTHON} -IS\n")
    os.chmod(path, 0o755)
    ended_well(os.waitpid(os.posix_spawn(path, [path], {}), 0)[1])


@probe("fs.exec.file", "mount(8), noexec; execve(2), EACCES: a folder that may be written to", granted=("write",))
def copy_in_a_writable_folder(canary: Canary) -> None:
    """Start a copy of a program in a folder that may be written to."""
    import shutil

    path = f"{canary.folder}/out/program"
    shutil.copyfile(PYTHON, path)
    os.chmod(path, 0o755)
    ended_well(os.waitpid(os.posix_spawn(path, NOTHING, {}), 0)[1])


@probe("proc.spawn.itself", "python/cpython#115322: multiprocessing starts programs without an event")
def by_multiprocessing(canary: Canary) -> None:
    """Start the process in which multiprocessing counts what is shared."""
    from multiprocessing import resource_tracker

    resource_tracker.ensure_running()
    own = vars(resource_tracker)["_resource_tracker"]
    pid, number = int(own._pid), int(own._fd)
    os.close(number)
    ended_well(os.waitpid(pid, 0)[1])


@probe("proc.spawn.other", "docs.python.org/3/library/webbrowser.html: it starts what BROWSER names")
def by_a_browser(canary: Canary) -> None:
    """Let the library start a browser, which is any program."""
    import webbrowser

    must(webbrowser.GenericBrowser(canary.program).open("http://canary.invalid/"), "it was not started")


@probe("proc.shell.sh", "docs.python.org/3/library/pydoc.html: the pager, a known way out of jails with help()")
def by_a_pager(canary: Canary) -> None:
    """Let help() start the pager that a variable names."""
    import pydoc

    path = f"{canary.folder}/directory/paged"
    page = getattr(pydoc, "pipepager", None) or pydoc.pipe_pager  # type: ignore[attr-defined]  # -- since Python 3.13
    page("x", f"cat > {path}")
    must(os.path.exists(path))


@probe("proc.shell.sh", "forkpty(3), pty(7)")
def on_a_terminal(canary: Canary) -> None:
    """Start a shell on a terminal of one's own."""
    pid, master = os.forkpty()
    if pid == 0:
        try:
            os.execv("/bin/sh", ["sh", "-c", canary.program])
        finally:
            os._exit(9)
    try:
        os.read(master, 100)
    except OSError:
        pass
    ended_well(os.waitpid(pid, 0)[1])


@probe("native.ext.other", "dlopen(3)")
def library_of_the_host(canary: Canary) -> None:
    """Load a shared library from a folder of the caller's."""
    import ctypes

    ctypes.CDLL(canary.library)


@probe("native.ext.written", "dlopen(3); mount(8), noexec: it binds mmap as well")
def library_of_its_own(canary: Canary) -> None:
    """Write a shared library and load it."""
    import ctypes
    import shutil
    import tempfile

    source = next(line.split()[-1] for line in open("/proc/self/maps") if ".so" in line and "ld-" not in line)
    path = f"{tempfile.mkdtemp()}/x.so"
    shutil.copyfile(source, path)
    ctypes.CDLL(path)


@probe("native.ext.readable", "dlopen(3), ld.so(8): to map code, reading a file is enough", granted=("read",))
def library_that_may_be_read(canary: Canary) -> None:
    """Load a shared library from a folder that may only be read."""
    import ctypes

    ctypes.CDLL(canary.readable_library)


@probe("native.ext.other", "docs.python.org/3/library/importlib.html: ExtensionFileLoader")
def extension_module(canary: Canary) -> None:
    """Load an extension module from a folder of the caller's: any library that can be mapped will do."""
    from importlib.machinery import ExtensionFileLoader, ModuleSpec

    try:
        ExtensionFileLoader("x", canary.library).create_module(ModuleSpec("x", None, origin=canary.library))
    except ImportError as error:
        if "PyInit" not in str(error) and "export function" not in str(error):
            raise


@probe(
    "proc.spawn.other",
    "docs.deno.com/runtime/fundamentals/security: a program that may be started voids the rest",
    granted=("spawn",),
)
def beside_a_grant(canary: Canary) -> None:
    """Start another program than the one that is granted."""
    path = canary.other_program
    ended_well(os.waitpid(os.posix_spawn(path, [path], {}), 0)[1])


@probe("fs.exec.memfd", "memfd_create(2), fexecve(3)", granted=("spawn", "wx"))
def from_memory_beside_a_grant(canary: Canary) -> None:
    """Start a program from memory where a program and memory that is executable are granted."""
    number = in_memory(PYTHON)
    ended_well(child(lambda: os.execve(number, NOTHING, {})))
