"""Installing a runtime: by the user's own pip, here with wheels of a folder; whole or not at all, hash by hash."""

import io
import multiprocessing
import os
import resource
import signal
import stat
import tarfile
import time
import zipfile
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from random import Random
from shutil import which

import pytest
from tests.conftest import require

from casemate.model.errors import InputError, Refused
from casemate.model.installed import MANIFEST, read
from casemate.services.runtimes import install, load, names
from casemate.services.runtimes.fetch import fetch
from casemate.services.runtimes.lock import Lock, Source
from casemate.services.runtimes.unpack import unpack

FILES = {"demo/engine.so": "machine code", "demo/tree/a/b.txt": "b", "demo/tree/c.txt": "c"}


def wheel(folder: Path, files: Mapping[str, str] = FILES, version: str = "1.0") -> str:
    """Write a wheel; give its hash."""
    path = folder / f"demo_runtime-{version}-py3-none-any.whl"
    about = f"demo_runtime-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
        archive.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: demo-runtime\nVersion: {version}\n")
        archive.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{about}/RECORD", "")
    return sha256(path.read_bytes()).hexdigest()


def lock_of(package: Path, digest: str, *, also: str = "", name: str = "demo-runtime") -> Lock:
    """Write a lock and read it."""
    folder = package / "sandbox" / "demo"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "lock.toml").write_text(f"""
about = "a demonstration"
megabytes = 1
[[part]]
name = "{name}"
version = "1.0"
licence = "none"
{also}
[[part.source]]
kind = "pip"
sha256 = "{digest}"
take = {{ "demo/engine.so" = "engine.so" }}
trees = {{ "demo/tree/" = "library/" }}
""")
    return load("demo", package)


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, str]:
    """Let pip take wheels of a folder only, and let runtimes be kept beside it."""
    (tmp_path / "wheels").mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))
    return {"HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path / "data")}


def place(environment: Mapping[str, str]) -> Path:
    return Path(environment["XDG_DATA_HOME"], "casemate", "runtimes")


def silent(_line: str) -> None:
    """Tell nobody."""


def test_the_locks_that_there_are_can_be_read() -> None:
    assert "wasm" in names()
    for name in names():
        lock = load(name)
        assert lock.parts
        for part in lock.parts:
            assert part.licence
            assert all(len(source.digest[1]) in (64, 128) for source in part.sources)


def test_what_is_taken_lies_in_the_folder_and_its_manifest_names_it(
    environment: Mapping[str, str], tmp_path: Path
) -> None:
    lock = lock_of(tmp_path, wheel(tmp_path / "wheels"))
    said = list[str]()
    folder = install(lock, environment, say=said.append)
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert found == {MANIFEST, "engine.so", "library/a/b.txt", "library/c.txt"}
    pieces = {piece.path: piece for piece in read((folder / MANIFEST).read_text())}
    assert pieces.keys() == found - {MANIFEST}
    assert pieces["engine.so"].sha256 == sha256(b"machine code").hexdigest()
    assert said == ["demo-runtime 1.0 (none)"]
    assert list(place(environment).iterdir()) == [folder]


def test_another_source_is_asked_where_the_first_has_it_not(environment: Mapping[str, str], tmp_path: Path) -> None:
    digest = wheel(tmp_path / "wheels")
    missing = f'[[part.source]]\nkind = "pip"\nname = "not-there-at-all"\nsha256 = "{digest}"\n'
    assert install(lock_of(tmp_path, digest, also=missing), environment, say=silent).is_dir()


@pytest.mark.parametrize("machine", ["", "another"])
def test_what_nobody_has_is_said_and_leaves_nothing(
    environment: Mapping[str, str], tmp_path: Path, machine: str
) -> None:
    also = f'[[part.source]]\nkind = "pip"\nmachine = "{machine}"\nsha256 = "{"0" * 64}"\n' if machine else ""
    with pytest.raises(InputError, match="pip did not bring"):
        install(lock_of(tmp_path, "0" * 64, also=also, name="not-there-at-all"), environment, say=silent)
    assert list(place(environment).iterdir()) == []


def test_another_content_is_refused_and_what_was_there_stays(environment: Mapping[str, str], tmp_path: Path) -> None:
    lock = lock_of(tmp_path, wheel(tmp_path / "wheels"))
    folder = install(lock, environment, say=silent)
    before = (folder / "engine.so").stat().st_ino
    wheel(tmp_path / "wheels", {**FILES, "demo/engine.so": "other code"})
    with pytest.raises(InputError, match=r"pip did not bring|another sha256"):
        install(lock, environment, say=silent)
    assert (folder / "engine.so").stat().st_ino == before
    assert list(place(environment).iterdir()) == [folder]


def test_a_finish_that_fails_leaves_what_was_there(environment: Mapping[str, str], tmp_path: Path) -> None:
    lock = lock_of(tmp_path, wheel(tmp_path / "wheels"))
    folder = install(lock, environment, say=silent)

    def fail(made: str) -> None:
        Path(made, "half").write_text("x")
        raise Refused("no")

    with pytest.raises(Refused, match="no"):
        install(lock, environment, say=silent, finish=fail)
    assert not (folder / "half").exists()
    assert list(place(environment).iterdir()) == [folder]


def test_another_version_stays_until_it_is_old(environment: Mapping[str, str], tmp_path: Path) -> None:
    digest = wheel(tmp_path / "wheels")
    old = install(lock_of(tmp_path, digest), environment, say=silent)
    new = install(lock_of(tmp_path, digest, also="# changed"), environment, say=silent)
    assert {*place(environment).iterdir()} == {old, new}
    os.utime(old, (1, 1))
    newest = install(lock_of(tmp_path, digest, also="# changed again"), environment, say=silent)
    assert {*place(environment).iterdir()} == {new, newest}


def _install(lock: Lock, environment: Mapping[str, str], begun: str) -> None:
    def finish(_folder: str) -> None:
        Path(begun).touch()
        time.sleep(0.3)

    install(lock, environment, say=silent, finish=finish)


def test_two_at_once_and_one_that_was_killed_leave_one_runtime(environment: Mapping[str, str], tmp_path: Path) -> None:
    lock, fork = lock_of(tmp_path, wheel(tmp_path / "wheels")), multiprocessing.get_context("fork")
    begun = tmp_path / "begun"
    killed = fork.Process(target=_install, args=(lock, environment, str(begun)))
    killed.start()
    while not begun.exists():
        time.sleep(0.01)
    assert killed.pid is not None
    os.kill(killed.pid, signal.SIGKILL)
    killed.join()
    assert [path.name[:6] for path in place(environment).iterdir()] == [".part-"]
    both = [fork.Process(target=_install, args=(lock, environment, str(begun))) for _ in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join()
        assert process.exitcode == 0
    (folder,) = place(environment).iterdir()
    assert (folder / "engine.so").read_text() == "machine code"


def test_a_disk_that_is_full_is_said_and_leaves_nothing(environment: Mapping[str, str], tmp_path: Path) -> None:
    lock = lock_of(tmp_path, wheel(tmp_path / "wheels"))

    def fill(made: str) -> None:
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
        try:
            Path(made, "large").write_bytes(bytes(5000))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    with pytest.raises(InputError, match="File too large"):
        install(lock, environment, say=silent, finish=fill)
    assert list(place(environment).iterdir()) == []


def test_where_others_may_write_nothing_is_installed(environment: Mapping[str, str], tmp_path: Path) -> None:
    lock = lock_of(tmp_path, wheel(tmp_path / "wheels"))
    place(environment).mkdir(parents=True)
    place(environment).chmod(0o777)
    with pytest.raises(InputError, match="only you"):
        install(lock, environment, say=silent)
    with pytest.raises(InputError, match="HOME"):
        install(lock, {}, say=silent)


@pytest.mark.parametrize("umask", [0, 0o077])
def test_the_umask_of_the_caller_opens_and_hides_nothing(
    environment: Mapping[str, str], tmp_path: Path, umask: int
) -> None:
    lock = lock_of(tmp_path, wheel(tmp_path / "wheels"))
    before = os.umask(umask)
    try:
        folder = install(lock, environment, say=silent, finish=lambda made: Path(made, "ready").write_text("x"))
    finally:
        os.umask(before)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.rglob("*"))}
    assert modes == {0o755, 0o644}


