"""The bundle of a start's modules: made by the first run, used by the next, not believed where it should not be."""

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PROGRAM = """
import sys
sys.path.append(sys.argv[1])
from casemate.cli import main
code = main(["run", "--help"])
module = sys.modules["casemate.cli.run"]
print(code, type(module.__spec__.loader).__name__, sys.modules["casemate.cli.target"].__file__)
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the package without anything that was compiled, and let a first run compile what a start loads."""
    made = tmp_path_factory.mktemp("made") / "casemate"
    shutil.copytree(ROOT / "src" / "casemate", made, ignore=shutil.ignore_patterns("__pycache__"))
    run(made)
    bundle(made).unlink()
    return made


@pytest.fixture
def package(made: Path, tmp_path: Path) -> Path:
    """Give a copy of the package after its first run, which put a bundle beside what Python has compiled."""
    package = Path(shutil.copytree(made, tmp_path / "casemate"))
    run(package)
    return package


def run(package: Path, *options: str) -> str:
    """Start our help from a package; give its last line."""
    command = [sys.executable, "-I", "-S", *options, "-c", PROGRAM, package.parent]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "Start a program confined" in done.stdout, done.stderr
    return done.stdout.splitlines()[-1]


def bundle(package: Path) -> Path:
    return package / "__pycache__" / f"start.{sys.implementation.cache_tag}.bundle"


def test_the_second_run_takes_its_modules_from_the_bundle(package: Path) -> None:
    assert run(package) == f"0 Bundled {package / 'cli' / 'target.py'}"
    assert stat.S_IMODE(bundle(package).stat().st_mode) == 0o644


def test_another_process_than_the_command_has_its_docstrings(package: Path) -> None:
    program = "import sys; sys.path.insert(0, sys.argv[1])\nfrom casemate.cli import main\nmain(['run', '--help'])\n"
    program += (
        "import casemate.model.policy as it\nprint(it.__spec__.loader.__class__.__name__, bool(it.Policy.__doc__))"
    )
    said = subprocess.check_output([sys.executable, "-c", program, package.parent], text=True)
    assert said.splitlines()[-1] == "SourceFileLoader True"


def test_nothing_half_written_lies_about(package: Path) -> None:
    assert [path.name for path in (package / "__pycache__").iterdir() if path.name.endswith(".part")] == []


def test_a_changed_source_is_noticed(package: Path) -> None:
    source = package / "cli" / "run.py"
    source.write_text(
        source.read_text().replace('"""Start a program confined', '"""Start a program confined, changed,')
    )
    command = [sys.executable, "-I", "-S", "-c", PROGRAM, package.parent]
    assert "Start a program confined, changed," in subprocess.check_output(command, text=True)
    assert run(package).startswith("0 Bundled ")  # a new one was made


def test_a_source_that_only_looks_younger_is_noticed(package: Path) -> None:
    source = package / "model" / "policy.py"
    os.utime(source, (1, 1))
    assert run(package).startswith("0 SourceFileLoader ")


def test_a_source_that_is_gone_is_noticed(package: Path) -> None:
    (package / "sandbox" / "native" / "dns.py").unlink()
    assert run(package).startswith("0 SourceFileLoader ")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:300])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def other_python(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"casemate 1 ", b"casemate 0 ", 1))


def garbage(path: Path) -> None:
    data = path.read_bytes()
    begin = data.index(b"\0") + 1
    path.write_bytes(data[:begin] + (5).to_bytes(8, "little") + b"\xff" * 100)


def writable(path: Path) -> None:
    path.chmod(0o666)


def link(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to(path.with_name("elsewhere"))


def a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def of_somebody_else(path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    os.chown(path, 12345, 12345)


@pytest.mark.parametrize(
    "spoil", [cut, empty, other_python, garbage, writable, link, a_pipe, of_somebody_else], ids=lambda act: act.__name__
)
def test_a_bundle_that_cannot_be_believed_is_as_if_it_were_not_there(package: Path, spoil: object) -> None:
    assert callable(spoil)
    spoil(bundle(package))
    assert run(package, "-B").startswith("0 SourceFileLoader ")


def test_a_package_that_was_moved_makes_its_own(package: Path) -> None:
    elsewhere = package.parent / "elsewhere" / "casemate"
    elsewhere.parent.mkdir()
    package.rename(elsewhere)
    assert run(elsewhere).startswith("0 SourceFileLoader ")
    assert run(elsewhere) == f"0 Bundled {elsewhere / 'cli' / 'target.py'}"


@pytest.mark.parametrize("mode", [0o777, 0o775])
def test_none_is_made_where_others_can_write(package: Path, mode: int) -> None:
    bundle(package).unlink()
    (package / "__pycache__").chmod(mode)
    run(package)
    assert not bundle(package).exists()


def test_none_is_made_in_a_folder_of_somebody_else(package: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder away")
    bundle(package).unlink()
    os.chown(package / "__pycache__", 12345, 12345)
    run(package)
    assert not bundle(package).exists()


def test_an_error_still_names_the_line_of_the_source(package: Path) -> None:
    source = package / "cli" / "target.py"
    source.write_text(
        source.read_text().replace(
            "    options, rest = Options(directory)", "    1 / 0\n    options, rest = Options(directory)"
        )
    )
    number = source.read_text().splitlines().index("    1 / 0") + 1
    program = (
        "import sys; sys.path.append(sys.argv[1])\nfrom casemate.cli import bundle\n{}\n"
        "from casemate.cli.target import read_arguments\nread_arguments([], '/')"
    )
    for act in ("bundle.make()", "assert bundle.use()"):
        command = [sys.executable, "-I", "-S", "-c", program.format(act), package.parent]
        said = subprocess.run(command, capture_output=True, text=True, check=False).stderr
        assert f'target.py", line {number}' in said
