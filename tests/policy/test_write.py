import pytest
from hypothesis import given
from hypothesis import strategies as st

from casemate.model.capability import Capability
from casemate.model.errors import PolicyError
from casemate.model.policy import Assurance, Grant, Limits, Missing, Policy, WriteMode
from casemate.model.secret import Secret
from casemate.model.visible import is_hidden
from casemate.policy.file import parse
from casemate.policy.write import comment, quote, render

NAMES = st.text(
    st.characters(exclude_categories=("Cc", "Cs"), exclude_characters="/*?[]{}"), min_size=1, max_size=8
).filter(lambda name: name not in (".", ".."))
PATHS = st.lists(NAMES, min_size=1, max_size=3).map(lambda parts: "/" + "/".join(parts))
FOLDERS = st.sampled_from(["/", "/srv", "/srv/app"])
BELOW = st.tuples(FOLDERS, PATHS).map(lambda pair: pair[0].rstrip("/") + pair[1])
HOSTS = st.tuples(st.sampled_from(["a.example", "10.0.0.1", "[::1]"]), st.integers(1, 65535)).map(
    lambda pair: f"{pair[0]}:{pair[1]}"
)
ADDRESSES = st.integers(1, 65535).map(lambda port: f"127.0.0.1:{port}")
VARIABLES = st.from_regex(r"[A-Z_][A-Z0-9_]{0,5}", fullmatch=True)
SIZES = st.integers(1, 1 << 50)


def grants(capability: Capability, resources: st.SearchStrategy[str]) -> st.SearchStrategy[list[Grant]]:
    return st.lists(resources, max_size=3, unique=True).map(lambda found: [Grant(capability, text) for text in found])


WRITES = st.lists(
    st.builds(
        Grant,
        st.just(Capability.FS_WRITE),
        BELOW,
        st.sampled_from(WriteMode),
        st.one_of(st.none(), SIZES),
        why=st.text(max_size=9),
    ),
    max_size=3,
    unique_by=lambda grant: grant.resource,
)


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    passed = draw(grants(Capability.ENV_READ, VARIABLES))
    names = {grant.resource for grant in passed}
    settings = draw(st.dictionaries(VARIABLES.filter(lambda name: name not in names), _values(), max_size=2))
    reads = draw(grants(Capability.FS_READ, st.one_of(BELOW, st.sampled_from(["@python", "@cwd", "@tls"]))))
    connect = draw(grants(Capability.NET_CONNECT, HOSTS))
    known = {*names, *settings}
    hosts = [grant.resource for grant in connect]
    sources = st.one_of(
        VARIABLES.filter(lambda name: name not in names).map(lambda name: f"env:{name}"),
        BELOW.map(lambda path: f"file:{path}"),
    )
    secret = st.builds(
        Secret, VARIABLES.filter(lambda name: name not in known), sources, st.sampled_from(hosts or [""])
    )
    secrets = draw(st.lists(secret, max_size=2 if hosts else 0, unique_by=lambda one: one.name))
    everything = [
        *reads,
        *draw(WRITES),
        *connect,
        *draw(grants(Capability.NET_LISTEN, st.one_of(ADDRESSES, st.just("@private")))),
        *draw(grants(Capability.NET_UNIX, st.one_of(BELOW, st.just("@private")))),
        *draw(grants(Capability.PROC_SPAWN, st.one_of(BELOW, st.just("@python")))),
        *passed,
        *draw(st.sampled_from([[], [Grant(Capability.NATIVE_WX, "")]])),
    ]
    return Policy(
        name=draw(st.one_of(st.just(""), NAMES)),
        layers=draw(st.integers(1, 9)),
        assurance=draw(st.sampled_from(Assurance)),
        grants=tuple(everything),
        deny=tuple(
            draw(st.lists(st.one_of(BELOW, st.sampled_from(["@secrets", "@persist"])), unique=True, max_size=3))
        ),
        missing=draw(st.sampled_from(Missing)),
        tmp_bytes=draw(SIZES),
        image=draw(st.sampled_from(["", "/srv/root", "/srv/app/root", "/a b"])),
        settings=tuple(settings.items()),
        secrets=tuple(secrets),
        limits=draw(st.builds(Limits, *[st.integers(0, 1 << 40)] * 7)),
    )


def _values() -> st.SearchStrategy[str]:
    return st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=8)


@given(policies(), FOLDERS)
def test_a_written_policy_is_read_back_as_the_same(policy: Policy, folder: str) -> None:
    text = render(policy, folder, header=["a\nb"], unresolved=["c\rd"])
    assert parse(text.encode(), "casemate.toml", folder)[0] == policy


@given(st.text())
def test_a_comment_cannot_end_its_line(text: str) -> None:
    assert comment(text).isprintable()


def test_a_reason_cannot_become_a_grant() -> None:
    hostile = Grant(Capability.FS_READ, "/a", why='x\n  "/etc/shadow",')
    text = render(Policy(grants=(hostile,)), "/")
    assert parse(text.encode(), "x", "/")[0] == Policy(grants=(Grant(Capability.FS_READ, "/a"),))


def test_what_the_format_has_no_words_for_is_refused_and_not_dropped() -> None:
    with pytest.raises(PolicyError, match=r"fs\.exec"):
        render(Policy(grants=(Grant(Capability.FS_EXEC, "/bin/sh"),)), "/")
    with pytest.raises(PolicyError, match="UTF-8"):
        quote("a\udcff")


@pytest.mark.parametrize("hidden", ["\u3164", "\u115f", "\ufe0f", "\U000e0100", "\u202e", "\u00a0"])
def test_a_reader_of_the_file_sees_every_character_of_it(hidden: str) -> None:
    policy = Policy(grants=(Grant(Capability.FS_READ, f"/srv/data{hidden}", why=f"a line{hidden}"),))
    text = render(policy, "/srv", [f"a header{hidden}"], [f"a place{hidden}"])
    assert not any(map(is_hidden, text.replace("\n", "").replace("\N{REPLACEMENT CHARACTER}", "")))
    assert (
        next(parse(text.encode(), "casemate.toml", "/srv")[0].of(Capability.FS_READ)).resource == f"/srv/data{hidden}"
    )
