"""A hostile path stays one word: each format is read back by the tool that it is for."""
# ruff: noqa: S607 -- the tools as the user's PATH finds them

import csv
import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.conftest import require

from casemate.model.errors import PolicyError
from casemate.policy.export import spell, systemd
from casemate.policy.export.deployment import is_text, label, plain, sentence

HOSTILE = (
    '/a b/c"d\'e\\f', "/x:y,z", "/%n/%%h/$HOME/${X}", "/*?[a]{b,c}^@{HOME}", "/a\\", "/a ", "/ a", "/#c;d", "/\\x20\\n",
    "/é/\u4e2d/\U0001f40d", "/a}\u00a0b", '/x" rwix, "/etc/shadow', "/a b:rw,exec", "/-x", "/~",
    "/a\u3000b", "/!&|<>()`",
)  # fmt: skip
SPECIAL = " \"'\\:,%$*?[]{}^@#;=-~|&<>()!`\u00e9\u4e2d\U0001f40dabn0x"
LETTERS = st.characters(exclude_categories=("Cc", "Cs"), exclude_characters="/\u2028\u2029")
parts = st.text(
    st.one_of(
        st.sampled_from(SPECIAL), st.characters(exclude_categories=("Cc", "Cs"), exclude_characters="/\u2028\u2029")
    ),
    min_size=1,
    max_size=12,
).filter(lambda part: part not in (".", "..") and is_text(part))
paths = st.lists(parts, min_size=1, max_size=3).map(lambda found: "/" + "/".join(found))
slow = settings(max_examples=25)


def of_unit(text: str, folder: Path) -> list[str]:
    """Give what systemd understands of a unit: what it says of it while it verifies it."""
    require("systemd-analyze", there=shutil.which("systemd-analyze") is not None)
    unit = folder / "casemate-test.service"
    unit.write_text(f"[Service]\nExecStart=/bin/true\n{text}", "utf-8")
    done = subprocess.run(
        ["systemd-analyze", "verify", unit], check=False, capture_output=True, env={"SYSTEMD_LOG_LEVEL": "debug"}
    )
    assert done.returncode == 0, done.stderr
    assert not [line for line in done.stderr.decode().splitlines() if unit.name in line and "ignoring" in line]
    said = done.stdout.decode()
    return said[said.index("-> Unit casemate-test.service") :].split("\n")


def after(lines: list[str], head: str) -> list[str]:
    return [line.strip("\t").removeprefix(head) for line in lines if line.strip("\t").startswith(head)]


@given(st.lists(paths, min_size=1, max_size=20, unique=True))
@example(list(HOSTILE))
@slow
def test_systemd_reads_the_paths_that_were_written(tmp_path: Path, found: list[str]) -> None:
    binds = "".join(f"BindReadOnlyPaths={spell.unit(path)}:{spell.unit(path)}\n" for path in found)
    hidden = "".join(f"InaccessiblePaths={spell.unit(f'-{path}')}\n" for path in found)
    lines = of_unit(binds + hidden, tmp_path)
    assert after(lines, "BindReadOnlyPaths: ") == [f"{path}:{path}:rbind" for path in found]
    assert after(lines, "InaccessiblePaths: ") == [" ".join(f"-{path}" for path in found)]


@given(st.lists(paths, min_size=1, max_size=20))
@example(list(HOSTILE))
@slow
def test_systemd_starts_the_words_that_were_written(tmp_path: Path, found: list[str]) -> None:
    lines = of_unit(f"ExecStart=\nExecStart=:/bin/true {' '.join(map(spell.unit, found))}\nType=oneshot\n", tmp_path)
    (line,) = after(lines, "Command Line: ")
    words = [re.sub(r"\\([$`])", r"\1", word) for word in shlex.split(line)]  # which shlex leaves in double quotes
    assert words[1:] == found


def test_systemd_gives_a_variable_the_value_that_was_written(tmp_path: Path) -> None:
    value = "a\tb'\"c\\x41 %n $HOME\x7f\u4e2d end"
    lines = of_unit(f"Environment={systemd.setting('MODE', value)}\n", tmp_path)
    assert after(lines, "Environment: ") == [f"MODE={value}"]
    with pytest.raises(PolicyError, match="MODE"):
        systemd.setting("MODE", "\U0001ffff")
    injected = systemd.setting("MODE", "a\nUser=root")
    assert "\n" not in injected
    assert "\t\tUser: root" not in of_unit(f"Environment={injected}\n", tmp_path)


