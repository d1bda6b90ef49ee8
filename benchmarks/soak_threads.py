"""Many runs inside one process, each begun by a thread of its own that ends with it, and what the process keeps."""

import gc
import json
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from casemate.model.capability import Capability
from casemate.model.errors import Refused
from casemate.model.policy import Grant, Limits, Policy
from casemate.model.sandbox import Command
from casemate.sandbox import Streams, confine

AT_ONCE = 3
PYTHON = os.path.realpath(sys.executable)
CODES = (
    "pass",
    "import os; os.abort()",
    "import os, time\nif not os.fork(): time.sleep(30)",
    "open('OUT/r-in', 'w').write('x')",
)
GROWTH = 3.0  # MiB from a fifth of the runs to the end: what the allocator keeps differs by that much


def granted(out: str) -> Policy:
    """Give a policy for the interpreter, and for writing in `out`."""
    paths = [
        os.path.realpath(sys.base_prefix),
        *(path for path in ("/usr/lib", "/lib", "/lib64") if Path(path).exists()),
    ]
    reads = [Grant(kind, path) for path in paths for kind in (Capability.FS_READ, Capability.NATIVE_EXT)]
    write = Grant(Capability.FS_WRITE, out)
    return Policy(grants=(*reads, Grant(Capability.FS_EXEC, PYTHON), write), deny=(), limits=Limits(wall_seconds=60))


def one(code: str, policy: Policy, failed: list[str]) -> None:
    """Run once, with nothing to read and nobody to hear it; every tenth is refused."""
    null = os.open(os.devnull, os.O_RDWR)
    try:
        command = Command((PYTHON, "-I", "-S", "-c", code), PYTHON, "/" if code else "/nowhere")
        outcome = confine(command, policy, environment={}, streams=Streams(null, null, null))
        if outcome.code not in (0, 134):
            failed.append(f"{code}: {outcome}")
    except Refused as refused:
        if code:
            failed.append(f"{code}: {refused}")
    finally:
        os.close(null)


def begun(code: str, policy: Policy, failed: list[str]) -> None:
    """Run in a thread that ends with the run."""
    thread = threading.Thread(target=one, args=(code, policy, failed))
    thread.start()
    thread.join()


def resident() -> float:
    """Give the memory of this process in MiB."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


def open_now() -> set[str]:
    """Name the descriptors of this process but for the one that lists them."""
    return {path.name for path in Path("/proc/self/fd").iterdir() if path.exists()}


def main(runs: int, out: str) -> None:
    """Run them all and say what is kept."""
    policy, failed = granted(out), list[str]()
    codes = [("" if n % 10 == 9 else CODES[n % len(CODES)]).replace("OUT", out) for n in range(runs)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda code: begun(code, policy, failed), codes[: runs // 5]))
    before, descriptors = resident(), open_now()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda code: begun(code, policy, failed), codes[runs // 5 :]))
    grown = resident() - before
    left = [f"descriptor {name}" for name in sorted(open_now() - descriptors)]
    left += [f"thread {thread.name}" for thread in threading.enumerate()[1:]]
    with suppress(ChildProcessError):
        left.append(f"child {os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)}")
    left += [f"{grown:.1f} MiB more"] if grown > GROWTH else []
    said = {"runs": runs, "MiB more after four fifths of them": round(grown, 1), "failed": failed, "left over": left}
    print(json.dumps(said))


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
