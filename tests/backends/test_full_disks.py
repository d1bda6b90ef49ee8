"""A host on which every disk is full: of blocks, of names, in every place that somebody may write to.

A run needs none of it; what it is to write there fails with one line. Everything lies in a mount namespace and a pid
namespace of the test's own: over /tmp, /var/tmp and /dev/shm, where the checkout may lie, are overlays whose upper
layers are full.
"""

import os
import shlex
import subprocess
from dataclasses import dataclass

import pytest
from tests.conftest import COMMAND

SMALL = "/mnt"
FULL = """
set -e
mount -t tmpfs -o size=256k,nr_inodes=64 small {small}
for place in /tmp /var/tmp /dev/shm; do
  own={small}/layers$place
  mkdir -p $own/upper $own/work
  mount -t overlay -o lowerdir=$place,upperdir=$own/upper,workdir=$own/work overlay $place
done
mkdir {small}/cache {small}/state {small}/out
echo old >{small}/out/old
dd if=/dev/zero of={small}/blocks bs=4k 2>/dev/null || true
count=0
while touch {small}/name$count 2>/dev/null; do count=$((count + 1)); done
export XDG_CACHE_HOME={small}/cache XDG_STATE_HOME={small}/state
left() {{
  ls -AlR --full-time {small}
  wc -l </proc/self/mountinfo
  set -- /proc/[0-9]*
  echo $# processes
}}
left >/proc/self/fd/{before}
set +e
cd /
{command}
code=$?
left >/proc/self/fd/{after}
exit $code
"""
PLAIN = "open('/tmp/x', 'w').write('x' * 100_000); print('ran')"
NEW = f"open('{SMALL}/out/new', 'w').write('x' * 10_000); print('ran')"
LONGER = f"""
import os
file = os.open("{SMALL}/out/old", os.O_WRONLY | os.O_APPEND)
try:
    while os.write(file, b"x" * 10_000):
        pass
except OSError as error:
    print(error.strerror)
"""
ACCEPTED = ("--accept", "fs.persist", "--accept", "res.disk")
NO_SPACE = "No space left on device"


@dataclass(frozen=True)
class Ran:
    """How a run ended, and what of the host is not as it was before."""

    code: int
    out: str
    err: list[str]
    left: set[str]


def run(backend: str, *words: str) -> Ran:
    """Run a command where every disk is full."""
    command = shlex.join([str(COMMAND), "run", "--backend", backend, *words])
    before, after = (os.memfd_create(name, 0) for name in ("before", "after"))
    script = FULL.format(small=SMALL, command=command, before=before, after=after)
    try:
        done = subprocess.run(
            ["/usr/bin/unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--mount-proc", "sh"],
            input=script,
            pass_fds=(before, after),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        seen = [os.pread(file, 1 << 20, 0).decode().splitlines() for file in (before, after)]
    finally:
        os.close(before)
        os.close(after)
    assert any(line.endswith(" blocks") for line in seen[0]), done.stderr
    return Ran(done.returncode, done.stdout, done.stderr.splitlines(), set(seen[0]) ^ set(seen[1]))


@pytest.fixture
def keeps_a_guest(backend: str) -> bool:
    """Tell whether a backend needs room on a disk: a virtual machine is made once and kept."""
    if os.geteuid() != 0:
        pytest.skip("mounts small disks")
    return backend == "vm"


def refused(done: Ran, words: str) -> bool:
    """Tell whether nothing was started, for a reason that one line tells."""
    return (done.code, done.out, len(done.err)) == (125, "", 1) and words in done.err[0] and NO_SPACE in done.err[0]


def test_a_program_that_writes_nothing_there_runs(backend: str, *, keeps_a_guest: bool) -> None:
    done = run(backend, "-c", PLAIN)
    assert done.left == set()
    if keeps_a_guest:
        assert refused(done, "the guest cannot be kept"), done
    else:
        assert (done.code, done.out, done.err) == (0, "ran\n", [])


def test_what_cannot_be_copied_out_is_named_and_nothing_of_it_is_left(backend: str, *, keeps_a_guest: bool) -> None:
    done = run(backend, "--write", f"{SMALL}/out", "-c", NEW)
    assert done.left == set()
    if keeps_a_guest:
        assert refused(done, "the guest cannot be kept"), done
    else:
        assert (done.code, done.out) == (1, "ran\n")
        assert done.err == [f"casemate: not copied out: {SMALL}/out/new: {NO_SPACE}"]


def test_a_program_that_writes_there_itself_is_told(backend: str, *, keeps_a_guest: bool) -> None:
    done = run(backend, "--write-direct", f"{SMALL}/out", *ACCEPTED, "-c", LONGER)
    if keeps_a_guest:
        assert refused(done, "the guest cannot be kept"), done
    else:
        assert (done.code, done.out, done.err) == (0, f"{NO_SPACE}\n", [])


def test_a_record_that_cannot_be_written_is_a_reason_not_to_run(backend: str, *, keeps_a_guest: bool) -> None:
    del keeps_a_guest
    done = run(backend, "--record", f"{SMALL}/out/record", "-c", PLAIN)
    assert done.left == set()
    assert refused(done, "cannot write the record"), done
