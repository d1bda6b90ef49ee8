"""Every backend that has a root of its own takes one from an image; the others refuse it by its name."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.backends.conftest import Run
from tests.conftest import COMMAND, require
from tests.layouts import archive, file, folder, layout, of_a_folder
from tests.rootfs import with_busybox, with_python

NONE = ("vm", "wasm", "graalpy")
LEAST = 60  # acts on files, programs and native code that are withheld


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


@pytest.fixture
def able(backend: str) -> None:
    if backend in NONE:
        pytest.skip("it has no root but that of its guest, and says so: see the first test")
    if backend == "oci:youki":
        pytest.skip("it is started like runc")


def test_a_backend_without_a_root_of_its_own_refuses_an_image_by_name(run: Run, backend: str, python: Path) -> None:
    done = run("--image", python, "--", "python3", "-c", "print('started')")
    if backend in NONE:
        assert done.returncode == 125
        assert done.stderr.startswith(f"casemate: fs.image {python}: the {backend} backend"), done
        assert done.stdout == ""
    elif backend != "oci:youki":
        assert done.stdout == "started\n", done


@pytest.mark.usefixtures("able")
def test_a_script_of_the_host_is_run_by_the_python_of_the_image(run: Run, python: Path, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(
        "import os, ssl, sys; print(sys.executable, sys.argv, os.path.exists('/usr/bin/ldd'))"
    )
    done = run("--image", python, "app.py", "word", cwd=tmp_path)
    assert done.stdout == "/usr/bin/python3 ['app.py', 'word'] False\n", done
    assert run("--image", python, "--python", "python2", "app.py", cwd=tmp_path).returncode == 127
    explicit = run("--image", python, "--read", tmp_path, "--", "/usr/bin/python3", tmp_path / "app.py")
    assert explicit.stdout.startswith("/usr/bin/python3 "), explicit


@pytest.mark.usefixtures("able")
def test_a_layout_is_unpacked_and_its_variables_are_given_where_they_are_passed(run: Run, stored: Path) -> None:
    code = "import os; print(open('/opt/new').read(), os.environ.get('COLOUR'))"
    assert run("--image", stored, "-c", code).stdout == "of a layer None\n"
    assert run("--image", stored, "--env", "COLOUR", "-c", code).stdout == "of a layer red\n"
    assert run("--image", stored, "--env", "COLOUR=blue", "-c", code).stdout == "of a layer blue\n"


@pytest.mark.usefixtures("able")
def test_a_layout_that_is_not_what_it_says_starts_nothing(run: Run, tmp_path: Path) -> None:
    path = layout(tmp_path / "layout", archive(file("../out")))
    done = run("--image", path, "-c", "1")
    assert done.returncode == 125
    assert done.stderr.startswith(f"casemate: fs.image {path}: layer "), done
    assert done.stderr.endswith(": an entry '../out' leads out of the image\n")
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("able")
def test_grants_and_what_is_written_are_as_ever(run: Run, python: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "in/file").write_text("of the host")
    code = f"open({str(tmp_path / 'out/new')!r}, 'w').write(open({str(tmp_path / 'in/file')!r}).read())"
    done = run("--image", python, "--read", tmp_path / "in", "--write", tmp_path / "out", "-c", code)
    assert done.returncode == 0, done
    assert (tmp_path / "out/new").read_text() == "of the host"


@pytest.mark.usefixtures("able")
def test_a_static_program_needs_nothing_else(run: Run, tmp_path: Path) -> None:
    with_busybox(tmp_path / "image", "hostname")
    assert run("--image", tmp_path / "image", "--", "hostname").stdout == "casemate\n"


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Let podman write a layout."""
    require("podman", there=shutil.which("podman") is not None and os.geteuid() == 0)
    place = tmp_path_factory.mktemp("podman")
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


@pytest.mark.usefixtures("able")
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
