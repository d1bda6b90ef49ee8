import os
import stat
from pathlib import Path

import pytest

from casemate.model.errors import PolicyError
from casemate.policy.file import load, read
from casemate.policy.trust import only_ours, trust, trusted

TEXT = "[policy]\nversion = 1\n"


@pytest.fixture
def policy(tmp_path: Path) -> str:
    folder = tmp_path / "project"
    folder.mkdir(mode=0o755)
    path = folder / "casemate.toml"
    path.write_text(TEXT, encoding="utf-8")
    path.chmod(0o644)
    return str(path)


def accepted(path: str, environment: dict[str, str]) -> bool:
    return trusted(path, read(path), environment)


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {"XDG_STATE_HOME": str(tmp_path / "state")}


def test_a_policy_is_trusted_until_a_byte_of_it_changes(policy: str, environment: dict[str, str]) -> None:
    assert not accepted(policy, environment)
    record = trust(load(policy), environment)
    assert accepted(policy, environment)
    assert stat.S_IMODE(Path(record).stat().st_mode) == 0o600
    Path(policy).write_text(TEXT + "#", encoding="utf-8")
    assert not accepted(policy, environment)


def test_the_same_bytes_elsewhere_are_not_trusted(policy: str, environment: dict[str, str], tmp_path: Path) -> None:
    trust(load(policy), environment)
    (tmp_path / "casemate.toml").write_text(TEXT, encoding="utf-8")
    assert not accepted(str(tmp_path / "casemate.toml"), environment)


def test_a_link_to_a_trusted_policy_is_not_trusted(policy: str, environment: dict[str, str], tmp_path: Path) -> None:
    # else a folder of somebody else would get, by a link, what was granted to a program of another folder
    trust(load(policy), environment)
    (tmp_path / "casemate.toml").symlink_to(policy)
    assert not accepted(str(tmp_path / "casemate.toml"), environment)


def test_a_trusted_link_is_trusted_while_it_leads_to_the_same_file(
    policy: str, environment: dict[str, str], tmp_path: Path
) -> None:
    link, other = tmp_path / "casemate.toml", tmp_path / "other"
    link.symlink_to(policy)
    trust(load(str(link)), environment)
    assert accepted(str(link), environment)
    other.mkdir()
    (other / "casemate.toml").write_text(TEXT, encoding="utf-8")  # the same bytes; relative paths begin elsewhere
    link.unlink()
    link.symlink_to(other / "casemate.toml")
    assert not accepted(str(link), environment)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a link away")
def test_a_link_of_somebody_else_is_refused(policy: str, tmp_path: Path) -> None:
    link = tmp_path / "link.toml"
    link.symlink_to(policy)
    os.lchown(link, 65534, 65534)
    with pytest.raises(PolicyError, match="another user"):
        only_ours(str(link))


def test_a_trusted_policy_that_others_can_change_is_not_trusted(policy: str, environment: dict[str, str]) -> None:
    trust(load(policy), environment)
    Path(policy).chmod(0o646)
    assert not accepted(policy, environment)


def test_records_that_others_can_write_count_for_nothing(policy: str, environment: dict[str, str]) -> None:
    record = Path(trust(load(policy), environment))
    record.parent.chmod(0o777)
    assert not accepted(policy, environment)


@pytest.mark.parametrize(("place", "mode"), [("", 0o646), ("..", 0o757)])
def test_a_policy_that_anybody_can_change_is_refused(policy: str, place: str, mode: int) -> None:
    target = Path(policy).parent if place else Path(policy)
    target.chmod(mode)
    with pytest.raises(PolicyError, match="anybody"):
        only_ours(policy)


def test_a_sticky_folder_such_as_tmp_is_accepted(policy: str) -> None:
    Path(policy).parent.chmod(0o1777)
    only_ours(policy)


def test_without_a_place_to_remember_it_is_said(policy: str) -> None:
    with pytest.raises(PolicyError, match="XDG_STATE_HOME"):
        trust(load(policy), {})
    assert not accepted(policy, {})
