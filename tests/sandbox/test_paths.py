"""Where a path leads is found as the kernel finds it, and a granted name always gets the same address in a plan."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casemate.model.errors import PolicyError
from casemate.model.secret import Secret
from casemate.model.tree import below
from casemate.sandbox.native.endpoints import endpoints, family, refuse_another_name, split
from casemate.sandbox.native.paths import walk

PARTS = st.sampled_from(["a", "b", "link", "up", "..", ".", "loop", "absolute", ""])


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "a" / "b").mkdir(parents=True)
    for place in (tmp_path, tmp_path / "a", tmp_path / "a" / "b"):
        (place / "link").symlink_to("a" if place == tmp_path else ".")
        (place / "up").symlink_to("../")
        (place / "loop").symlink_to("loop")
        (place / "absolute").symlink_to(tmp_path / "a")
    return tmp_path.resolve()


@given(parts=st.lists(PARTS, max_size=8))
def test_a_path_leads_where_the_kernel_says(tree: Path, parts: list[str]) -> None:
    path = f"{tree}/" + "/".join(parts)
    try:
        expected = os.path.realpath(path, strict=True)
    except OSError:
        with pytest.raises(OSError):  # noqa: PT011 -- any: loops and what is missing
            walk(path)
    else:
        real, links = walk(path)
        assert real == expected
        for link in links:
            assert link.text == str(Path(link.path).readlink()) or link.text.endswith("/")
            assert os.path.realpath(Path(link.path).parent) == str(Path(link.path).parent), (
                "a link lies at a real place"
            )


@given(st.text("ab/", max_size=8), st.text("ab/", max_size=8))
def test_below_is_about_whole_names(one: str, two: str) -> None:
    folder = "/" + one.strip("/")
    path = folder.rstrip("/") + "/" + two.strip("/")
    assert below(path.rstrip("/") or "/", folder) or not two.strip("/")
    assert not below(folder + "x", folder) or folder == "/"


NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,8}(\.[a-z]{2,5}){1,2}", fullmatch=True)


@given(st.lists(st.tuples(NAMES, st.integers(1, 65535)), max_size=30))
def test_each_name_has_one_address_and_each_address_one_name(grants: list[tuple[str, int]]) -> None:
    made = endpoints(f"{host}:{port}" for host, port in grants)
    assert {(e.host, e.port) for e in made} == set(grants)
    assert len({e.address for e in made}) == len({e.host for e in made}) == len({(e.host, e.address6) for e in made})
    assert all(e.address.startswith("198.1") and not e.literal for e in made)


def test_a_literal_address_stands_for_itself() -> None:
    four, six, local = endpoints(["10.1.2.3:80", "[2001:DB8::1]:443", "Localhost:9"])
    assert (four.address, four.address6, four.literal) == ("10.1.2.3", "", True)
    assert (six.address, six.address6, six.literal) == ("", "2001:db8::1", True)
    assert (local.address, local.host) == ("127.0.0.1", "localhost")


def test_one_host_that_is_granted_by_several_names_has_each_address_once() -> None:
    grants = ["127.0.0.1:9", "localhost:9", "[::1]:9", "127.0.0.1:8", "[0:0::1]:8", "[::1]:8"]
    made = endpoints(grants)
    assert [(one.host, one.port) for one in made] == [("localhost", 9), ("127.0.0.1", 8), ("0:0::1", 8)]
    places = [(address, one.port) for one in made for address in (one.address, one.address6) if address]
    assert sorted(places) == [("127.0.0.1", 8), ("127.0.0.1", 9), ("::1", 8), ("::1", 9)]
    for to in ("127.0.0.1:9", "[::1]:8"):
        with pytest.raises(PolicyError, match="granted by another name too"):
            refuse_another_name(Secret("TOKEN", "env:TOKEN", to), made)
    refuse_another_name(Secret("TOKEN", "env:TOKEN", "localhost:9"), made)


@pytest.mark.parametrize(
    "text", ["", "host", ":80", "host:", "host:0", "host:65536", "host:\N{FULLWIDTH DIGIT EIGHT}", "host:-1", "host:+1"]
)
def test_what_is_not_host_and_port_is_refused(text: str) -> None:
    with pytest.raises(PolicyError):
        split(text)


@pytest.mark.parametrize("text", ["010.1.1.1", "1.2.3", "0x7f.0.0.1", "2130706433", "127.1", "1.2.3.4.5"])
def test_an_address_that_readers_disagree_about_is_a_name_that_nobody_resolves(text: str) -> None:
    """CVE-2021-29921 and its kin: octal and short forms; only the strict form is an address."""
    assert family(text) == 0
