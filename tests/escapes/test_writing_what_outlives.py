"""Most real escapes of 2025 and 2026 were files that somebody executes later.

CVE-2026-25725 (a configuration file that did not exist at the start), CVE-2026-26268 (git hooks), CVE-2026-50548 and
CVE-2026-50549 (a working directory and links chosen by the program), sandlock#179 (hard link out of a read-only mount).
"""

import os
import tempfile
from pathlib import Path

import pytest
from confining import PYTHON, confined, only_outside, outside, policy, probe

from casemate.model.capability import Capability
from casemate.model.policy import Grant, WriteMode
from casemate.model.sandbox import Command
from casemate.sandbox import Streams, choose, confine


def readable(path: Path) -> Grant:
    return Grant(Capability.FS_READ, str(path))


def writable(path: Path) -> Grant:
    return Grant(Capability.FS_WRITE, str(path), mode=WriteMode.COMMIT, max_bytes=1 << 20)


@pytest.mark.parametrize(
    "act",
    [
        "open({0!r} + '/new', 'w').write('x')",
        "os.mkdir({0!r} + '/directory')",
        "os.symlink('/etc', {0!r} + '/link')",
        "os.mkfifo({0!r} + '/fifo')",
        "os.chmod({0!r} + '/file', 0o777)",
        "os.utime({0!r} + '/file', (1, 1))",
        "os.setxattr({0!r} + '/file', 'user.x', b'x')",
        "os.truncate({0!r} + '/file', 1)",
        "os.rename({0!r} + '/file', {0!r} + '/other')",
        "os.unlink({0!r} + '/file')",
    ],
)
@pytest.mark.parametrize("granted", [True, False], ids=["read-only", "not granted"])
def test_a_write(tmp_path: Path, act: str, *, granted: bool) -> None:
    (tmp_path / "file").write_text("content")
    script = probe(act.format(str(tmp_path)))
    result = confined(script, policy(readable(tmp_path)) if granted else policy())
    assert "refused" in result.out, result
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]
    assert outside(script) == "done\n"


@pytest.mark.parametrize("place", ["/tmp", "/home/casemate", "/dev/shm"])  # noqa: S108 -- the private ones
def test_what_is_written_in_private_places_does_not_outlive(place: str) -> None:
    script = probe(f"open('{place}/casemate-outlives', 'w').write('x')")
    assert confined(script).out == "done\n"
    assert not Path(f"{place}/casemate-outlives").exists()
    assert "refused" in confined(probe(f"open('{place}/casemate-outlives').read()")).out


def test_a_hard_link_out_of_a_read_only_grant(tmp_path: Path) -> None:
    """sandlock#179: a link in a writable place made a read-only file writable."""
    kept, out = tmp_path / "kept", tmp_path / "out"
    kept.mkdir()
    out.mkdir()
    (kept / "file").write_text("content")
    granted = policy(readable(kept), writable(out))
    for target in (f"{out}/file", "/tmp/file"):  # noqa: S108 -- the private one
        result = confined(probe(f"os.link('{kept}/file', '{target}'); open('{target}', 'w').write('x')"), granted)
        assert "refused" in result.out
    assert (kept / "file").read_text() == "content"


def test_a_symbolic_link_in_a_writable_grant_leads_nowhere_new(tmp_path: Path, secret: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "link").symlink_to(secret)
    (out / "up").symlink_to("../secret")
    for name in ("link", "up"):
        result = confined(probe(f"print(open('{out}/{name}').read())"), policy(writable(out)))
        assert "the secret" not in result.out
        confined(probe(f"open('{out}/{name}', 'w').write('x')"), policy(writable(out)))
    assert secret.read_text() == "the secret"


