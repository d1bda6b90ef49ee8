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

REFERENCE = re.compile(
    r"CVE-\d{4}-\d{4,}|CWE-\d+|PEP \d+|RFC \d+|T1\d{3}|\w+\(\d\)|privilege\.md|DESIGN|#\d+|\w+\.\w+|\(.+\)|:"
)


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
    assert REFERENCE.search(probe.reference), probe.reference
    assert "'s kin" not in probe.reference


def test_every_class_of_acts_has_a_probe() -> None:
    tried = {probe.kind for probe in catalogue()}
    assert set(CLASSES) - tried == set()
    without = {c for c in Capability if c.enforceable and not classes_of(c)}
    assert {str(capability) for capability in without} - tried == set()


def test_every_bypass_of_the_reference_has_a_probe() -> None:
    """What broke the others, privilege.md §3: those that a program inside can try."""
    said = " ".join(probe.reference for probe in catalogue())
    for name in (
        *("CVE-2026-25725", "CVE-2026-26268", "CVE-2026-50549", "sandlock#112", "sandlock#179", "sandlock#236"),
        *("landrun#43", "CVE-2025-61260", "CVE-2025-55130", "CVE-2026-21636", "CVE-2026-21711", "CVE-2025-48888"),
        *("CVE-2025-61786", "CVE-2025-66479", "CVE-2023-37271", "CVE-2023-41039", "CVE-2024-47532", "CVE-2025-5120"),
        *("CVE-2026-2654", "CVE-2025-14931", "CVE-2026-0863", "CVE-2025-24359", "CVE-2026-55244", "CVE-2025-3248"),
        *("build123d-mcp#314", "toolkit#2631", "initrunner#141", "PEP 768", "oracle/graalpython 87e4a5db2e"),
        *("§0.1", "R5", "R6", "R7", "R8", "R9", "R10", "R15"),
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