def test_maven_takes_no_options_from_a_folder_above(tmp_path: Path) -> None:
    require("mvn", there=which("mvn") is not None)
    (tmp_path / ".mvn").mkdir()
    (tmp_path / ".mvn" / "jvm.config").write_text(f"-Xlog:gc*:file={tmp_path}/obeyed")
    (tmp_path / "folder").mkdir()
    source = Source("maven", "org.example:not-there-at-all", "1", ("sha256", ""))
    with pytest.raises(InputError, match="maven did not bring"):
        fetch(source, tmp_path / "folder")
    assert not (tmp_path / "obeyed").exists()


def test_bytes_that_are_no_archive_are_an_error_of_the_input(tmp_path: Path) -> None:
    whole, chance = list[bytes](), Random(1)  # noqa: S311 -- the same damage each time
    for name in ("a.zip", "a.tar.gz", "a.tar.xz"):
        path = tmp_path / name
        if name.endswith("zip"):
            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
                packed.writestr("tree/file", "content " * 99)
        else:
            with tarfile.open(path, f"w:{name[-2:]}") as packed:
                packed.add(__file__, "tree/file")
        whole.append(path.read_bytes())
    source, refused = Source("npm", "demo", "1", ("sha256", ""), trees={"tree/": ""}), 0
    for number in range(600):
        data = bytearray(whole[number % 3])
        data[chance.randrange(len(data))] = chance.randrange(256)
        (tmp_path / "archive").write_bytes(data[: chance.choice((len(data), chance.randrange(len(data))))])
        (tmp_path / str(number)).mkdir()
        try:
            unpack(source, tmp_path / "archive", tmp_path / str(number))
        except (InputError, OSError):
            refused += 1
    assert refused


