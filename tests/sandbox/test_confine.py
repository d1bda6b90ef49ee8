"""Confinement starts exactly what the plan says, or says why not."""

import json
import os
import subprocess
import sys
import tempfile
import textwrap
import threading
from pathlib import Path

import pytest
from confining import EMPTY, PYTHON, confined, interpreter, policy, probe

from casemate.model.capability import Capability
from casemate.model.errors import PolicyError, Refused, Unenforceable, UsageError
from casemate.model.policy import Assurance, Grant, Limits, Missing, Policy, WriteMode
from casemate.model.sandbox import Command, Enforcement
from casemate.sandbox import choice, choose, confine, plan
from casemate.sandbox.choice import STRENGTH
from casemate.sandbox.native import Native


def command(executable: str = str(PYTHON), directory: str = "/") -> Command:
    return Command((executable, "-I", "-S", "-c", "pass"), executable, directory)


def test_what_is_granted_can_be_read(secret: Path) -> None:
    result = confined(f"print(open({str(secret)!r}).read())", policy(Grant(Capability.FS_READ, str(secret))))
    assert result.out == "the secret\n"


def test_a_granted_link_is_found_under_its_own_name(secret: Path) -> None:
    link = secret.with_name("link")
    link.symlink_to(secret.name)
    result = confined(f"print(open({str(link)!r}).read())", policy(Grant(Capability.FS_READ, str(link))))
    assert result.out == "the secret\n"


