"""More than the policy gives. The limits are made small for these, so that they stay harmless where there are none."""

from __future__ import annotations

import os
import tempfile
import time

from .toolkit import Canary, must, probe

MIB = 1 << 20


@probe("res.memory", "setrlimit(2); CWE-770")
def memory(canary: Canary) -> None:
    """Use more memory than the limit."""
    kept = [bytearray(b"x") * (8 * MIB) for _ in range(canary.most_memory // (8 * MIB) + 4)]
    must(kept)


@probe("res.memory", "mmap(2): memory that is no heap of Python")
def mapped_memory(canary: Canary) -> None:
    """Map and touch more memory than the limit."""
    import mmap

    made = mmap.mmap(-1, canary.most_memory + 32 * MIB)
    for at in range(0, len(made), 4096):
        made[at] = 1


@probe("res.memory", "setrlimit(2): RLIMIT_AS is for each process", partly=True)
def memory_of_many(canary: Canary) -> None:
    """Use more memory than the limit in two processes, each of which uses less."""
    half, reader, writer = canary.most_memory * 5 // 8, *os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            kept = bytearray(b"x") * half
            os.write(writer, b"y")
            time.sleep(0.5)
            must(kept)
        finally:
            os._exit(0)
    os.close(writer)
    kept = bytearray(b"x") * half
    must(os.read(reader, 1) == b"y", "the child had no memory")
    must(kept)
    os.waitpid(pid, 0)


@probe("res.procs", "CWE-400: a fork bomb; RLIMIT_NPROC does not bind host user 0", alone=True)
def processes(canary: Canary) -> None:
    """Have more processes than the limit."""
    made: list[int] = []
    try:
        for _ in range(canary.most_processes + 4):
            pid = os.fork()
            if pid == 0:
                time.sleep(5)
                os._exit(0)
            made.append(pid)
    finally:
        for pid in made:
            os.kill(pid, 9)
            os.waitpid(pid, 0)


@probe("res.procs", "setrlimit(2), RLIMIT_NPROC counts threads", alone=True)
def threads(canary: Canary) -> None:
    """Have more threads than the limit."""
    import threading

    done = threading.Event()
    try:
        for _ in range(canary.most_processes + 4):
            threading.Thread(target=done.wait, daemon=True).start()
    finally:
        done.set()


@probe("res.fds", "setrlimit(2), RLIMIT_NOFILE")
def descriptors(canary: Canary) -> None:
    """Have more descriptors than the limit."""
    made: list[int] = []
    try:
        for _ in range(canary.most_fds):
            made.append(os.open(os.devnull, os.O_RDONLY))  # a second number for an open file may cost nothing
    finally:
        for number in made:
            os.close(number)


@probe("res.fds", "setrlimit(2): a limit that its bearer may raise is none")
def raise_a_limit(canary: Canary) -> None:
    """Raise the limit of descriptors over what is allowed: back to what it was, after lowering it."""
    import resource

    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    # not higher than it was: there may lie fs.nr_open, which binds root, too
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard - 1, hard - 1))
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    must(canary.most_fds)


@probe("res.cpu", "setrlimit(2), RLIMIT_CPU; CWE-834", alone=True)
def processor_time(canary: Canary) -> None:
    """Use more processor time than the limit."""
    clock, seconds = time.process_time, canary.most_cpu + 0.5
    if "CPUTIME" not in time.get_clock_info("process_time").implementation:  # this Python cannot tell
        clock, seconds = time.monotonic, 20.0 * canary.most_cpu
    # Until both clocks say so: gVisor counts what passes on the clock, also while the host has no time for it.
    until, at_least = clock() + seconds, time.monotonic() + 6.0 * canary.most_cpu
    while clock() < until or time.monotonic() < at_least:
        sum(range(10000))


@probe("res.wall", "CWE-400: sleeping costs no processor time", alone=True)
def time_on_the_clock(canary: Canary) -> None:
    """Go on for longer than the limit, with every signal ignored."""
    import signal

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM, signal.SIGXCPU):
        signal.signal(number, signal.SIG_IGN)
    time.sleep(canary.most_wall + 1.5)


@probe("res.output", "CWE-400: output that fills the disk of whoever keeps it", alone=True)
def output(canary: Canary) -> None:
    """Write more output than the limit."""
    line, left = b"x" * 65536, canary.most_output + 8 * 65536
    while left > 0:
        left -= os.write(1, line)


@probe("res.disk", "setrlimit(2), RLIMIT_FSIZE")
def size_of_a_file(canary: Canary) -> None:
    """Make a file that is larger than the limit."""
    import signal

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    with tempfile.TemporaryFile() as file:
        os.ftruncate(file.fileno(), canary.most_disk + 1)
        must(os.fstat(file.fileno()).st_size > canary.most_disk)


@probe("res.disk", "CWE-400: many files, each of them small enough")
def size_of_many_files(canary: Canary) -> None:
    """Write more in many files than the temporary folder may hold."""
    folder = tempfile.mkdtemp()
    try:
        for at in range(canary.most_tmp // MIB + 4):
            with open(f"{folder}/{at}", "wb") as file:
                file.write(bytes(MIB))
    finally:
        import shutil

        shutil.rmtree(folder)


@probe("res.disk", "CWE-770; tmpfs(5), nr_inodes: names eat memory that quotas of bytes do not see")
def number_of_files(canary: Canary) -> None:
    """Make more files than the temporary folder has room for names."""
    folder = tempfile.mkdtemp()
    try:
        for at in range(max(canary.most_tmp // 4096, 1024) + 64):
            os.close(os.open(f"{folder}/{at}", os.O_CREAT | os.O_WRONLY))
    finally:
        import shutil

        shutil.rmtree(folder)


@probe("res.cpu", "setpriority(2), RLIMIT_NICE: before everybody else")
def before_everybody_else(canary: Canary) -> None:
    """Take a higher priority than the caller has."""
    os.setpriority(os.PRIO_PROCESS, 0, os.getpriority(os.PRIO_PROCESS, 0) - 1)
