"""A policy that was packed is the same policy, and what was not packed is none."""

import os
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casemate.model.capability import Capability
from casemate.model.policy import Assurance, Grant, Limits, Missing, Policy, WriteMode
from casemate.model.secret import Secret
from casemate.policy import packed
from casemate.policy.file import load
from casemate.policy.packed import origin, pack, unpack

WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0*?[]{}"), max_size=20)
SIZES = st.integers(0, 1 << 62)
GRANTS = st.builds(
    Grant,
    st.sampled_from(Capability),
    WORDS,
    st.none() | st.sampled_from(WriteMode),
    st.none() | SIZES,
    WORDS,
)
POLICIES = st.builds(
    Policy,
    name=WORDS,
    backends=st.lists(WORDS, max_size=3).map(tuple),
    layers=st.integers(1, 9),
    assurance=st.sampled_from(Assurance),
    grants=st.lists(GRANTS, max_size=5).map(tuple),
    deny=st.lists(WORDS, max_size=4).map(tuple),
    missing=st.sampled_from(Missing),
    tmp_bytes=SIZES,
    image=WORDS,
    settings=st.lists(st.tuples(WORDS, WORDS), max_size=3).map(tuple),
    secrets=st.lists(st.builds(Secret, WORDS, WORDS, WORDS), max_size=3).map(tuple),
    limits=st.builds(Limits, *[SIZES] * len(fields(Limits))),
)


@given(POLICIES)
def test_what_was_packed_is_unpacked_with_every_field(policy: Policy) -> None:
    data = pack(policy)
    assert data is not None
    again = unpack(data)
    assert again == policy
    assert again is not None
    assert [grant.why for grant in again.grants] == [grant.why for grant in policy.grants]


def test_the_strategy_knows_every_field() -> None:
    chosen = {
        "name",
        "backends",
        "layers",
        "assurance",
        "grants",
        "deny",
        "missing",
        "tmp_bytes",
        "image",
        "settings",
        "secrets",
        "limits",
    }
    assert {field.name for field in fields(Policy)} == chosen


@given(POLICIES, st.data())
def test_what_was_cut_or_lengthened_is_no_policy(policy: Policy, data: st.DataObject) -> None:
    whole = pack(policy)
    assert whole is not None
    words = whole.split(b"\0")
    assert unpack(b"\0".join(words[: data.draw(st.integers(0, len(words) - 1))])) is None
    assert unpack(whole + b"\0") is None


@given(st.binary(max_size=200))
def test_any_other_bytes_are_no_policy_and_no_error(data: bytes) -> None:
    assert unpack(data) is None


@pytest.mark.parametrize("name", ["*.txt", "a?", "[a]", "{a}"])
def test_a_name_that_could_be_a_pattern_is_not_kept(name: str) -> None:
    assert pack(Policy(grants=(Grant(Capability.FS_READ, f"/tmp/{name}"),))) is None  # noqa: S108 -- only a name
    assert pack(Policy(deny=(f"/tmp/{name}",))) is None  # noqa: S108 -- likewise


def test_a_value_with_a_nul_is_not_kept() -> None:
    assert pack(Policy(settings=(("A", "b\0c"),))) is None


def test_the_origin_is_the_place_the_bytes_and_ourselves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = str(tmp_path / "casemate.toml")
    first = origin(here, b"a", "1")
    assert first == origin(here, b"a", "1")
    others = {origin(here, b"b", "1"), origin(here, b"a", "2"), origin("/etc/casemate.toml", b"a", "1")}
    monkeypatch.setattr(packed, "FORMAT", "other")
    assert first not in others | {origin(here, b"a", "1")}
    assert len(others) == 3


def test_a_link_counts_as_where_it_leads(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    assert origin(str(tmp_path / "link/p"), b"", "1") == origin(str(tmp_path / "real/p"), b"", "1")


def test_a_policy_of_a_file_is_kept_whole(tmp_path: Path) -> None:
    file = tmp_path / "casemate.toml"
    file.write_text(
        '[policy]\nversion = 1\nname = "shop"\nlayers = 2\n[fs]\nread = ["@system", "data"]\n'
        'write = [{ path = "out", mode = "commit", max = "1MiB" }]\n[net]\nconnect = ["example.com:443"]\n'
        '[env]\npass = ["A"]\nset = { B = "c d" }\n[limits]\ncpu = "30s"\n',
        encoding="utf-8",
    )
    policy = load(os.fspath(file)).policy
    data = pack(policy)
    assert data is not None
    assert unpack(data) == policy