def test_the_folder_for_temporary_files_can_be_granted_too() -> None:
    """The place where the root was built lay there once, and was found in it by the program."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        (Path(folder) / "file").write_text("of the host")
        listed = f"import os; print(sorted(os.listdir('/tmp')) == sorted(os.listdir('/proc/self/cwd')), {folder!r})"
        read = f"print(open({folder!r} + '/file').read(), os.path.exists('/tmp/root'))"
        place = str(Path(folder).parent)
        result = confined(f"{listed}\n{read}", policy(Grant(Capability.FS_READ, place)), directory=place)
    assert result.out == f"True {folder}\nof the host False\n"


@pytest.mark.parametrize(
    "name", ["with space", "new\nline", "quo'te", "per%cent", "com,ma", "back\\slash", "é", "\udcff"]
)
def test_a_strange_name_is_only_a_name(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    (folder / "file").write_text("content")
    for grant in (
        Grant(Capability.FS_READ, str(folder)),
        Grant(Capability.FS_WRITE, str(folder), mode=WriteMode.COMMIT, max_bytes=1 << 20),
    ):
        script = f"print(open({os.fsencode(folder)!r} + b'/file').read())"
        assert confined(script, policy(grant)).out == "content\n"


def test_standard_input_is_passed_on() -> None:
    assert confined("print(input()[::-1])", stdin=b"abc\n").out == "cba\n"


def test_what_python_programs_do_works() -> None:
    code = """
    import asyncio, threading, sqlite3, socket, tempfile, json, hashlib, subprocess, multiprocessing, time, signal
    threading.Thread(target=print, args=("thread",)).start()
    with tempfile.TemporaryDirectory() as folder:
        database = sqlite3.connect(folder + "/x.db")
        database.execute("create table t (x)")
        database.execute("insert into t values (1)")
        database.commit()
        print(database.execute("select x from t").fetchall())
    async def main():
        await asyncio.sleep(0.01)
        return await asyncio.to_thread(sum, (1, 2))
    print(asyncio.run(main()))
    with multiprocessing.get_context("fork").Pool(2) as pool:
        print(pool.map(abs, (-1, -2)))
    print(multiprocessing.Queue().empty(), hashlib.sha256().name, time.time() > 0)
    """
    result = confined(textwrap.dedent(code))
    assert result.out.splitlines()[-1] == "True sha256 True", result


def test_a_granted_program_can_be_spawned() -> None:
    true = str(Path("/usr/bin/true").resolve())
    result = confined(
        f"import subprocess; print(subprocess.run([{true!r}]))", policy(Grant(Capability.PROC_SPAWN, true))
    )
    assert "returncode=0" in result.out, result


def test_a_script_needs_its_interpreter_granted(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text(f"#!{PYTHON} -IS\nprint('as a script')\n")
    script.chmod(0o755)
    granted = policy(Grant(Capability.FS_EXEC, str(script)))
    with pytest.raises(Refused) as refused:
        plan(command(str(script)), Policy(grants=(Grant(Capability.FS_EXEC, str(script)),), deny=()))
    assert refused.value.code == 126
    assert str(PYTHON) in str(refused.value)
    made = plan(command(str(script)), granted)
    assert made.command[0] == str(script)


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda _: None, 127),
        (lambda path: path.mkdir(), 126),
        (lambda path: path.write_text("#!/nowhere/python\n"), 126),
        (lambda path: path.write_text("no shebang"), 126),
    ],
    ids=["missing", "directory", "interpreter missing", "not executable"],
)
def test_what_cannot_be_executed_is_said_with_the_code_of_a_shell(tmp_path: Path, make: object, code: int) -> None:
    path = tmp_path / "program"
    make(path)  # type: ignore[operator] -- a parameter
    if path.is_file() and "no shebang" not in path.read_text():
        path.chmod(0o755)
    with pytest.raises(Refused) as refused:
        confine(
            command(str(path)), policy(Grant(Capability.FS_EXEC, str(path)), missing=Missing.SKIP_READ), environment={}
        )
    assert refused.value.code == code


def test_a_file_that_the_kernel_does_not_know_is_not_executable(tmp_path: Path) -> None:
    path = tmp_path / "program"
    path.write_text("neither script nor program")
    path.chmod(0o755)
    with pytest.raises(Refused) as refused:
        confine(command(str(path)), policy(Grant(Capability.FS_EXEC, str(path))), environment={})
    assert refused.value.code == 126


@pytest.mark.parametrize(
    "grant",
    [
        Grant(Capability.FS_READ, "/"),
        Grant(Capability.FS_READ, "/proc"),
        Grant(Capability.FS_READ, "/dev/sda"),
        Grant(Capability.FS_READ, "/sys/kernel"),
        Grant(Capability.FS_READ, "relative"),
        Grant(Capability.FS_READ, "@python"),
        Grant(Capability.FS_READ, "/with\0nul"),
        Grant(Capability.NET_CONNECT, "host"),
        Grant(Capability.NET_CONNECT, "host:0"),
        Grant(Capability.NET_CONNECT, "host:٣"),
    ],
)
def test_a_grant_that_cannot_be_given_is_refused(grant: Grant) -> None:
    with pytest.raises((PolicyError, Refused)):
        plan(command(), policy(grant))


@pytest.mark.parametrize("path", ["/dev/null", "/dev/urandom", "/dev/stdout", "/proc/self/status"])
def test_what_is_there_already_may_be_granted_and_stays_its_own(path: str) -> None:
    for kind in (Capability.FS_READ, Capability.FS_WRITE):
        made = plan(command(), policy(Grant(kind, path)))
        assert made.operations == plan(command(), EMPTY).operations
    assert confined(probe("open('/dev/null', 'w').write('x'); assert os.urandom(1)")).out == "done\n"


def test_a_policy_that_was_not_expanded_is_refused() -> None:
    with pytest.raises(PolicyError, match="@secrets"):
        plan(command(), Policy(grants=interpreter()))


def test_a_missing_path_is_refused_and_a_missing_read_path_may_be_skipped(tmp_path: Path) -> None:
    gone = str(tmp_path / "gone")
    with pytest.raises(Refused, match="gone"):
        plan(command(), policy(Grant(Capability.FS_READ, gone)))
    plan(command(), policy(Grant(Capability.FS_READ, gone), missing=Missing.SKIP_READ))
    with pytest.raises(Refused, match="gone"):
        plan(command(), policy(Grant(Capability.FS_WRITE, gone), missing=Missing.SKIP_READ))


def test_a_path_that_became_another_file_is_refused(tmp_path: Path) -> None:
    """What is checked is what is bound: device and inode are compared after the path was opened."""
    folder = tmp_path / "folder"
    folder.mkdir()
    chosen = choose("native")
    made = chosen.plan(command(), policy(Grant(Capability.FS_READ, str(folder))))
    folder.rename(tmp_path / "old")
    folder.mkdir()
    from casemate.sandbox import RunInput  # noqa: PLC0415 -- only this test starts a plan by itself

    with pytest.raises(Refused, match="another file"):
        chosen.start(made, RunInput({}))
    folder.rmdir()
    folder.symlink_to("/etc")
    with pytest.raises(Refused, match="folder"):
        chosen.start(made, RunInput({}))


def test_a_plan_prints_names_and_no_values() -> None:
    granted = policy(Grant(Capability.ENV_READ, "TOKEN"), settings=(("PASSWORD", "the-value"),))
    made = plan(command(), granted)
    printed = "\n".join(map(str, made.operations)) + repr(made)
    assert "PASSWORD" in printed
    assert "TOKEN" in printed
    assert "the-value" not in printed
    assert json.dumps([operation.arguments for operation in made.operations])


def test_direct_writes_are_gaps_until_accepted(tmp_path: Path) -> None:
    direct = policy(Grant(Capability.FS_WRITE, str(tmp_path), mode=WriteMode.DIRECT), deny=("@persist",))
    with pytest.raises(Unenforceable) as refused:
        plan(command(), direct)
    assert {gap.capability for gap in refused.value.gaps} == {Capability.FS_PERSIST, Capability.RES_DISK}
    accepted = frozenset({Capability.FS_PERSIST, Capability.RES_DISK})
    assert plan(command(), direct, accept=accepted)
    covered = {c.capability: c.enforcement for c in choose("native").coverage(direct)}
    assert covered[Capability.FS_PERSIST] is Enforcement.NOT


def test_more_layers_can_be_asked_for() -> None:
    with pytest.raises(Unenforceable) as refused:
        plan(command(), policy(layers=2))
    assert Capability.KERNEL in {gap.capability for gap in refused.value.gaps}
    assert Capability.FS_READ not in {gap.capability for gap in refused.value.gaps}


def test_what_is_denied_inside_a_granted_tree_has_one_layer(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    granted = policy(Grant(Capability.FS_READ, str(tmp_path)), layers=2, deny=(str(secret),))
    weak = frozenset(gap.capability for gap in choose("native").gaps(granted))
    assert plan(command(), granted, accept=weak)
    secret.touch()
    with pytest.raises(Refused, match="only the mount namespace withholds it"):
        plan(command(), granted, accept=weak)


def test_a_backend_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(UsageError, match="native"):
        choose("none")
    with pytest.raises(UsageError, match="there is no backend 'none'"):
        confine(command(), policy(backends=("none",)), environment={})


def test_no_backend_is_used_that_the_policy_does_not_name() -> None:
    with pytest.raises(Refused, match="admits no backend but oci: not native"):
        confine(command(), policy(backends=("oci",)), environment={}, backend="native")


def test_the_first_backend_that_enforces_everything_is_taken_and_else_each_reason_is_said() -> None:
    granted = policy(backends=("native", "native"))
    assert plan(command(), granted).backend == "native"
    assert plan(command(), EMPTY, backend="auto").backend in STRENGTH
    with pytest.raises(Refused, match=r"enforces the whole policy: native: .* \| native: "):
        plan(command(), policy(backends=("native", "native"), layers=9))
    with pytest.raises(Refused) as refused:
        plan(command("/nowhere"), granted)
    assert refused.value.code == 127


def test_one_that_withholds_all_comes_before_one_whose_gap_was_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    lacking, whole = Native(without=frozenset({"seccomp"})), Native()
    monkeypatch.setattr(choice, "choose", {"oci:crun": lacking, "native": whole}.__getitem__)
    accept = frozenset(gap.capability for gap in lacking.gaps(EMPTY))
    assert accept
    assert choice.first(("oci:crun", "native"), command(), EMPTY, accept)[0] is whole
    assert choice.first(("oci:crun",), command(), EMPTY, accept)[0] is lacking


def test_a_boundary_is_asked_of_whatever_is_chosen() -> None:
    asked = policy(backends=("vm", "graalpy"), assurance=Assurance.BOUNDARY)
    excluded = [name for name in asked.backends if not choose(name).runtime().assured]
    assert "graalpy" in excluded
    for name in excluded:
        with pytest.raises(Refused, match="excludes it"):
            plan(command(), asked, backend=name)


def test_limits_hold() -> None:
    assert "MemoryError" in confined("b'x' * (1 << 30)", policy(limits=Limits(memory_bytes=1 << 29))).err
    result = confined("while True: pass", policy(limits=Limits(cpu_seconds=1)))
    assert result.code in (128 + 9, 128 + 24)
    wide = "open('/tmp/x', 'wb').write(bytes(1 << 21))"
    assert "File too large" in confined(wide, policy(limits=Limits(disk_bytes=1 << 20))).err
    assert "No space left" in confined(wide, policy(tmp_bytes=1 << 20)).err
    assert "Too many open" in confined("f = [open('/dev/null') for _ in range(99)]", policy(limits=Limits(fds=32))).err


def test_several_runs_at_once_do_not_meet(tmp_path: Path) -> None:
    """From threads, as a server would: each run has a root, an identity and limits of its own."""
    results = dict[int, str]()

    def one(number: int) -> None:
        out = tmp_path / str(number)
        out.mkdir()
        grant = Grant(Capability.FS_WRITE, str(out), mode=WriteMode.COMMIT, max_bytes=1 << 20)
        code = f"import os, time; open('{out}/x', 'w').write('{number}'); time.sleep(0.1); print(os.listdir('/tmp'))"
        results[number] = confined(code, policy(grant)).out

    threads = [threading.Thread(target=one, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [(tmp_path / str(number) / "x").read_text() for number in range(6)] == list("012345")
    assert all("x" not in said for said in results.values())


def test_the_start_loads_little() -> None:
    """What `run` may load is listed, because every module costs time before the program starts."""
    script = "import casemate.sandbox.native, sys; print('\\n'.join(sys.modules))"
    src = str(Path(__file__).parents[2] / "src")
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {src!r}); {script}"],
        capture_output=True,
        text=True,
        check=True,
    )
    heavy = {
        "subprocess",
        "argparse",
        "tomllib",
        "typing_extensions",
        "asyncio",
        "logging",
        "tempfile",
        "random",
        "pathlib",
    }
    assert not heavy & set(done.stdout.split()), heavy & set(done.stdout.split())
    assert "ctypes" in done.stdout


def test_the_working_directory_is_there_and_empty_when_it_is_not_granted(secret: Path) -> None:
    result = confined(probe("print(os.getcwd(), os.listdir('.'))"), directory=str(secret.parent))
    assert str(secret.parent) in result.out or "refused PermissionError" in result.out
    assert "secret'" not in result.out.replace(str(secret.parent), "")


def test_the_identity_outside_owns_nothing(tmp_path: Path) -> None:
    """As root: a host id of the run's own, unique, so that limits are counted for it alone and no file is its own."""
    if os.geteuid() != 0:
        pytest.skip("an ordinary caller stays itself")
    flag = tmp_path / "flag"
    os.mkfifo(flag)
    script = f"open({str(flag)!r}).read()"
    child = os.fork()
    if child == 0:
        confined(script, policy(Grant(Capability.FS_READ, str(flag))))
        os._exit(0)
    with flag.open("w"):
        ids = {line.split()[1] for line in _statuses() if line.startswith("Uid:")}
    os.waitpid(child, 0)
    assert any(int(uid) > 1_900_000_000 for uid in ids)


def _statuses() -> list[str]:
    lines = list[str]()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            lines += (process / "status").read_text().splitlines()
        except OSError:
            continue
    return lines


def test_the_empty_policy_is_the_strictest() -> None:
    shape = plan(command(), EMPTY)
    seccomp = next(operation for operation in shape.operations if operation.name == "seccomp")
    assert seccomp.arguments["open"] == "nothing"
