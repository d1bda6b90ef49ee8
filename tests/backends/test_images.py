"""Every backend around a root that casemate builds takes it from an image; test_items.py asks the others."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.backends.conftest import Run
from tests.conftest import COMMAND, require
from tests.layouts import archive, file, folder, layout, of_a_folder
from tests.rootfs import with_busybox, with_python

from casemate.sandbox import choose

ABLE = ("native", "bubblewrap", "oci:crun", "oci:runc", "oci:runsc", "oci:podman")
LEAST = 60  # acts on files, programs and native code that are withheld


@pytest.fixture(params=ABLE, scope="session")
def backend(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    runtime = choose(name).runtime()
    require(f"{name}: {runtime.why_not}", there=runtime.available)
    return name


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("python") / "root"
    with_python(root)
    return root


@pytest.fixture(scope="module")
def stored(python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Store the same root in a layout, with a second layer that takes something away."""
    above = archive(folder("opt"), file("opt/new", b"of a layer"), file("usr/lib/.wh.nothing", b""))
    return layout(tmp_path_factory.mktemp("layout") / "layout", of_a_folder(python), above)


def test_a_script_of_the_host_is_run_by_the_python_of_the_image(run: Run, python: Path, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(
        "import os, ssl, sys; print(sys.executable, sys.argv, os.path.exists('/usr/bin/ldd'))"
    )
    done = run("--image", python, "app.py", "word", cwd=tmp_path)
    assert done.stdout == "/usr/bin/python3 ['app.py', 'word'] False\n", done
    assert run("--image", python, "--python", "python2", "app.py", cwd=tmp_path).returncode == 127
    explicit = run("--image", python, "--read", tmp_path, "--", "/usr/bin/python3", tmp_path / "app.py")
    assert explicit.stdout.startswith("/usr/bin/python3 "), explicit


def test_a_layout_is_unpacked_and_its_variables_are_given_where_they_are_passed(run: Run, stored: Path) -> None:
    code = "import os; print(open('/opt/new').read(), os.environ.get('COLOUR'))"
    assert run("--image", stored, "-c", code).stdout == "of a layer None\n"
    assert run("--image", stored, "--env", "COLOUR", "-c", code).stdout == "of a layer red\n"
    assert run("--image", stored, "--env", "COLOUR=blue", "-c", code).stdout == "of a layer blue\n"


def test_a_layout_that_is_not_what_it_says_starts_nothing(run: Run, tmp_path: Path) -> None:
    path = layout(tmp_path / "layout", archive(file("../out")))
    done = run("--image", path, "-c", "1")
    assert done.returncode == 125
    assert done.stderr.startswith(f"casemate: fs.image {path}: layer "), done
    assert done.stderr.endswith(": an entry '../out' leads out of the image\n")
    assert not (tmp_path / "out").exists()


def test_grants_and_what_is_written_are_as_ever(run: Run, python: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "in/file").write_text("of the host")
    code = f"open({str(tmp_path / 'out/new')!r}, 'w').write(open({str(tmp_path / 'in/file')!r}).read())"
    done = run("--image", python, "--read", tmp_path / "in", "--write", tmp_path / "out", "-c", code)
    assert done.returncode == 0, done
    assert (tmp_path / "out/new").read_text() == "of the host"


def test_folders_that_a_runtime_mounts_on_are_not_found_through_links(run: Run, tmp_path: Path) -> None:
    with_busybox(tmp_path / "image", "ls")
    (tmp_path / "outside").mkdir()
    for name in ("proc", "sys", "dev", "etc", "tmp"):
        (tmp_path / "image" / name).symlink_to(tmp_path / "outside")
    done = run("--image", tmp_path / "image", "--", "ls", "/")
    assert done.stdout.split() == ["bin", "dev", "etc", "home", "proc", "sys", "tmp"], done
    assert list((tmp_path / "outside").iterdir()) == []


def test_a_static_program_needs_nothing_else(run: Run, tmp_path: Path) -> None:
    with_busybox(tmp_path / "image", "hostname")
    assert run("--image", tmp_path / "image", "--", "hostname").stdout == "casemate\n"


@pytest.fixture(scope="session")
def saved() -> Iterator[Path]:
    """Let podman write a layout."""
    require("podman", there=shutil.which("podman") is not None and os.geteuid() == 0)
    with tempfile.TemporaryDirectory() as short:  # podman takes no longer path
        yield _saved(Path(short))


def _saved(place: Path) -> Path:
    with_busybox(place / "root", "echo")
    (place / "root.tar").write_bytes(of_a_folder(place / "root"))
    own = ("podman", "--root", place / "graph", "--runroot", place / "run", "--storage-driver", "vfs")
    for words in (
        ("import", "--change", "ENV COLOUR=red", place / "root.tar", "localhost/tested:1"),
        ("save", "--format", "oci-dir", "-o", place / "layout", "localhost/tested:1"),
    ):
        done = subprocess.run([*own, *words], capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, done.stderr
    return place / "layout"


def test_a_layout_that_podman_wrote_is_one(run: Run, saved: Path) -> None:
    assert run("--image", saved, "--", "echo", "inside").stdout == "inside\n"


@pytest.mark.parametrize("chosen", ["oci:crun", "oci:runc"])
def test_the_battery_finds_nothing_more_in_an_image(chosen: str, python: Path, tmp_path: Path) -> None:
    require(chosen, there=shutil.which(chosen.removeprefix("oci:")) is not None)
    policy = tmp_path / "policy.toml"
    policy.write_text(f'[policy]\nversion = 1\n[fs]\nimage = "{python}"\n[limits]\nwall = "10m"\noutput = "64MiB"\n')
    only = ("--only", "fs", "--only", "native", "--only", "proc.spawn", "--only", "net.unix")
    command = [COMMAND, "verify", "--backend", chosen, "--policy", policy, "--format", "json", *only]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)
    assert done.stdout, done.stderr
    said = json.loads(done.stdout)
    assert [f"{p['probe']}: {p['reason']}" for p in said["probes"] if p["verdict"] == "got through"] == []
    assert said["counts"]["held"] >= LEAST, said["counts"]
