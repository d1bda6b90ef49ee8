"""`casemate run` from the command line to the kernel: what passes through, what is refused, and with which code."""

import json
import os
import resource
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.processes import Started

from casemate.cli.target import read_arguments
from casemate.model.capability import Capability
from casemate.model.errors import UsageError
from casemate.model.policy import Grant, WriteMode
from casemate.readers.host.program import Code, Executable, Module, Script

Casemate = Callable[..., subprocess.CompletedProcess[str]]
COMMAND = Path(sys.executable).with_name("casemate")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "project"
    (folder / "data").mkdir(parents=True)
    folder.chmod(0o755)
    monkeypatch.chdir(folder)
    return folder


def refused(done: subprocess.CompletedProcess[str], said: str, code: int = 125) -> None:
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.count("\n") == 1


# What belongs to whom


@pytest.mark.parametrize(
    ("argv", "target"),
    [
        (["app.py", "--read", "/", "--", "-m", "-h"], Script("app.py", ("--read", "/", "--", "-m", "-h"))),
        (["-m", "shop", "--policy", "x"], Module("shop", ("--policy", "x"))),
        (["-c", "pass", "-c"], Code("pass", ("-c",))),
        (["--", "ls", "--", "-l"], Executable(("ls", "--", "-l"))),
        (["-", "a"], Script("-", ("a",))),
        (["--read=/a", "app.py"], Script("app.py", ())),
    ],
)
def test_what_follows_the_target_belongs_to_the_target(argv: list[str], target: object) -> None:
    assert read_arguments(argv, "/").target == target


