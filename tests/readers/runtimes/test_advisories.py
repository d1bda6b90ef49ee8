"""Advisories of runtimes: the versions of each spelling, and what is said of the builds of a distribution."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casemate.readers.runtimes import OF_DISTRIBUTION, UNKNOWN, collected, known, matches, of_backend, parse, runtimes


def ids(runtime: str, version: str) -> set[str]:
    return {advisory.id for advisory in known(runtime, version)}


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("1.1.5+ds1-1+deb12u1", "1.1.5"),
        ("runc version 1.1.5+ds1", "1.1.5"),
        ("QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18+b4)", "7.2.22"),
        ("1:7.2+dfsg-7+deb12u18", "7.2"),
        ("release-20250319.0", "20250319"),
        ("v1.20", "1.20.0"),
        ("1.4.0-rc.2", "1.4.0-rc2"),
        ("crun version 1.28.1-dev-4-g1a2b3c4", "1.28.1-dev4"),
        ("1.4.0-rc", "1.4.0-rc0"),
    ],
)
def test_every_spelling_of_a_version_is_read(text: str, same: str) -> None:
    assert parse(text) == parse(same) is not None


def test_versions_are_ordered_as_their_authors_order_them() -> None:
    order = [
        "1.0.0-dev",
        "1.0.0-rc3",
        "1.0.0-rc93",
        "1.0.0-rc95",
        "1.0.0",
        "1.1.4",
        "1.1.12",
        "1.2.0-rc.1",
        "1.2.0",
        "20221219.0",
    ]
    parsed = [version for text in order if (version := parse(text))]
    assert parsed == sorted(parsed)
    assert len(set(parsed)) == len(order)


@pytest.mark.parametrize(
    ("runtime", "version", "id", "affected"),
    [
        ("runc", "1.1.11", "CVE-2024-21626", True),
        ("runc", "1.1.12", "CVE-2024-21626", False),
        ("runc", "1.0.0-rc92", "CVE-2024-21626", False),
        ("runc", "1.0.0-rc6", "CVE-2019-5736", True),
        ("runc", "1.2.8", "CVE-2025-31133", False),
        ("runc", "1.3.2", "CVE-2025-52881", True),
        ("runc", "1.4.0-rc.2", "CVE-2025-52565", True),
        ("runc", "1.4.0", "CVE-2025-52565", False),
        ("runc", "1.4.2", "CVE-2026-41579", True),
        ("crun", "1.19.1", "CVE-2025-24965", True),
        ("crun", "1.20", "CVE-2025-24965", False),
        ("wasmtime", "6.0.0", "CVE-2023-26489", True),
        ("wasmtime", "5.0.1", "CVE-2023-26489", False),
        ("wasmtime", "28.0.0", "CVE-2026-24116", False),
        ("wasmtime", "29.0.0", "CVE-2026-24116", True),
        ("bubblewrap", "0.11.1", "CVE-2026-41163", True),
        ("bubblewrap", "0.8.0", "CVE-2026-41163", False),
        ("graalpy", "25.1.3", "graalpython 87e4a5db2e", False),
    ],
)
def test_the_ranges_are_those_of_the_sources(runtime: str, version: str, id: str, *, affected: bool) -> None:  # noqa: A002 -- its name
    assert (id in ids(runtime, version)) is affected


def test_a_build_of_a_distribution_may_have_the_fix() -> None:
    assert all(OF_DISTRIBUTION in one.note for one in known("runc", "1.1.5+ds1-1+deb12u1"))
    assert not [one for one in known("runc", "1.1.5") if OF_DISTRIBUTION in one.note]
    assert known("runc", "9.0+ds1-1+deb12u1") == ()
    assert OF_DISTRIBUTION in known("linux", "Linux 6.1.0-18-amd64")[0].note


def test_a_version_that_cannot_be_read_is_said_and_every_advisory_listed() -> None:
    assert len(known("runc", "")) == 12
    assert all(UNKNOWN in one.note for one in known("runc", "VERSION_MISSING"))


def test_an_unknown_runtime_has_none() -> None:
    assert known("sandlock", "1.0") == known("sandlock", "") == ()


def test_a_backend_stands_on_its_runtime_whatever_else_its_version_names() -> None:
    assert of_backend("oci:runc", "runc version 1.1.5") == known("runc", "1.1.5")
    assert of_backend("wasm", "CPython 3.12.0, wasmtime 28.0.0") == known("wasmtime", "28.0.0") != ()
    assert of_backend("vm", "QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg)") == known("qemu", "7.2+dfsg")
    assert of_backend("graalpy", "GraalPy 25.0.1 on Java 25.0.2") == known("graalpy", "25.0.1") != ()
    assert of_backend("native", "Linux 6.18.0") == ()


def test_every_row_has_a_range_a_sentence_and_a_source() -> None:
    assert set(runtimes()) == {
        *("runc", "crun", "youki", "runsc", "bubblewrap", "qemu", "graalpy", "linux", "wasmtime")
    }
    for runtime in runtimes():
        every = known(runtime, "")
        assert len({one.id for one in every}) == len(every)
        for one in every:
            assert re.fullmatch(r"(CVE-\d{4}-\d{4,}|GHSA(-\w{4}){3}|graalpython \w+)", one.id)
            assert re.fullmatch(r"(versions not named|upstream .*); .*; https://\S+", one.note)
            assert one.summary
            assert not one.summary.endswith(".")
        assert known(runtime, "1.0.0") is not None  # every range can be read
    assert collected().year == 2026


@pytest.mark.parametrize("span", ["", "1.0", "<", ">=1.0, <2.0", "<x"])
def test_a_wrong_range_is_an_error_of_ours(span: str) -> None:
    with pytest.raises(ValueError, match="is no range"):
        matches(((1,), 4, 0), span)


@given(st.text())
def test_any_text_is_a_version_or_none(text: str) -> None:
    assert isinstance(known("runc", text), tuple)
