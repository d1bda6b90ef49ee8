from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casemate.model.capability import Capability
from casemate.model.errors import PolicyError
from casemate.model.persist import persists
from casemate.model.policy import Grant, Missing, Policy, WriteMode
from casemate.model.tree import below
from casemate.policy.expand import expand
from casemate.policy.sets import HOME_SECRETS, HOST_SECRETS, READ_SETS, Places, around, homes, read_set, secrets


def read(path: object) -> Grant:
    return Grant(Capability.FS_READ, str(path))


def write(path: object) -> Grant:
    return Grant(Capability.FS_WRITE, str(path), WriteMode.COMMIT)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home/.ssh").mkdir(parents=True)
    (tmp_path / "home/.ssh/id_ed25519").touch()
    (tmp_path / "home/work").mkdir()
    return tmp_path / "home"


@pytest.fixture
def places(home: Path) -> Places:
    return Places(directory=str(home / "work"), homes=(str(home),), python=("/usr/lib",), libraries=("/usr/lib",))


def test_every_set_stands_for_absolute_paths_that_exist(places: Places) -> None:
    for name in READ_SETS:
        assert all(Path(path).is_absolute() and Path(path).exists() for path in read_set(name, places))


def test_an_expanded_policy_holds_no_set(places: Places) -> None:
    policy = Policy(grants=tuple(read(name) for name in READ_SETS))
    resources = {grant.resource for grant in expand(policy, places).policy.grants}
    assert resources >= {"/usr/lib", places.directory}
    assert all(resource.startswith("/") for resource in resources)


def test_the_interpreters_libraries_may_be_mapped(places: Places) -> None:
    expanded = expand(Policy(grants=(read("@python"),)), places).policy
    assert list(expanded.of(Capability.NATIVE_EXT)) == [Grant(Capability.NATIVE_EXT, "/usr/lib")]


def test_the_programs_own_python_is_the_one_that_was_chosen(places: Places) -> None:
    wanted = Policy(grants=(Grant(Capability.PROC_SPAWN, "@python"),))
    expanded = expand(wanted, replace(places, interpreter="/usr/bin/env")).policy
    assert expanded.grants == (Grant(Capability.PROC_SPAWN, "/usr/bin/env"),)
    with pytest.raises(PolicyError, match="no Python program"):
        expand(wanted, places)


def test_private_sockets_are_no_path(places: Places) -> None:
    granted = Policy(grants=(Grant(Capability.NET_UNIX, "@private"),), deny=("/",))
    assert expand(granted, places).policy.grants == granted.grants


def test_expanding_twice_changes_nothing(places: Places, home: Path) -> None:
    once = expand(Policy(grants=(read("@python"), read(home), write(home / "work"))), places).policy
    assert expand(once, places).policy == once


def test_the_empty_policy_grants_nothing(places: Places) -> None:
    assert expand(Policy(), places).policy.grants == ()


def test_secrets_in_a_granted_tree_are_denied(places: Places, home: Path) -> None:
    expanded = expand(Policy(grants=(read(home),)), places).policy
    assert str(home / ".ssh") in expanded.deny
    assert str(home / ".aws") in expanded.deny  # whether it exists or not
    assert "@persist" in expanded.deny


@pytest.mark.parametrize("path", [".ssh", ".ssh/id_ed25519"])
def test_deny_beats_a_grant_and_it_is_said(places: Places, home: Path, path: str) -> None:
    expanded = expand(Policy(grants=(read(home / path), read(home / "work"))), places)
    assert [grant.resource for grant in expanded.policy.grants] == [str(home / "work")]
    assert "deny beats allow" in expanded.notes[0]


def test_a_link_into_a_secret_is_the_secret(places: Places, home: Path) -> None:
    (home / "work/key").symlink_to(home / ".ssh/id_ed25519")
    assert expand(Policy(grants=(read(home / "work/key"),)), places).policy.grants == ()


def test_a_secret_behind_a_link_is_denied_by_both_names(places: Places, home: Path, tmp_path: Path) -> None:
    (tmp_path / "vault/keys").mkdir(parents=True)
    policy = Policy(grants=(read(tmp_path / "vault"),), deny=(str(home / "link"),))
    (home / "link").symlink_to(tmp_path / "vault/keys")
    assert str(tmp_path / "vault/keys") in expand(policy, places).policy.deny