def of_profile(rule: str) -> bytes:
    """Give the one text that a rule of one path accepts, read off the machine that apparmor_parser makes of it."""
    require("apparmor_parser", there=shutil.which("apparmor_parser") is not None)
    done = subprocess.run(
        ["apparmor_parser", "--skip-kernel-load", "--skip-cache", "-D", "dfa-states"],
        check=False, input=f"profile x {{\n  {rule} r,\n}}\n".encode(), capture_output=True,
    )  # fmt: skip
    said = (done.stdout + done.stderr).decode(errors="backslashreplace")
    assert done.returncode == 0, said
    states: dict[str, list[tuple[int, str]]] = {}
    here, file_rules = "", said.rindex("{1} <==")
    for line in said[file_rules:].splitlines():
        if begun := re.match(r"\{(\d+)\} perms", line):
            here = begun[1]
        elif edge := re.match(r"\s+.*?0x([0-9a-f]{1,2}) -> \{(\d+)\}", line):
            states.setdefault(here, []).append((int(edge[1], 16), edge[2]))
    text, at = bytearray(), "1"
    while at in states:
        ((byte, at),) = states[at]  # one way and no other: nothing in the path is a pattern
        text.append(byte)
    return bytes(text)


@given(paths)
@settings(max_examples=150)
@example(HOSTILE[0])
@example(HOSTILE[3])
@example(HOSTILE[4])
@example(HOSTILE[11])
def test_apparmor_reads_the_path_that_was_written_and_no_pattern(path: str) -> None:
    assert of_profile(spell.profile(path)) == path.encode()


@given(paths, paths)
@example('/a,"b', "/c,d")
def test_a_mount_is_read_as_the_fields_that_were_written(source: str, target: str) -> None:
    fields = ["type=bind", f"src={source}", f"dst={target}", "ro"]
    assert next(csv.reader([spell.csv(*fields)], strict=True)) == fields


@pytest.mark.parametrize("path", HOSTILE)
def test_docker_takes_a_hostile_path_for_a_path(path: str) -> None:
    require("docker", there=shutil.which("docker") is not None)
    mount = spell.csv("type=bind", f"src={path}", f"dst={path}", "bind-recursive=disabled", "readonly")
    done = subprocess.run(
        ["docker", "create", f"--mount={mount}", "image"], check=False, capture_output=True, text=True,
        env={"DOCKER_HOST": "unix:///nonexistent.sock", "PATH": "/usr/bin:/usr/local/bin"},
    )  # fmt: skip
    assert "Cannot connect to the Docker daemon" in done.stderr  # all arguments were understood by then


json_like = st.recursive(
    st.one_of(st.text(st.characters(exclude_categories=("Cs",))), st.integers(), st.booleans(), st.none()),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=9), inner, max_size=4)),
    max_leaves=20,
)


@given(json_like)
@example({"a": [[], {}, [{"b": ["\u2028\x85\ufeff\U0001f40d: - #"]}]], "yes": "no", "- x": None, "1": "~"})
def test_yaml_is_read_back_as_the_same_value(value: object) -> None:
    text = spell.yaml(value)  # type: ignore[arg-type]  # -- any JSON
    assert yaml.safe_load(text) == value
    assert text.isascii()


@given(st.text())
def test_a_comment_is_one_line(text: str) -> None:
    assert len(sentence(text).splitlines()) <= 1
    assert json.loads(json.dumps(sentence(text))) == sentence(text)


@given(st.text())
def test_a_label_is_a_label_of_dns(text: str) -> None:
    assert re.fullmatch(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?", label(text))


@pytest.mark.parametrize(
    "text", ["/a\nb", "/a\rb", "/a\0b", "/a\x1b", "/a\x85b", "/a\u2028b", "/a\udcff", "/a\tb", "/\ufffe", "/\ufdd0"]
)
def test_what_could_end_a_line_is_refused(text: str) -> None:
    with pytest.raises(PolicyError) as caught:
        plain(text)
    assert len(str(caught.value).splitlines()) == 1