@pytest.mark.parametrize(
    "name", ["tree/../../escape", "tree//etc/x", "tree/./x", "tree/\x1b[31m", "tree/a\\b", "tree/x/"]
)
def test_a_name_that_leads_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    archive, folder = tmp_path / "archive.tgz", tmp_path / "folder"
    folder.mkdir()
    with tarfile.open(archive, "w:gz") as packed:
        info = tarfile.TarInfo(name)
        info.size = 1
        packed.addfile(info, io.BytesIO(b"x"))
    source = Source("npm", "demo", "1", ("sha256", ""), trees={"tree/": "library/"})
    with pytest.raises(InputError):
        unpack(source, archive, folder)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [archive]


def test_links_devices_and_second_copies_are_not_taken(tmp_path: Path) -> None:
    archive, folder = tmp_path / "archive.tgz", tmp_path / "folder"
    folder.mkdir()
    with tarfile.open(archive, "w:gz") as packed:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE):
            info = tarfile.TarInfo(f"tree/{kind.decode()}")
            info.type, info.linkname = kind, "/etc/passwd"
            packed.addfile(info)
        info = tarfile.TarInfo("tree/file")
        info.size = 1
        packed.addfile(info, io.BytesIO(b"x"))
    source = Source("npm", "demo", "1", ("sha256", ""), trees={"tree/": ""})
    unpack(source, archive, folder)
    assert [path.name for path in folder.iterdir()] == ["file"]
    with pytest.raises(FileExistsError):
        unpack(source, archive, folder)


def test_what_is_no_archive_and_what_lacks_a_member_is_said(tmp_path: Path) -> None:
    source = Source("npm", "demo", "1", ("sha256", ""), take={"a": "b"})
    (tmp_path / "archive").write_bytes(b"\x1f\x8bnonsense")
    with pytest.raises(InputError, match="cannot be unpacked"):
        unpack(source, tmp_path / "archive", tmp_path)
    with zipfile.ZipFile(tmp_path / "archive", "w") as packed:
        packed.writestr("other", "x")
    with pytest.raises(InputError, match="no a in it"):
        unpack(source, tmp_path / "archive", tmp_path)


def test_a_file_can_be_kept_as_it_came(tmp_path: Path) -> None:
    (tmp_path / "x.jar").write_bytes(b"PK")
    unpack(Source("maven", "g:a", "1", ("sha256", ""), keep="jars/x.jar"), tmp_path / "x.jar", tmp_path / "made")
    assert (tmp_path / "made" / "jars" / "x.jar").read_bytes() == b"PK"
