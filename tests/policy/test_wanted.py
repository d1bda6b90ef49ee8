"""A failed program's trouble is explained with the grant that helps, and no word of a program makes us suggest more."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casemate.model.capability import Capability as C  # noqa: N817 -- a table of them
from casemate.model.policy import Grant, Policy, WriteMode
from casemate.model.sandbox import Denial, Outcome
from casemate.policy.expand import denied_paths
from casemate.policy.host import Host
from casemate.policy.sets import HOST_SECRETS, Places
from casemate.policy.wanted import MOST, Ground, wanted
from casemate.sandbox import choose

Explained = Callable[..., list[str]]
MISSING = "FileNotFoundError: [Errno 2] No such file or directory: {!r}"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home/.ssh").mkdir(parents=True)
    (tmp_path / "home/.ssh/id_ed25519").touch()
    (tmp_path / "home/work/.git").mkdir(parents=True)
    (tmp_path / "home/work/.git/config").touch()
    (tmp_path / "home/work/data.csv").touch()
    (tmp_path / "home/link").symlink_to(tmp_path / "home/.ssh/id_ed25519")
    return tmp_path / "home"


@pytest.fixture
def ground(home: Path) -> Ground:
    places = Places(str(home / "work"), (str(home),))
    return Ground(
        policy=Policy(),
        directory=str(home / "work"),
        denied=frozenset(denied_paths(Policy(), places, places.homes)),
        homes=(str(home),),
        environment={"MODE": "x", "API_TOKEN": "s3cret", "PATH": "/usr/bin:/bin", "LANG": "C"},
        passed=frozenset({"LANG"}),
    )


def said(ground: Ground, *lines: str) -> list[str]:
    return list(wanted(Outcome(1, last_words="\n".join(lines).encode(errors="surrogateescape")), ground))


def denied(ground: Ground, *denials: Denial, words: str = "") -> list[str]:
    return list(wanted(Outcome(1, denials=denials, last_words=words.encode()), ground))


def test_the_errors_of_wasi_have_the_same_words_and_other_numbers(ground: Ground, home: Path) -> None:
    (sentence,) = said(ground, f"FileNotFoundError: [Errno 44] No such file or directory: '{home}/work/data.csv'")
    assert f"--read {home}/work/data.csv would show it" in sentence


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("FileNotFoundError: [Errno 2] No such file or directory: 'ls'", "it starts no processes"),
        ("RuntimeError: can't start new thread", "it has no threads"),
        ("socket.gaierror: [Errno -3] Temporary failure in name resolution", "it has no sockets"),
        ("ConnectionRefusedError: [Errno 111] Connection refused", "it has no sockets"),
    ],
)
@pytest.mark.parametrize("backend", ["wasm", "graalpy"])
def test_what_a_backend_never_gives_is_not_suggested(ground: Ground, words: str, reason: str, backend: str) -> None:
    (sentence,) = said(replace(ground, backend=backend, never=choose(backend).never), words)
    assert f"(the {backend} backend cannot grant it: {reason})" in sentence
    assert "--" not in sentence
    assert choose("native").never == choose("oci:crun").never == {}


def test_a_file_that_is_there_is_named_with_option_and_policy(ground: Ground, home: Path) -> None:
    (sentence,) = said(ground, MISSING.format(f"{home}/work/data.csv"))
    assert f"--read {home}/work/data.csv would show it" in sentence
    assert f'[fs] read = ["{home}/work/data.csv"]' in sentence
    assert sentence.startswith("the program says")
    assert said(ground, MISSING.format("data.csv")) == [sentence]


def test_a_granted_file_and_one_that_nobody_has_are_not_named(ground: Ground, home: Path) -> None:
    granted = replace(ground, policy=Policy(grants=(Grant(C.FS_READ, str(home / "work")),)))
    assert said(granted, MISSING.format(f"{home}/work/data.csv")) == []
    assert said(ground, MISSING.format("/nowhere/at/all")) == []
    assert said(ground, MISSING.format("nothing-of-that-name")) == []


@pytest.mark.parametrize(
    "path",
    [
        "{home}/.ssh/id_ed25519",
        "{home}/.ssh",
        "{home}/link",
        "{home}",
        "{home}/..",
        "{home}/work/../.ssh/id_ed25519",
        "{home}/work/.git/config",
        "/",
        "/etc",
        "/root",
        *HOST_SECRETS,
        "/proc/1/environ",
        "/dev/mem",
        "/sys/kernel",
    ],
)
@pytest.mark.parametrize(
    "number", ["2] No such file or directory", "13] Permission denied", "30] Read-only file system"]
)
def test_no_secret_no_persistence_point_and_no_home_is_ever_suggested(
    ground: Ground, home: Path, path: str, number: str
) -> None:
    assert said(ground, f"OSError: [Errno {number}: {path.format(home=home)!r}") == []
    assert said(ground, f"cat: {path.format(home=home)}: {number.partition('] ')[2]}") == []


def test_what_the_policy_denies_is_never_suggested(ground: Ground, home: Path) -> None:
    strict = replace(ground, denied=frozenset({f"{home}/work/data.csv"}))
    assert said(strict, MISSING.format(f"{home}/work/data.csv")) == []
    assert said(strict, MISSING.format(f"{home}/work")) == []


def test_a_place_that_may_only_be_read_is_named_for_writing(ground: Ground, tmp_path: Path) -> None:
    (tmp_path / "srv/out").mkdir(parents=True)
    place = tmp_path / "srv"
    (sentence,) = said(ground, f"OSError: [Errno 30] Read-only file system: '{place}/out/new'")
    assert f"--write {place}/out would" in sentence
    (sentence,) = said(ground, MISSING.format(f"{place}/out/new"))
    assert f"--write {place}/out would let it make the file" in sentence
    assert said(ground, f"OSError: [Errno 30] Read-only file system: '{place}/out/x.pth'") == []


def test_variables_are_named_unless_they_look_like_secrets(ground: Ground) -> None:
    (sentence,) = said(ground, "KeyError: 'MODE'")
    assert "--env MODE would allow it" in sentence
    assert said(ground, "KeyError: 'API_TOKEN'", "KeyError: 'LANG'", "KeyError: 'UNSET'") == []


def test_denials_are_told_with_the_grant(ground: Ground) -> None:
    assert "(--connect a.example:PORT would allow it" in denied(ground, Denial(C.NET_DNS, "a.example"))[0]
    assert "[native] wx = true" in denied(ground, Denial(C.NATIVE_WX, "mmap"))[0]
    assert "(no grant allows it)" in denied(ground, Denial(C.KERNEL, "bpf"))[0]
    assert "(--unix @private would" in denied(ground, Denial(C.NET_UNIX, "", "socket(AF_UNIX, SOCK_STREAM)"))[0]


def test_its_own_python_is_told_by_the_word_for_it(ground: Ground, tmp_path: Path) -> None:
    python = tmp_path / "python3"
    python.symlink_to("/usr/bin/env")
    (sentence,) = denied(replace(ground, executable="/usr/bin/env"), Denial(C.PROC_SPAWN, str(python)))
    assert "(--spawn @python would" in sentence


def test_a_program_is_told_once_and_where_it_is(ground: Ground) -> None:
    tried = [Denial(C.PROC_SPAWN, f"{folder}/env") for folder in ("/nowhere", "/usr/bin", "/bin")]
    (sentence,) = denied(ground, *tried, words="PermissionError: [Errno 1] Operation not permitted: 'env'")
    assert sentence.startswith("denied: proc.spawn /usr/bin/env (--spawn /usr/bin/env would allow it; in a policy:")
    assert denied(ground, Denial(C.PROC_SPAWN, "/nowhere/x")) == [
        "denied: proc.spawn x (it was not found on this host)"
    ]
    assert denied(ground, Denial(C.PROC_SPAWN, ""))[0].startswith("denied: proc.spawn another program")


def test_the_hosts_that_a_program_names_are_suggested_for_a_denied_network(ground: Ground) -> None:
    words = "ConnectionError: HTTPSConnectionPool(host='api.example.com', port=443): x\nsocket.gaierror: [Errno -3] x"
    socket = Denial(C.NET_CONNECT, "", "socket(AF_INET, SOCK_STREAM)")
    (sentence,) = denied(ground, socket, Denial(C.NET_DNS, "", "socket(AF_INET, SOCK_DGRAM)"), words=words)
    assert "--connect api.example.com:443 would allow it" in sentence
    assert "--connect HOST:PORT would allow it" in denied(ground, socket)[0]


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ("MemoryError", "memory"),
        ("OSError: [Errno 24] Too many open files: '/x'", "fds"),
        ("RuntimeError: can't start new thread", "processes"),
        ("OSError: [Errno 27] File too large", "disk"),
        ("OSError: [Errno 28] No space left on device", "tmp"),
    ],
)
def test_limits_are_told(ground: Ground, line: str, key: str) -> None:
    (sentence,) = said(ground, line)
    assert f" {key} = " in sentence
    assert "would raise it" in sentence


@pytest.mark.parametrize("by", ["wall limit", "cpu limit", "output limit"])
def test_a_limit_that_ended_it_is_told(ground: Ground, by: str) -> None:
    (sentence,) = wanted(Outcome(137, ended_by=by), ground)
    assert sentence.startswith(f"the program was ended by the {by}")
    assert f"[limits] {by.split(maxsplit=1)[0]} = " in sentence


def test_there_is_an_end_to_it(ground: Ground) -> None:
    sentences = denied(ground, *(Denial(C.NET_DNS, f"a{n}.example") for n in range(500)))
    assert len(sentences) == MOST + 1
    assert "and 494 more" in sentences[-1]


def test_a_path_that_a_shell_or_a_policy_reads_otherwise_is_quoted(ground: Ground, tmp_path: Path) -> None:
    place = tmp_path / 'srv/it\'s "$(x)"; rm'
    place.parent.mkdir()
    place.touch()
    (sentence,) = said(ground, MISSING.format(str(place)))
    assert "'\"'\"'" in sentence
    assert '\\"$(x)\\"' in sentence
    (tmp_path / "srv/\udcff").touch()
    (sentence,) = said(ground, MISSING.format(str(tmp_path / "srv/\udcff")))
    assert "in a policy" not in sentence  # a policy file cannot hold such a name


def test_nothing_is_looked_at_below_an_automounter(tmp_path: Path) -> None:
    (tmp_path / "net/host").mkdir(parents=True)
    (tmp_path / "link").symlink_to("net/host")
    (tmp_path / "loop").symlink_to("loop")
    assert Host(()).there(str(tmp_path / "net/host"))
    assert Host(()).folder(str(tmp_path / "link"))
    avoiding = Host((str(tmp_path / "net"),))
    for name in ("net", "net/host", "link", "x/../net/host", "./net/host", "loop"):
        assert not avoiding.there(str(tmp_path / name))
    assert avoiding.there(str(tmp_path))
    assert not Host(("",)).there("/etc")


def test_links_lead_where_the_kernel_would_go(tmp_path: Path) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/b/file").touch()
    (tmp_path / "c").symlink_to("a/b")
    (tmp_path / "d").symlink_to(tmp_path / "c/../b/file")
    for name in ("c/file", "c/../b/file", "d", "c/..", "a//b/./file", "nowhere", "a/b/file/x", "c/../../x"):
        path = str(tmp_path / name)
        assert Host(()).there(path) == os.path.lexists(path), name
        assert Host(()).file(path) == Path(path).is_file(), name


@given(st.binary(max_size=3000), st.lists(st.tuples(st.sampled_from(C), st.text(max_size=30), st.text(max_size=9))))
def test_nothing_that_happened_or_was_said_makes_it_fail(
    ground: Ground, words: bytes, denials: list[tuple[C, str, str]]
) -> None:
    outcome = Outcome(1, denials=tuple(Denial(*denial) for denial in denials), last_words=words)
    assert len(list(wanted(outcome, ground))) <= MOST + 1


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=60), st.sampled_from([MISSING, "KeyError: {!r}"]))
def test_no_name_makes_it_fail(ground: Ground, name: str, form: str) -> None:
    assert len(said(ground, form.format(name), f"sh: {name}: not found", f"x: /{name}: Permission denied")) <= MOST + 1


def test_a_direct_grant_is_a_grant(ground: Ground, tmp_path: Path) -> None:
    (tmp_path / "srv").mkdir()
    granted = replace(ground, policy=Policy(grants=(Grant(C.FS_WRITE, str(tmp_path / "srv"), WriteMode.DIRECT),)))
    assert said(granted, MISSING.format(f"{tmp_path}/srv/x")) == []


def test_no_room_may_be_the_disk_of_a_direct_grant(ground: Ground) -> None:
    granted = replace(ground, policy=Policy(grants=(Grant(C.FS_WRITE, "/srv/data", WriteMode.DIRECT),)))
    words = "OSError: [Errno 28] No space left on device: '/srv/data/x'"
    assert ["the disk of /srv/data may be full" in sentence for sentence in said(granted, words)] == [True]
    assert ["the disk of" in sentence for sentence in said(ground, words)] == [False]
