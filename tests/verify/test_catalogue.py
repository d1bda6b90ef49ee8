"""The list of probes is what an expert reads: each has a class, a sentence and a reference; none is executed here."""

import ast
import re
from pathlib import Path

import pytest

from casemate.model.capability import Capability
from casemate.model.classes import CLASSES, classes_of
from casemate.model.errors import UsageError
from casemate.model.verification import Probe
from casemate.verify import catalogue, chosen
from casemate.verify.catalogue import FOLDER, source
from casemate.verify.grants import policy_for

REFERENCE = re.compile(  # each begins with a source that anybody can look up
    r"CVE-\d{4}-\d{4,}\b|CWE-\d+\b|PEP \d+\b|RFC \d+\b|MITRE ATT&CK T1\d{3}(\.\d{3})?\b"
    r"|[\w-]+(\.\w+)?\((\d|2const)\)"  # a manual page: mount(2), ld.so(8), PR_SET_MDWE(2const)
    r"|[\w.-]+/[\w.-]+(#\d+| [0-9a-f]{10,40})\b"  # an issue or a commit of a public project
    r"|linux ([0-9a-f]{12,40}\b|[\w/.-]+/Kconfig)|Documentation/[\w/.-]+\.rst\b"  # of the kernel
    r"|(docs\.python\.org|docs\.deno\.com|sqlite\.org)/[\w/.-]+"
)
OURS = re.compile(r"(?<!/)\b[\w-]+\.md\b|\b(DESIGN|STYLE|decision)\b|\bR\d+\b|(?<!RFC \d{4} )§")


def test_there_are_enough_and_each_is_one_of_its_kind() -> None:
    probes = catalogue()
    assert len(probes) >= 150
    assert len({probe.name for probe in probes}) == len(probes)
    assert len({(probe.kind, probe.summary, probe.granted) for probe in probes}) == len(probes)


@pytest.mark.parametrize("probe", catalogue(), ids=lambda probe: probe.name)
def test_a_probe_says_what_it_is(probe: Probe) -> None:
    assert probe.kind in CLASSES or not classes_of(probe.capability) or probe.kind == Capability.PROC_FORK
    assert 4 < len(probe.summary) < 130
    assert probe.summary[0].isupper()
    assert REFERENCE.match(probe.reference), probe.reference
    assert not OURS.search(probe.reference), probe.reference


@pytest.mark.parametrize(
    "reference",
    [
        *("privilege.md §5.3 fs.read", "DESIGN decision 13: a quota", "a well known trick", "uinput: keys"),
        *("gc.get_objects", "mount", "the 0.0.0.0 day of 2024", "CVE-2024", "see mount(2)", "sandlock#179", ""),
    ],
)
def test_what_nobody_can_look_up_is_no_reference(reference: str) -> None:
    assert not REFERENCE.match(reference) or OURS.search(reference)


@pytest.mark.parametrize(
    "reference", ["kill(2); privilege.md R10", "CWE-59; R6", "CWE-770: decision 13", "mount(2) §3.1"]
)
def test_a_note_of_ours_beside_a_source_is_found(reference: str) -> None:
    assert OURS.search(reference)


def test_every_class_of_acts_has_a_probe() -> None:
    tried = {probe.kind for probe in catalogue()}
    assert set(CLASSES) - tried == set()
    without = {c for c in Capability if c.enforceable and not classes_of(c)}
    assert {str(capability) for capability in without} - tried == set()


def test_every_published_bypass_has_a_probe() -> None:
    """What broke other sandboxes and permission models: what of it a program inside can try."""
    said = " ".join(probe.reference for probe in catalogue())
    for name in (
        *(
            "CVE-2026-25725",
            "CVE-2026-26268",
            "CVE-2026-39861",
            "CVE-2026-50549",
            "CVE-2026-55244",
            "CVE-2025-61260",
            "CVE-2025-66479",
            "Zouuup/landrun#43",
        ),
        *(
            "multikernel/sandlock#112",
            "multikernel/sandlock#179",
            "multikernel/sandlock#236",
            "multikernel/sandlock#246",
        ),
        *("CVE-2025-55130", "CVE-2025-55132", "CVE-2026-21636", "CVE-2026-21711", "CVE-2026-21715"),
        *("CVE-2025-48888", "CVE-2025-61786", "oracle/graalpython 87e4a5db2e"),
        *("CVE-2023-37271", "CVE-2023-41039", "CVE-2024-47532", "CVE-2025-24359", "CVE-2026-0863"),
        *("CVE-2025-5120", "CVE-2025-14931", "CVE-2026-2654", "CVE-2025-3248"),
        *("pzfreo/build123d-mcp#314", "microsoft/agent-governance-toolkit#2631", "vladkesler/initrunner#141"),
        *("python/cpython#115322", "PEP 768", "CVE-2019-5736", "CVE-2024-21626", "CVE-2025-31133", "CVE-2025-52881"),
    ):
        assert name in said, name


def test_nothing_of_ours_imports_a_probe() -> None:
    for path in FOLDER.parents[1].rglob("*.py"):
        if path.parent != FOLDER:
            assert not re.search(r"^\s*(from|import) \S*probes", path.read_text(encoding="utf-8"), re.MULTILINE), path


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.stem)
def test_a_file_of_probes_runs_on_the_oldest_python_of_a_target(path: Path) -> None:
    ast.parse(source(path.stem), feature_version=(3, 8))
    assert "from __future__ import annotations" in source(path.stem)


def test_a_probe_knows_no_token() -> None:
    for path in FOLDER.glob("*.py"):
        assert "canary-" not in source(path.stem).replace('"canary-" in said', "").replace("casemate-canary", ""), (
            "the beginning of a token would be found in the text of the probe"
        )


def test_the_canaries_of_a_helper_are_those_of_its_probe() -> None:
    (probe,) = chosen(["local_sockets/be-handed-a-file-beside-a-grant"])
    assert "asked" in probe.uses


def test_one_asks_by_class_capability_family_file_or_name() -> None:
    assert {probe.kind for probe in chosen(["kernel.perf"])} == {"kernel.perf"}
    assert {probe.capability for probe in chosen(["proc.trace"])} == {Capability.PROC_TRACE}
    assert {probe.capability.family for probe in chosen(["net"])} == {"net"}
    assert {probe.file for probe in chosen(["jail"])} == {"jail"}
    assert [probe.name for probe in chosen(["kernel/bpf", "kernel/bpf"])] == ["kernel/bpf"]
    with pytest.raises(UsageError, match="no probe is called"):
        chosen(["fs.nothing"])


def test_a_word_of_granted_that_means_nothing_is_an_error() -> None:
    from dataclasses import replace  # noqa: PLC0415 -- only here

    from casemate.model.policy import Policy  # noqa: PLC0415 -- likewise

    (probe,) = chosen(["kernel/bpf"])
    with pytest.raises(ValueError, match="nothing is called everything"):
        policy_for(Policy(), [(replace(probe, granted=("everything",)), Path("/x"))], "")