def test_options_grant() -> None:
    options = read_arguments(
        shlex.split(
            "--read a/../b --write=o --write-direct /d --connect H.example:1 --listen 127.0.0.1:2 --spawn /bin/ls "
            "--env A --env B=c=d --memory 1MiB --cpu 1m --wall 2 --accept fs.persist --accept ipc --read @tls "
            "--unix @private --spawn @python x.py"
        ),
        "/w",
    )
    assert options.grants == [
        Grant(Capability.FS_READ, "/w/b"),
        Grant(Capability.FS_WRITE, "/w/o", WriteMode.COMMIT),
        Grant(Capability.FS_WRITE, "/d", WriteMode.DIRECT),
        Grant(Capability.NET_CONNECT, "h.example:1"),
        Grant(Capability.NET_LISTEN, "127.0.0.1:2"),
        Grant(Capability.PROC_SPAWN, "/bin/ls"),
        Grant(Capability.ENV_READ, "A"),
        Grant(Capability.FS_READ, "@tls"),
        Grant(Capability.NET_UNIX, "@private"),
        Grant(Capability.PROC_SPAWN, "@python"),
    ]
    assert options.settings == {"B": "c=d"}
    assert options.limits == {"memory_bytes": 1 << 20, "cpu_seconds": 60, "wall_seconds": 2}
    assert options.accept == {Capability.FS_PERSIST, Capability.IPC_SHM, Capability.IPC_MQ}


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--reed", "x"], "did you mean --read?"),
        (["--read"], "--read needs a value"),
        (["-m"], "-m needs a value"),
        (["--memory", "lots", "x"], "--memory: 'lots': a size"),
        (["--connect", "example.com", "x"], "--connect: 'example.com': HOST:PORT"),
        (["--env", "A B", "x"], "--env: 'A B' is no name"),
        (["--accept", "everything", "x"], "--accept: unknown capability"),
        (["--policy", "a", "--policy", "b", "x"], "--policy: may be given once only"),
        (["--read", "", "x"], "--read: an empty string"),
        (["-x"], "unknown option -x"),
    ],
)
def test_a_mistake_names_the_option(argv: list[str], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_arguments(argv, "/")
    assert said in str(caught.value)


# What passes through


def test_arguments_streams_and_exit_code_pass_through(casemate: Casemate, project: Path) -> None:
    (project / "app.py").write_text(
        "import sys; print(sys.argv, input()); print('oops', file=sys.stderr); sys.exit(7)", encoding="utf-8"
    )
    done = casemate("run", "app.py", "-h", "--read", "é", input="hello\n")
    assert (done.returncode, done.stdout) == (7, "['app.py', '-h', '--read', 'é'] hello\n")
    assert done.stderr.startswith("oops\n")


@pytest.mark.parametrize("form", ["script", "module", "code", "stdin", "command"])
def test_each_form_of_target_runs(casemate: Casemate, project: Path, form: str) -> None:
    (project / "app.py").write_text("import sibling", encoding="utf-8")
    (project / "sibling.py").write_text("print('here')", encoding="utf-8")
    arguments = {
        "script": ["app.py"],
        "module": ["-m", "app"],
        "code": ["--read", ".", "-c", "import sibling"],
        "stdin": ["--read", ".", "-"],
        "command": ["--", "/bin/echo", "here"],
    }[form]
    done = casemate("run", *arguments, input="import sibling" if form == "stdin" else "")
    assert (done.returncode, done.stdout) == (0, "here\n"), done.stderr


@pytest.mark.parametrize("command", [["-c"], ["--", Path(sys.executable).resolve(), "-c"]])
def test_a_program_finds_the_locale_that_it_is_told_to_use(casemate: Casemate, command: list[str]) -> None:
    code = "import locale; print(locale.setlocale(locale.LC_ALL, ''))"
    outside = subprocess.run(
        [sys.executable, "-c", code], env={"LANG": "C.UTF-8"}, capture_output=True, text=True, check=False
    )
    done = casemate("run", *command, code, env=os.environ | {"LANG": "C.UTF-8"})
    assert (done.returncode, done.stdout) == (outside.returncode, outside.stdout)


def test_a_signal_of_the_program_is_its_exit_code(casemate: Casemate) -> None:
    assert casemate("run", "-c", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)").returncode == 128 + 9


def test_names_that_are_no_text_pass_through(casemate: Casemate, project: Path) -> None:
    (project / os.fsdecode(b"\xff.py")).write_text("import sys, os; print(os.fsencode(sys.argv[1]))", encoding="utf-8")
    done = casemate("run", os.fsdecode(b"\xff.py"), os.fsdecode(b"\xfe"))
    assert (done.returncode, done.stdout) == (0, "b'\\xfe'\n"), done.stderr


def test_ctrl_c_reaches_the_program_and_ends_both(project: Path) -> None:
    (project / "app.py").write_text("import time; print('up', flush=True); time.sleep(60)", encoding="utf-8")
    with Started(
        [COMMAND, "run", "app.py"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "up\n"
        before = time.monotonic()
        os.killpg(child.pid, signal.SIGINT)
        _, stderr = child.communicate(timeout=20)
    assert child.returncode in (130, -signal.SIGINT)
    assert time.monotonic() - before < 10
    assert "casemate" not in stderr


# What is refused


def test_a_missing_script_is_127(casemate: Casemate) -> None:
    refused(casemate("run", "/no/such.py"), "no such file", 127)


def test_a_folder_is_no_script(casemate: Casemate, project: Path) -> None:
    refused(casemate("run", str(project)), "is a directory")


def test_a_link_to_itself_is_no_script(casemate: Casemate, project: Path) -> None:
    (project / "app.py").symlink_to("app.py")
    refused(casemate("run", "app.py"), "symbolic links", 126)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_script_is_126(casemate: Casemate, project: Path) -> None:
    (project / "app.py").touch(0)
    refused(casemate("run", "app.py"), "Permission denied", 126)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[policy]\nversion = 1\n[fs]\nreads = []\n", "fs.reads: unknown key; allowed here: read"),
        ('[policy]\nversion = 1\n[fs]\nread = ["gone"]\n', "does not exist"),
        ("[policy]\nversion = 1\n[fs]\nread = ['a\0b']\n", "not TOML"),
        ('[policy]\nversion = 1\n[fs]\nread = ["a\\u0000b"]\n', "control character"),
        ('[policy]\nversion = 1\n[fs]\nread = ["loop"]\n', "symbolic links"),
        ("\udcff", "not UTF-8"),
        ("x" * (2 << 20), "larger than"),
    ],
)
def test_a_wrong_policy_is_one_line_and_125(casemate: Casemate, project: Path, content: str, said: str) -> None:
    (project / "loop").symlink_to("loop")
    (project / "p.toml").write_bytes(content.encode("utf-8", "surrogateescape"))
    refused(casemate("run", "--policy", "p.toml", "-c", "print('ran')"), said)


def test_a_policy_that_others_can_change_is_refused(casemate: Casemate, project: Path) -> None:
    (project / "p.toml").write_text("[policy]\nversion = 1\n", encoding="utf-8")
    (project / "p.toml").chmod(0o666)
    refused(casemate("run", "--policy", "p.toml", "-c", "print('ran')"), "written by anybody")


def test_nothing_to_run_is_said(casemate: Casemate) -> None:
    refused(casemate("run"), "SCRIPT, -m MODULE, -c CODE or -- COMMAND")
    refused(casemate("run", "--policy", "/no/such", "-c", "pass"), "No such file")
    refused(casemate("run", "--record", "/no/such/record", "-c", "pass"), "cannot write the record")
    refused(casemate("run", "--backend", "magic", "-c", "pass"), "native")


def test_the_environment_of_casemate_runs_nothing(casemate: Casemate) -> None:
    refused(casemate("run", "--python", sys.executable, "-c", "print('ran')"), "must be installed apart")


@pytest.mark.usefixtures("project")
def test_a_record_cannot_be_written_by_the_program(casemate: Casemate) -> None:
    refused(casemate("run", "--write", "data", "--record", "data/run.jsonl", "-c", "pass"), "the record of the run")


@pytest.mark.parametrize("closed", ["0", "1", "2", "012"])
def test_closed_streams_are_no_reason_to_fail(casemate: Casemate, project: Path, closed: str) -> None:
    script = " ".join(["exec", *(f"{number}>&-" for number in closed), ";", "exec", '"$0" run "$@"'])
    record = project / "run.jsonl"
    done = subprocess.run(
        ["/bin/sh", "-c", script, COMMAND, "--record", record, "-c", "import sys; print('x' * 9); sys.exit(3)"],
        check=False,
    )
    assert done.returncode in (3, 120)  # 120: Python could not flush its own output
    assert "xxx" not in record.read_text(encoding="utf-8")
    assert casemate("run", "/no/such.py").returncode == 127


# Policies


def test_a_policy_of_the_working_directory_is_used_only_when_it_was_accepted(
    casemate: Casemate, project: Path, tmp_path: Path
) -> None:
    (project / "casemate.toml").write_text('[policy]\nversion = 1\n[env]\nset = { A = "1" }\n', encoding="utf-8")
    environment = os.environ | {"XDG_STATE_HOME": str(tmp_path / "state")}
    show = ("run", "-c", "import os; print(os.environ.get('A'))")

    done = casemate(*show, env=environment)
    assert done.stdout == "None\n"
    assert "casemate policy trust casemate.toml" in done.stderr

    bomb = "a" + ".a" * 200_000 + " = 1"  # what was not accepted is not even parsed
    (project / "casemate.toml").write_text(f"[policy]\nversion = 1\n{bomb}\n", encoding="utf-8")
    assert casemate(*show, env=environment, timeout=10).stdout == "None\n"
    (project / "casemate.toml").write_text('[policy]\nversion = 1\n[env]\nset = { A = "1" }\n', encoding="utf-8")

    assert casemate("policy", "trust", "casemate.toml", env=environment).returncode == 0
    done = casemate(*show, env=environment)
    assert (done.stdout, done.stderr) == ("1\n", "")

    (project / "casemate.toml").write_text('[policy]\nversion = 1\n[env]\nset = { A = "2" }\n', encoding="utf-8")
    assert casemate(*show, env=environment).stdout == "None\n"


def test_what_a_policy_grants_is_granted_and_nothing_else(casemate: Casemate, project: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.txt").write_text("read me", encoding="utf-8")
    (tmp_path / "other.txt").touch()
    (project / "p.toml").write_text(
        '[policy]\nversion = 1\n[fs]\nread = ["../in"]\nwrite = ["data"]\n[env]\npass = ["GIVEN"]\n', encoding="utf-8"
    )
    code = (
        "import os; print(open('../in/a.txt').read(), os.path.exists('../other.txt'), sorted(os.environ)); "
        "open('data/out.txt', 'w').write('kept'); open('/tmp/x', 'w').write('lost')"
    )
    done = casemate("run", "--policy", "p.toml", "-c", code, env=os.environ | {"GIVEN": "1", "OTHER": "2"})
    assert done.stdout == "read me False ['GIVEN', 'HOME', 'LANG', 'PATH', 'TERM']\n", done.stderr
    assert (project / "data/out.txt").read_text(encoding="utf-8") == "kept"
    assert sorted(path.name for path in project.iterdir()) == ["data", "p.toml"]


def test_a_program_can_neither_see_nor_change_its_own_policy(casemate: Casemate, project: Path) -> None:
    text = '[policy]\nversion = 1\n[fs]\nwrite = ["."]\n'
    (project / "data/p.toml").write_text(text, encoding="utf-8")
    code = (
        "import os, contextlib\n"
        "for act in (lambda: print(open('p.toml').read()), lambda: open('p.toml', 'w').write('x'), "
        "lambda: os.rename('p.toml', 'q'), lambda: os.replace('new', 'p.toml')):\n"
        "    open('new', 'w').write('y')\n"
        "    with contextlib.suppress(OSError): act()\n"
    )
    done = casemate("run", "--policy", "p.toml", "-c", code, cwd=project / "data")
    assert done.returncode == 0, done.stderr
    assert "version" not in done.stdout
    assert (project / "data/p.toml").read_text(encoding="utf-8") == text
    assert (project / "data/new").exists()


def test_a_denied_grant_is_said(casemate: Casemate, tmp_path: Path) -> None:
    (tmp_path / ".ssh").mkdir()
    environment = os.environ | {"HOME": str(tmp_path)}
    done = casemate("run", "--read", str(tmp_path / ".ssh"), "-c", "pass", env=environment)
    assert done.returncode == 0
    assert "deny beats allow" in done.stderr


def test_the_wall_limit_ends_a_program_and_it_is_said(casemate: Casemate) -> None:
    done = casemate("run", "--wall", "1", "-c", "import time; time.sleep(60)")
    assert done.returncode == 137
    assert "wall limit" in done.stderr


# What is told


def test_a_denied_name_is_told_with_the_option_that_would_allow_it(casemate: Casemate) -> None:
    code = "import socket; socket.getaddrinfo('nowhere.example', 443)"
    done = casemate("run", "--connect", "elsewhere.example:443", "-c", code)
    assert done.returncode == 1
    assert (
        "denied: net.dns nowhere.example (--connect nowhere.example:PORT would allow it; in a policy: " in done.stderr
    )
    assert '[net] connect = ["nowhere.example:PORT"]' in done.stderr


def test_a_file_that_was_missed_is_told_with_the_option_that_would_show_it(casemate: Casemate, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.txt").write_text("read me", encoding="utf-8")
    path = str(tmp_path / "in/a.txt")
    done = casemate("run", "-c", f"open({path!r})")
    assert done.returncode == 1
    assert f'(--read {path} would show it; in a policy: [fs] read = ["{path}"])' in done.stderr
    assert casemate("run", "--read", path, "-c", f"print(open({path!r}).read())").stdout == "read me\n"
    assert (
        "casemate:"
        not in casemate("run", "-c", f"import sys; print(open({path!r}) if 0 else 1, file=sys.stderr)").stderr
    )


def test_a_program_that_is_not_granted_is_told_once(casemate: Casemate) -> None:
    done = casemate("run", "-c", "import subprocess; subprocess.run(['env'])")
    lines = [line for line in done.stderr.splitlines() if line.startswith("casemate: ")]
    assert lines == [
        (
            "casemate: denied: proc.spawn /usr/bin/env (--spawn /usr/bin/env would allow it; "
            'in a policy: [proc] spawn = ["/usr/bin/env"])'
        )
    ]


def test_what_a_hostile_program_says_last_steers_nothing(casemate: Casemate, tmp_path: Path) -> None:
    name = "x\x1b[2J\u202e\n::error::"
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / name).touch()
    said = f"FileNotFoundError: [Errno 2] No such file or directory: {str(tmp_path / 'in' / name)!r}"
    hidden = "FileNotFoundError: [Errno 2] No such file or directory: '/etc/shadow'"
    done = casemate(
        "run", "-c", f"import os; os.write(2, {said!r}.encode() + b'\\n' + {hidden!r}.encode()); os._exit(1)"
    )
    ours = [line for line in done.stderr.splitlines() if line.startswith("casemate: ") or "casemate: the" in line]
    assert len(ours) == 1
    assert not set("\x1b\u202e") & set(ours[0])
    assert "/etc/shadow" not in ours[0].partition("casemate: ")[2]


def test_a_dry_run_prints_the_plan_and_starts_nothing(casemate: Casemate, project: Path) -> None:
    (project / "app.py").write_text("open('/proc/self/x')", encoding="utf-8")
    done = casemate("run", "--dry-run", "--env", "TOKEN", "app.py", env=os.environ | {"TOKEN": "s3cret"})
    assert done.returncode == 0, done.stderr
    assert "pivot_root" in done.stdout
    assert "TOKEN" in done.stdout
    assert "s3cret" not in done.stdout + done.stderr


def test_a_record_is_json_lines_that_only_the_caller_reads(casemate: Casemate, project: Path) -> None:
    record = project / "data/run.jsonl"
    assert casemate("run", "--record", str(record), "-c", "raise SystemExit(3)").returncode == 3
    events = [json.loads(line) for line in record.read_text(encoding="utf-8").splitlines()]
    assert [events[0]["event"], events[-1]["event"], events[-1]["code"]] == ["started", "ended", 3]
    assert record.stat().st_mode & 0o777 == 0o600
    (project / "p.toml").write_text("[policy]\nversion = 1\n", encoding="utf-8")
    assert casemate("run", "--policy", "p.toml", "--record", str(record), "-c", "pass").returncode == 0
    assert json.loads(record.read_text(encoding="utf-8").splitlines()[0])["policy"].startswith("sha256:")
    assert casemate("run", "--record", str(record), "/no/such.py").returncode == 127
    assert json.loads(record.read_text(encoding="utf-8"))["event"] == "not-started"


@pytest.mark.parametrize("kind", ["pipe", "device", "link", "folder", "script", "policy"])
def test_a_record_replaces_nothing_but_a_record(casemate: Casemate, project: Path, kind: str) -> None:
    place = project / "place"
    match kind:
        case "pipe":
            os.mkfifo(place)  # nobody reads it: to open it for writing would wait for ever
        case "device":
            place = Path("/dev/full")
        case "link":
            place.symlink_to("data/elsewhere")
        case "folder":
            place = project / "data"
        case "script":
            place.write_text("print('ran')\n", encoding="utf-8")
        case _:
            place.write_text("[policy]\nversion = 1\n", encoding="utf-8")
    before = place.read_bytes() if kind in ("script", "policy") else b""
    policy = ("--policy", place) if kind == "policy" else ()
    refused(casemate("run", "--record", place, *policy, place, timeout=20), "cannot write the record")
    assert not before or place.read_bytes() == before
    assert not (project / "data/elsewhere").exists()


def test_an_earlier_record_is_replaced_and_nobody_else_reads_the_new_one(casemate: Casemate, project: Path) -> None:
    record = project / "run.jsonl"
    for text in ("", '{"event":"started"}\n' + "x" * 100_000, '{"ev'):
        record.write_text(text, encoding="utf-8")
        record.chmod(0o644)
        assert casemate("run", "--record", record, "-c", "pass").returncode == 0
        assert [json.loads(line)["event"] for line in record.read_text(encoding="utf-8").splitlines()][-1] == "ended"
        assert record.stat().st_mode & 0o777 == 0o600


def test_a_record_that_finds_no_room_is_said_and_the_program_goes_on(casemate: Casemate, project: Path) -> None:
    def room(size: int) -> Callable[[], None]:
        def limit() -> None:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

        return limit

    record = project / "run.jsonl"
    done = casemate("run", "--record", record, "-c", "print('ran'); raise SystemExit(5)", preexec_fn=room(4500))
    assert (done.returncode, done.stdout) == (5, "ran\n")
    assert done.stderr == f"casemate: the record {record} is incomplete: File too large\n"
    refused(casemate("run", "--record", record, "-c", "print('ran')", preexec_fn=room(0)), "cannot write the record")


def test_nobody_who_hears_a_refusal_does_not_change_its_code(casemate: Casemate) -> None:
    with open("/dev/full", "w", encoding="utf-8") as full:  # noqa: PTH123 -- a device
        assert casemate("run", "/no/such.py", capture_output=False, stderr=full).returncode == 127


def test_a_message_of_any_length_can_be_read(casemate: Casemate) -> None:
    for arguments in (["run", "x" * 100_000], ["run", "--connect", f"{'x' * 100_000}:1", "a.py"], ["y" * 100_000]):
        done = casemate(*arguments)
        assert done.returncode in (2, 125, 126)
        assert done.stderr.count("\n") == 1
        assert len(done.stderr) < 1100


def test_help_shows_the_forms_and_the_options(casemate: Casemate) -> None:
    done = casemate("run", "--help")
    assert done.returncode == 0
    assert done.stdout.startswith("Start a program confined to what its policy grants.\n")
    from casemate.cli.target import OPTIONS  # noqa: PLC0415 -- compared with the help here alone

    assert all(f"  {name} " in done.stdout for name in [*OPTIONS, "--dry-run"])


HOLE = "f = open('data/large', 'wb'); f.truncate(5_000_000); f.close()"  # costs nothing in the layer, and counts


@pytest.mark.parametrize(
    ("code", "ended"),
    [
        ("import os; os.symlink('/etc', 'data/link')", 0),
        ("open('data/sitecustomize.py', 'w')", 0),
        ("import shutil; shutil.rmtree('data/kept')", 0),
        (HOLE, 1),
        (f"{HOLE}; raise SystemExit(7)", 7),
    ],
)
def test_what_is_lost_does_not_end_with_0_and_what_a_rule_keeps_back_does(
    casemate: Casemate, project: Path, code: str, ended: int
) -> None:
    (project / "policy.toml").write_text('[policy]\nversion = 1\n[fs]\nwrite = [{path = "data", max = "1MiB"}]\n')
    (project / "data" / "kept").mkdir()
    (project / "data" / "kept" / "usercustomize.py").touch()
    done = casemate("run", "--policy", "policy.toml", "-c", code)
    assert (done.returncode, done.stderr.count("not copied out")) == (ended, 1), done.stderr
    assert [path.name for path in (project / "data").rglob("*")] == ["kept", "usercustomize.py"]
