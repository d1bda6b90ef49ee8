from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casemate.policy import values


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("data", "/srv/app/data"),
        ("./data/", "/srv/app/data"),
        ("../other", "/srv/other"),
        ("/a//b/./c", "/a/b/c"),
        (".", "/srv/app"),
        ("./@home", "/srv/app/@home"),
    ],
)
def test_a_path_begins_in_the_folder_of_the_file(written: str, meant: str) -> None:
    assert values.path(written, "/srv/app") == meant


@pytest.mark.parametrize(
    "written",
    [
        "",
        "a\0b",
        "a\nb",
        "a\x1bb",
        "a\x9bb",
        "../../../x",
        "/../x",
        "a/../b",
        "/a/../b",
        "~/x",
        "*.py",
        "a[0]",
        "a?",
        3,
        True,
    ],
)
def test_what_is_no_literal_path_is_refused(written: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        values.path(written, "/srv/app")


def test_a_name_with_a_glob_character_is_a_name_where_such_a_file_exists(tmp_path: Path) -> None:
    (tmp_path / "[id].js").touch()
    assert values.path("[id].js", str(tmp_path)) == f"{tmp_path}/[id].js"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("API.Example.com:443", "api.example.com:443"),
        ("127.0.0.1:080", "127.0.0.1:80"),
        ("[0:0::1]:80", "[::1]:80"),
        ("a_b.internal:1", "a_b.internal:1"),
        ("localhost:65535", "localhost:65535"),
    ],
)
def test_a_host_has_one_spelling(written: str, meant: str) -> None:
    assert values.host_port(written) == meant


@pytest.mark.parametrize(
    "written",
    [
        "example.com",
        "example.com:",
        "example.com:0",
        "example.com:65536",
        "example.com:²",
        "example.com:99999999999999999999",
        "*.example.com:443",
        "user@example.com:443",
        "https://example.com:443",
        "example.com/x:443",
        "exa\0mple.com:443",
        "exämple.com:443",
        "2130706433:80",
        "127.1:80",
        "0x7f.0.0.1:80",
        "127.0.0.01:80",
        "0177.0.0.1:80",
        "::1:80",
        "[fe80::1%eth0]:80",
        "[127.0.0.1]:80",
        "-a.com:1",
        "a..b:1",
        f"{'a' * 64}.com:1",
        ":80",
        80,
    ],
)
def test_an_ambiguous_host_is_refused(written: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        values.host_port(written)


def test_a_port_is_listened_on_at_an_address_and_not_at_a_name() -> None:
    assert values.listen_port("[::]:8080") == "[::]:8080"
    with pytest.raises(ValueError, match="IP address"):
        values.listen_port("localhost:80")


@pytest.mark.parametrize(("written", "size"), [(7, 7), ("64KiB", 65536), ("2GiB", 2 << 30), ("0", 0), ("12B", 12)])
def test_sizes(written: object, size: int) -> None:
    assert values.size(written) == size


@pytest.mark.parametrize(
    "written", ["64kb", "1.5GiB", "-1", -1, True, 1.0, "", "9" * 20, "9999999999TiB", None, "\u0661MiB"]
)
def test_what_is_no_size_is_refused(written: object) -> None:
    with pytest.raises(ValueError, match="size"):
        values.size(written)


@pytest.mark.parametrize(("written", "seconds"), [(10, 10), ("10s", 10), ("10m", 600), ("1h", 3600), ("2d", 172800)])
def test_durations(written: object, seconds: int) -> None:
    assert values.duration(written) == seconds


@given(st.integers(0, values.LARGEST))
def test_a_spelled_size_is_read_back(number: int) -> None:
    assert values.size(_toml(values.spell_size(number))) == number


@given(st.integers(0, values.LARGEST))
def test_a_spelled_duration_is_read_back(number: int) -> None:
    assert values.duration(_toml(values.spell_duration(number))) == number


def _toml(spelled: str) -> object:
    return spelled.strip('"') if spelled.startswith('"') else int(spelled)