def test_the_order_of_grants_and_denials_does_not_matter(places: Places, home: Path) -> None:
    grants = (read(home), read(home / ".ssh"), write(home / "work"))
    there = expand(Policy(grants=grants, deny=("@persist", "@secrets")), places).policy
    back = expand(Policy(grants=grants[::-1], deny=("@secrets", "@persist")), places).policy
    assert set(there.grants) == set(back.grants)
    assert set(there.deny) == set(back.deny)


def test_more_grants_never_take_one_away(places: Places, home: Path) -> None:
    small = Policy(grants=(read(home / "work"),))
    large = small.plus(read(home), write(home / "work"))
    assert set(expand(small, places).policy.grants) <= set(expand(large, places).policy.grants)


def test_what_is_executed_later_is_never_writable(places: Places, home: Path) -> None:
    (home / "work/.git/hooks").mkdir(parents=True)
    expanded = expand(Policy(grants=(write(home / "work/.git/hooks"), read(home / "work/.git/hooks"))), places)
    assert [grant.capability for grant in expanded.policy.grants] == [Capability.FS_READ]
    assert "@persist" in expanded.notes[0]


@pytest.mark.parametrize(
    "path",
    [
        "/r/.git/hooks/pre-commit",
        "/r/x.pth",
        "/r/SiteCustomize.py",
        "/r/v/pyvenv.cfg",
        "/home/a/.bashrc",
        "/r/casemate.toml",
    ],
)
def test_the_persist_set_is_known_by_name(path: str) -> None:
    assert persists(path)


def test_ordinary_files_are_not_in_the_persist_set() -> None:
    assert not any(map(persists, ["/srv/data/shop.db", "/srv/out/report.csv", "/home/a/notes.txt", "/srv/git/config"]))


def test_a_missing_path_is_an_error_that_says_what_to_do(places: Places, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    with pytest.raises(PolicyError, match=r"does not exist: create it or take"):
        expand(Policy(grants=(read(gone),)), places)
    lenient = Policy(grants=(read(gone),), missing=Missing.SKIP_READ)
    assert expand(lenient, places).policy.grants == ()
    assert "does not exist" in expand(lenient, places).absent[0]
    with pytest.raises(PolicyError, match="create it first"):
        expand(replace(lenient, grants=(write(gone),)), places)


def test_a_link_to_itself_is_an_error(places: Places, tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(PolicyError, match="symbolic links"):
        expand(Policy(grants=(read(tmp_path / "loop"),)), places)


PATHS = st.lists(st.sampled_from(["a", "b", "ab"]), max_size=4).map(lambda parts: "/" + "/".join(parts))


@given(PATHS, PATHS)
def test_a_path_is_inside_what_is_around_it(path: str, tree: str) -> None:
    assert below(path, tree) == (tree in set(around(path)))


def test_inside_is_about_whole_names() -> None:
    assert below("/a/b", "/a")
    assert below("/a", "/a")
    assert below("/a", "/")
    assert not below("/ab", "/a")


def test_secrets_are_literal_absolute_paths(home: Path) -> None:
    (home / "server.PEM").touch()
    found = list(secrets((str(home),)))
    assert str(home / "server.PEM") in found
    assert all(
        path.startswith("/") and not set("*?[") & set(path) for path in [*HOST_SECRETS, *HOME_SECRETS] if path[0] == "/"
    )
    assert all(path.startswith("/") for path in found)


@pytest.mark.parametrize("named", ["link", "home/", "home/./", "home//", "work/../home"])
def test_however_a_home_is_named_its_secrets_are_denied(home: Path, named: str) -> None:
    (home.parent / "link").symlink_to("home")
    (home.parent / "work").mkdir()
    places = Places(directory=str(home / "work"), homes=homes(f"{home.parent}/{named}"))
    assert expand(Policy(grants=(read(home / ".ssh"),)), places).policy.grants == ()
    assert str(home / ".ssh") in expand(Policy(grants=(read(home),)), places).policy.deny


def test_a_secret_that_lies_elsewhere_is_denied_there_too(places: Places, home: Path, tmp_path: Path) -> None:
    (tmp_path / "store/aws").mkdir(parents=True)
    (tmp_path / "store/config/gh").mkdir(parents=True)
    (tmp_path / "store/token.pem").touch()
    (home / ".aws").symlink_to("../store/aws")
    (home / ".config").symlink_to("../store/config")
    (home / "token.pem").symlink_to("../store/token.pem")
    denied = expand(Policy(grants=(read(tmp_path / "store"),)), places).policy.deny
    assert {f"{tmp_path}/store/{name}" for name in ("aws", "config/gh", "token.pem")} <= set(denied)
    assert expand(Policy(grants=(read(tmp_path / "store/aws"),)), places).policy.grants == ()