def test_a_git_hook_that_did_not_exist_is_not_copied_out(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    script = probe(f"os.mkdir('{tmp_path}/.git/hooks'); open('{tmp_path}/.git/hooks/pre-commit', 'w').write('x')")
    result = confined(script, policy(writable(tmp_path), deny=("@persist",)))
    assert not (tmp_path / ".git/hooks/pre-commit").exists(), result
    assert result.outcome.refused


def test_a_write_grant_is_copied_out(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("before")
    script = probe(f"open('{tmp_path}/new', 'w').write('x'); open('{tmp_path}/old', 'a').write(' after')")
    result = confined(script, policy(writable(tmp_path), deny=("@persist",)))
    assert result.out == "done\n", result
    assert (tmp_path / "new").read_text() == "x"
    assert (tmp_path / "old").read_text() == "before after"
    assert (tmp_path / "new").stat().st_uid == os.geteuid()


def test_a_denied_path_in_a_granted_tree(tmp_path: Path) -> None:
    """Deny beats allow: both when reading and when writing."""
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "id").write_text("the secret")
    (tmp_path / "one.pem").write_text("the secret")
    (tmp_path / "link").symlink_to("keys")
    deny = (f"{tmp_path}/link", f"{tmp_path}/one.pem", f"{tmp_path}/not-there")
    for grant in (readable(tmp_path), writable(tmp_path)):
        for path in ("keys/id", "one.pem", "link/id"):
            script = probe(f"print(open('{tmp_path}/{path}').read())")
            assert "the secret" in outside(script)
            assert "the secret" not in confined(script, policy(grant, deny=deny)).out
    assert "refused" in confined(probe(f"os.rename('{tmp_path}/keys', '{tmp_path}/k')"), policy(grant, deny=deny)).out


def test_a_path_that_is_denied_by_another_name_and_not_there_yet(tmp_path: Path) -> None:
    """CVE-2026-25725 with a link in the denied path: it names the same place, so nothing is written there either."""
    out = tmp_path / "out"
    out.mkdir()
    (tmp_path / "way").symlink_to("out")
    deny = (f"{tmp_path}/way/new", f"{tmp_path}/way/folder")
    act = f"open('{out}/new', 'w').write('x'); os.mkdir('{out}/folder'); open('{out}/folder/x', 'w').write('x')"
    result = confined(probe(act), policy(writable(out), deny=deny))
    assert list(out.iterdir()) == [], result
    assert len(result.outcome.refused) == 2
    assert outside(probe(act)) == "done\n"


def direct(act: str, tree: Path, *deny: str) -> str:
    """Run an act with a tree that is written at once; give what it said."""
    granted = policy(Grant(Capability.FS_WRITE, str(tree), mode=WriteMode.DIRECT), deny=deny)
    accept = frozenset({Capability.FS_PERSIST, Capability.RES_DISK})
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out:
        command = Command((str(PYTHON), "-I", "-S", "-c", probe(act)), str(PYTHON), "/")
        streams = Streams(given.fileno(), out.fileno(), out.fileno())
        confine(command, granted, environment={}, accept=accept, streams=streams)
        out.seek(0)
        return out.read().decode()


@pytest.mark.parametrize(
    "act",
    [
        "os.rename('{0}/a', '{0}/moved')",
        "os.rename('{0}/a/sub', '{0}/moved')",
        "os.rename('{0}/a/sub/key', '{0}/moved')",
        "syscall(316, 276, -100, b'{0}/a/sub', -100, b'{0}/other', 2)",
        "os.link('{0}/a/sub/key', '{0}/moved')",
        "open('{0}/a/sub/key').read()",
    ],
    ids=["above", "parent", "itself", "exchange", "link", "read"],
)
def test_a_denied_path_cannot_be_moved_away_in_a_direct_tree(tmp_path: Path, act: str) -> None:
    """One run moves it to a name that is not denied, the next one reads it: related to multikernel/sandlock#179."""
    tree = tmp_path / "tree"
    (tree / "a" / "sub").mkdir(parents=True)
    (tree / "a" / "sub" / "key").write_text("the secret")
    (tree / "other").mkdir()
    said = direct(act.format(tree), tree, f"{tree}/a/sub/key")
    assert "refused" in said
    assert (tree / "a" / "sub" / "key").read_text() == "the secret"
    assert direct(f"open('{tree}/a/sub/new', 'w').write('x')", tree, f"{tree}/a/sub/key") == "done\n"
    assert outside(probe(act.format(tree))) == "done\n"


def test_a_denied_path_that_is_not_there_yet_is_a_gap_of_a_direct_tree(tmp_path: Path) -> None:
    granted = policy(Grant(Capability.FS_WRITE, str(tmp_path), mode=WriteMode.DIRECT), deny=(f"{tmp_path}/.env",))
    assert Capability.FS_PERSIST in {gap.capability for gap in choose("native").gaps(granted)}


def test_the_interpreter_cannot_be_replaced() -> None:
    """CVE-2019-5736: a container overwrote the program that had started it, through /proc/self/exe."""
    result = confined(probe("os.open('/proc/self/exe', os.O_WRONLY)"))
    assert "refused" in result.out
    result = confined(probe("os.open(sys.executable, os.O_WRONLY)"))
    assert "refused" in result.out


def test_a_write_is_shown_as_refused_only_inside(tmp_path: Path) -> None:
    only_outside(f"open('{tmp_path}/x', 'w').write('x')")
