"""A policy that was read before is taken from the caller's store, and from nowhere else."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from casemate.cli import kept
from casemate.cli.kept import understood
from casemate.model.errors import PolicyError
from casemate.model.policy import Policy
from casemate.policy.packed import pack
from casemate.services.store import Store, usual

Run = Callable[..., subprocess.CompletedProcess[str]]
STRICT = b'[policy]\nversion = 1\nname = "strict"\n'
OPEN = Policy(name="planted", deny=())


@pytest.fixture
def homes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the folder of kept policies in homes of this test alone."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "cache/casemate/policies"


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "casemate.toml"
    path.write_bytes(STRICT)
    return str(path)


def only(folder: Path) -> Path:
    """Give the one file of a folder."""
    (found,) = folder.iterdir()
    return found


def test_it_is_kept_and_taken_again(homes: Path, file: str) -> None:
    assert understood(file, STRICT).name == "strict"
    entry = only(homes)
    store = usual(os.environ, kept.KIND)
    assert store is not None
    replaced = pack(OPEN)
    assert replaced is not None
    store.put(entry.name, replaced)  # sealed with our own key: only that is believed
    assert understood(file, STRICT) == OPEN


@pytest.mark.parametrize("content", [b"", b"\0", pack(OPEN) or b"", (pack(OPEN) or b"").rjust(400, b"x")])
def test_what_was_planted_or_damaged_is_not_believed(homes: Path, file: str, content: bytes) -> None:
    understood(file, STRICT)
    only(homes).write_bytes(content)
    assert understood(file, STRICT).name == "strict"


def test_what_another_key_has_sealed_is_not_believed(homes: Path, file: str) -> None:
    understood(file, STRICT)
    Store(str(homes), b"o" * 32).put(only(homes).name, pack(OPEN) or b"")
    assert understood(file, STRICT).name == "strict"


def test_an_entry_of_another_policy_is_not_believed(homes: Path, file: str) -> None:
    understood(file, STRICT)
    first = only(homes)
    other = STRICT.replace(b"strict", b"other")
    understood(file, other)
    (second,) = set(homes.iterdir()) - {first}
    second.replace(first)
    assert understood(file, STRICT).name == "strict"


def test_a_folder_in_which_others_write_is_not_used(homes: Path, file: str) -> None:
    understood(file, STRICT)
    store = usual(os.environ, kept.KIND)
    assert store is not None
    store.put(only(homes).name, pack(OPEN) or b"")
    homes.chmod(0o777)
    assert understood(file, STRICT).name == "strict"


def test_without_a_home_nothing_is_kept(file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    assert understood(file, STRICT).name == "strict"


def test_a_wrong_policy_is_wrong_each_time(homes: Path, file: str) -> None:
    for _ in range(2):
        with pytest.raises(PolicyError):
            understood(file, b"[policy]\nversion = 2\n")
    assert not list(homes.iterdir())


def test_a_run_obeys_the_file_as_it_is_now(casemate: Run, homes: Path, tmp_path: Path) -> None:
    data, policy = tmp_path / "data", tmp_path / "casemate.toml"
    data.mkdir()
    (data / "text").write_text("seen", encoding="utf-8")
    code = f"print(open('{data}/text').read())"
    granted = f'[policy]\nversion = 1\n[fs]\nread = ["{data}"]\n'
    for content, expected in ((granted, 0), (STRICT.decode(), 1), (granted, 0)):
        policy.write_text(content, encoding="utf-8")
        assert casemate("run", "--policy", policy, "-c", code).returncode == expected
    assert len(list(homes.iterdir())) == 2


@pytest.mark.parametrize("place", ["cache/casemate/policies/planted", "state/casemate/trusted/planted"])
def test_no_program_writes_where_we_keep_things(casemate: Run, homes: Path, tmp_path: Path, place: str) -> None:
    understood(str(tmp_path / "p"), STRICT)
    (tmp_path / "state/casemate/trusted").mkdir(parents=True, exist_ok=True)
    code = f"open('{tmp_path}/{place}', 'w').write('x')"
    outside = tmp_path / "elsewhere"
    outside.mkdir()
    for kind in ("cache", "state"):
        casemate("run", "--write", tmp_path / kind, "-c", code, cwd=outside)
    assert not (tmp_path / place).exists()
    assert homes.is_dir()


def test_no_program_reads_the_key(casemate: Run, homes: Path, tmp_path: Path) -> None:
    understood(str(tmp_path / "p"), STRICT)
    key = tmp_path / "state/casemate/cache.key"
    assert key.is_file()
    assert homes.is_dir()
    done = casemate("run", "--read", tmp_path / "state", "-c", f"print(open('{key}', 'rb').read())", cwd="/")
    assert done.returncode == 1
    assert "Error" in done.stderr
