"""Other processes: to signal them, to change them, to be them for longer than allowed."""

from __future__ import annotations

import os
import signal

from .toolkit import Canary, must, probe, syscall


@probe("proc.signal.kill", "kill(2)")
def kill(canary: Canary) -> None:
    """End a process of the caller's."""
    os.kill(canary.victim, signal.SIGKILL)


@probe("proc.signal.kill", "killpg(3)")
def kill_a_group(canary: Canary) -> None:
    """End a group of processes."""
    os.killpg(canary.victim, signal.SIGKILL)


@probe("proc.signal.kill", "pidfd_send_signal(2): no audit event of PEP 578")
def kill_by_a_descriptor(canary: Canary) -> None:
    """End a process by a descriptor of it."""
    syscall("pidfd_send_signal", syscall("pidfd_open", canary.victim, 0), signal.SIGKILL, None, 0)


@probe("proc.signal.kill", "tgkill(2): filters of kill forget it")
def kill_a_thread(canary: Canary) -> None:
    """End a process by one of its threads."""
    syscall("tgkill", canary.victim, canary.victim, signal.SIGKILL)


@probe("proc.signal.kill", "signal(7), SIGSTOP: a stopped process serves nobody")
def stop(canary: Canary) -> None:
    """Stop a process of the caller's."""
    os.kill(canary.victim, signal.SIGSTOP)


@probe("proc.signal.kill", "fcntl(2), F_SETOWN and F_SETSIG: the kernel sends the signal; landlock(7), its scopes")
def signal_by_the_kernel(canary: Canary) -> None:
    """Let the kernel send the signal, for a pipe that becomes readable."""
    import fcntl

    reader, writer = os.pipe()
    fcntl.fcntl(reader, 10, signal.SIGTERM)
    fcntl.fcntl(reader, fcntl.F_SETOWN, canary.victim)
    fcntl.fcntl(reader, fcntl.F_SETFL, os.O_NONBLOCK | 0o20000)
    os.write(writer, b"x")
    must(fcntl.fcntl(reader, fcntl.F_GETOWN) == canary.victim)


@probe("proc.signal.kill", "setpriority(2): no audit event of PEP 578")
def priority(canary: Canary) -> None:
    """Lower the priority of a process of the caller's."""
    os.setpriority(os.PRIO_PROCESS, canary.victim, 15)


@probe("proc.signal.kill", "sched_setaffinity(2): no audit event of PEP 578")
def processors(canary: Canary) -> None:
    """Bind a process of the caller's to one processor."""
    os.sched_setaffinity(canary.victim, {min(os.sched_getaffinity(canary.victim))})


@probe("proc.signal.kill", "sched_setscheduler(2)")
def scheduler(canary: Canary) -> None:
    """Let a process of the caller's run only when nothing else does."""
    os.sched_setscheduler(canary.victim, os.SCHED_IDLE, os.sched_param(0))


@probe("proc.signal.kill", "prlimit(2): limits of others")
def limits_of_another_process(canary: Canary) -> None:
    """Take away the descriptors of a process of the caller's."""
    import resource

    resource.prlimit(canary.victim, resource.RLIMIT_NOFILE, (3, 3))


@probe("proc.signal.kill", "proc_pid_oom_score_adj(5)")
def first_to_die(canary: Canary) -> None:
    """Make a process of the caller's the first to die when memory runs out."""
    with open(f"/proc/{canary.victim}/oom_score_adj", "w") as file:
        file.write("900")


@probe("proc.signal.kill", "process_madvise(2), Linux 5.10")
def memory_of_another_process_swapped_out(canary: Canary) -> None:
    """Push the memory of a process of the caller's out."""
    import ctypes
    import struct

    handle = syscall("pidfd_open", canary.process, 0)
    vector = ctypes.create_string_buffer(struct.pack("QQ", canary.address & ~4095, 4096))
    syscall("process_madvise", handle, vector, 1, 21, 0)  # MADV_PAGEOUT


@probe("proc.fork", "fork(2): forks are counted, not withheld", partly=True)
def fork(canary: Canary) -> None:
    """Make a child process."""
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)


@probe("proc.thread", "pthreads(7): threads are counted, not withheld", partly=True)
def thread(canary: Canary) -> None:
    """Start a thread."""
    import threading

    made = threading.Thread(target=int)
    made.start()
    made.join()


@probe("proc.fork.left", "daemon(7), setsid(2): a process that leaves its parent, session and group", alone=True)
def outlive_the_run(canary: Canary) -> None:
    """Leave a daemon behind that goes on when the run is over."""
    import ctypes
    import time

    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            ctypes.CDLL(None).prctl(15, canary.name.encode(), 0, 0, 0)
            for number in range(64):
                try:
                    os.close(number)
                except OSError:
                    continue
            time.sleep(5)
        os._exit(0)
    time.sleep(0.2)
    raise TimeoutError("whether it outlives the run is seen from outside")
