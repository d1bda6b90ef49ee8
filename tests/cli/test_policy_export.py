"""`casemate policy export`: each target is accepted by its own parser, and what can be started here is started."""
# ruff: noqa: S607 -- the tools as the user's PATH finds them

import json
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingUnixStreamServer
from typing import Any

import kubernetes_validate
import pytest
import yaml
from jsonschema import Draft4Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4
from tests.conftest import COMMAND, require

Casemate = Callable[..., subprocess.CompletedProcess[str]]
SCHEMA = Path("/usr/share/gocode/src/github.com/opencontainers/runtime-spec/schema")  # Debian's package of it
ODD = "da ta,x:y'\"%n$HOME"
IMAGE = "localhost/casemate-export-test:1"
POLICY = f"""
[policy]
version = 1
name = "Night Report"
[fs]
read = ["@python", "@program", {json.dumps(ODD)}]
write = [{{ path = "out", max = "1MiB" }}]
deny = ["@secrets", "@persist", {json.dumps(ODD + "/hidden")}]
[net]
connect = ["db.example:5432", "10.1.2.3:443"]
listen = ["127.0.0.1:8080"]
[env]
pass = ["TZ"]
set = {{ MODE = "a \\"b' $HOME %n" }}
[limits]
wall = "1m"
memory = "1GiB"
"""
HOSTILE = r"""
import ctypes, fcntl, json, os, shutil, socket, subprocess, sys, threading
found = {}
def attempt(name, act):
    try:
        found[name] = ["done", str(act())]
    except BaseException as error:
        found[name] = [type(error).__name__, str(getattr(error, "errno", ""))]
libc = ctypes.CDLL(None, use_errno=True)
def call(name, *values):
    result = getattr(libc, name)(*values)
    if result in (-1, 2**32 - 1):
        raise OSError(ctypes.get_errno(), name)
    return result
def spawn(path, *more):
    return subprocess.run([path, *more], check=True, capture_output=True).returncode
def copied():
    shutil.copy(sys.executable, "/tmp/python")
    return spawn("/tmp/python", "-c", "1")
thread = threading.Thread(target=lambda: found.update(thread=["done", ""]))
thread.start(); thread.join()
attempt("read granted", lambda: open(sys.argv[1] + "/number").read())
attempt("read hidden", lambda: open(sys.argv[1] + "/hidden/secret").read())
attempt("read shadow", lambda: open("/etc/shadow").read())
attempt("read sys", lambda: os.listdir("/sys"))
attempt("write read-only", lambda: open(sys.argv[1] + "/new", "w"))
attempt("write root", lambda: open("/new", "w"))
attempt("write granted", lambda: open("out/result", "w").write("x"))
attempt("write tmp", lambda: open("/tmp/x", "w").write("x"))
attempt("write home", lambda: open(os.environ["HOME"] + "/x", "w").write("x"))
attempt("connect", lambda: socket.create_connection(("10.1.2.3", 443), 2))
attempt("unix", lambda: socket.socket(socket.AF_UNIX))
attempt("netlink", lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW))
attempt("packet", lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW))
attempt("vsock", lambda: socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM))
attempt("shell", lambda: spawn("/bin/sh", "-c", "true"))
attempt("copied", copied)
attempt("itself", lambda: spawn(sys.executable, "-c", "1"))
attempt("notice", lambda: fcntl.fcntl(os.open("/tmp", os.O_RDONLY), fcntl.F_NOTIFY, fcntl.DN_CREATE))
attempt("setid", lambda: os.chmod("out/result", 0o4755))
attempt("namespace", lambda: call("unshare", 0x10000000))
attempt("mount", lambda: call("mount", b"none", b"/tmp", b"tmpfs", 0, None))
attempt("ptrace", lambda: call("ptrace", 0, 0, 0, 0))
attempt("memfd", lambda: os.memfd_create("x"))
attempt("bpf", lambda: call("syscall", 321, 0, 0, 0))
attempt("keyctl", lambda: call("syscall", 250, 0, -3, 0))
attempt("shm", lambda: call("shmget", 0, 4096, 0o1600))
attempt("wx", lambda: call("mprotect", ctypes.c_void_p(id(found) & ~4095), 4096, 7))
attempt("device", lambda: os.mknod("/tmp/device", 0o020666, os.makedev(1, 3)))
attempt("root", lambda: os.setuid(0))
found["others"] = [name for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()]
found["environment"] = dict(os.environ)
found["ids"] = [os.getuid(), os.getgid()]
print(json.dumps(found))
sys.exit(7)
"""
WITHHELD = {
    *("read hidden", "read shadow", "read sys", "write read-only", "write root", "connect", "unix", "netlink"),
    *("packet", "vsock", "shell", "copied", "setid", "namespace", "mount", "ptrace", "memfd", "bpf", "keyctl", "shm"),
    *("wx", "device", "root"),
}
NOT_WITHHELD = {"itself"}  # proc.spawn, as the tables of both targets say
BY_ARGUMENTS = {"notice"}  # fs.meta, which systemd does not withhold, and says so
GIVEN = {"read granted", "write granted", "write tmp", "write home"}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "project"
    (folder / ODD / "hidden").mkdir(parents=True)
    (folder / ODD / "number").write_text("41", "utf-8")
    (folder / ODD / "hidden/secret").write_text("s3cret", "utf-8")
    (folder / "out").mkdir()
    (folder / "out").chmod(0o777)
    (folder / "app.py").write_text(HOSTILE, "utf-8")
    (folder / "casemate.toml").write_text(POLICY, "utf-8")
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def export(casemate: Casemate, project: Path) -> Callable[..., Path]:
    """Write an export of the project's policy and give its file."""

    def write(target: str, *more: str) -> Path:
        file = project.parent / f"export.{target}"
        done = casemate("policy", "export", "casemate.toml", "--to", target, "-o", file, *more)
        assert (done.returncode, done.stdout) == (0, "")
        assert "casemate: not given: net.connect db.example:5432: " in done.stderr
        assert "casemate: not withheld: fs.write: " in done.stderr
        assert not (file.stat().st_mode & 0o077)
        return file

    return write


def told(*command: str | Path, **options: Any) -> str:  # noqa: ANN401 -- options are subprocess.run's own
    """Run a tool that accepts what it is given; give what it says."""
    require(str(command[0]), there=shutil.which(str(command[0])) is not None)
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60, **options)  # type: ignore[call-overload]  # -- likewise
    assert done.returncode == 0, done.stdout + done.stderr
    return str(done.stdout + done.stderr)


def started(runtime: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Start a bundle. crun refuses a host that mounts both versions of cgroups unless it sees one of them alone."""
    require(runtime, there=shutil.which(runtime) is not None)
    require("root", there=os.geteuid() == 0)
    name = f"casemate-export-{os.getpid()}-{runtime}"
    command = [runtime, "run", name]
    if runtime == "crun":
        alone = 'umount -l /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup; exec "$@"'
        command = ["unshare", "--mount", "sh", "-c", alone, "sh", "crun", "--cgroup-manager=disabled", "run", name]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=60, cwd=folder)


@pytest.fixture
def bundle(export: Callable[..., Path], project: Path) -> Path:
    folder = project.parent / "bundle"
    (folder / "rootfs").mkdir(parents=True)
    shutil.move(export("oci", "--run", "app.py", f"{project}/{ODD}"), folder / "config.json")
    return folder


@pytest.mark.parametrize("runtime", ["runc", "crun"])
def test_a_bundle_gives_what_the_policy_gives_and_withholds_the_rest(runtime: str, bundle: Path) -> None:
    done = started(runtime, bundle)
    assert done.returncode == 7, done.stderr
    found = json.loads(done.stdout)
    assert found.pop("others") == []
    assert found.pop("ids") == [1000, 1000]
    assert found.pop("thread") == ["done", ""]
    assert set(found.pop("environment")) - {"LC_CTYPE"} == {"HOME", "PATH", "LANG", "TERM", "MODE"}
    assert {name for name, (how, _) in found.items() if how == "done"} == GIVEN | NOT_WITHHELD
    assert set(found) == WITHHELD | GIVEN | NOT_WITHHELD | BY_ARGUMENTS
    assert found["read granted"] == ["done", "41"]


def schema_of(uri: str) -> "Resource[Any]":
    """Read one file of the schema; they refer to each other."""
    return Resource.from_contents(json.loads((SCHEMA / Path(uri).name).read_text("utf-8")), DRAFT4)


def test_a_bundle_is_valid_against_the_schema_of_the_runtime_spec(bundle: Path) -> None:
    require("the schema of the runtime-spec", there=SCHEMA.exists())
    config = json.loads((bundle / "config.json").read_text("utf-8"))
    Draft4Validator(schema_of("config-schema.json").contents, registry=Registry(retrieve=schema_of)).validate(config)
    assert any("net.connect db.example:5432" in text for text in config["annotations"].values())
    masked = config["linux"]["maskedPaths"]
    assert {Path(path).name for path in masked if "project" in path} == {"casemate.toml", "hidden"}


def test_a_value_of_the_caller_is_never_written(casemate: Casemate, project: Path) -> None:
    (project / "casemate.toml").write_text(
        POLICY.replace("[limits]", 'secret = { TOKEN = { from = "env:TOKEN", to = "10.1.2.3:443" } }\n[limits]'),
        "utf-8",
    )
    caller = os.environ | {"TZ": "Mars/Olympus", "TOKEN": "tokentokentoken"}
    for target, more in (("oci", ("--run", "app.py")), ("docker", ("--image", "a")), ("podman", ("--image", "a"))):
        done = casemate("policy", "export", "casemate.toml", "--to", target, *more, env=caller)
        assert done.returncode == 0, done.stderr
        assert "Mars" not in done.stdout
        assert "tokentoken" not in done.stdout
        assert "not given: env.secret TOKEN: " in done.stderr


def test_a_kubernetes_manifest_is_valid_and_gives_exactly_one_address(
    export: Callable[..., Path], project: Path
) -> None:
    shutil.move(project / ODD, project / "plain")  # Kubernetes mounts no path with a colon
    (project / "casemate.toml").write_text(POLICY.replace(json.dumps(ODD)[1:-1], "plain"), "utf-8")
    text = export(
        "kubernetes", "--image", "registry.example/report:1", "--command", "/bin/report", "$(HOME)"
    ).read_text()
    pod, network = yaml.safe_load_all(text)
    for manifest in (pod, network):
        kubernetes_validate.validate(manifest, "1.37", strict=True)
    (container,) = pod["spec"]["containers"]
    assert container["command"] == ["/bin/report", "$$(HOME)"]
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    hidden = next(mount for mount in container["volumeMounts"] if mount["mountPath"].endswith("plain/hidden"))
    assert hidden["readOnly"] is True
    (egress,) = network["spec"]["egress"]
    assert egress == {"to": [{"ipBlock": {"cidr": "10.1.2.3/32"}}], "ports": [{"protocol": "TCP", "port": 443}]}
    assert "ingress" not in network["spec"]


def test_a_unit_is_verified_and_little_exposed(export: Callable[..., Path], project: Path) -> None:
    unit = project.parent / "night-report.service"
    shutil.move(export("systemd", "--run", "app.py", "a b", "$HOME %n"), unit)
    assert "ignoring" not in told("systemd-analyze", "verify", unit)
    told("systemd-analyze", "security", "--offline=true", "--threshold=20", unit)  # of 100
    text = unit.read_text("utf-8")
    assert "IPAddressAllow=10.1.2.3\n" in text
    assert "PassEnvironment=TZ\n" in text
    assert "RestrictAddressFamilies=AF_INET AF_INET6\n" in text


BOOT = """
set -e
mount --make-rprivate /
mount -t tmpfs none /run
umount -l /sys/fs/cgroup
mount -t cgroup2 none /sys/fs/cgroup
mount -t proc proc /proc
for name in passwd group; do mount --bind "$1/$name" /etc/$name; done
exec env -i container=test PATH=/usr/bin:/bin SYSTEMD_UNIT_PATH="$1/units" SYSTEMD_LOG_TARGET=null \\
  /lib/systemd/systemd --system --unit=test.target --show-status=no
"""
UNITS = {
    "test.target": "[Unit]\nDefaultDependencies=no\nWants=night-report.service end.service\n",
    "end.service": "[Unit]\nDefaultDependencies=no\nAfter=night-report.service\n[Service]\nType=oneshot\n"
    "ExecStart=/bin/sh -c 'while systemctl is-active -q night-report.service; do sleep 0.1; done; "
    'systemctl show -P ExecMainStatus night-report.service >"{folder}/status"; '
    'mv "{folder}/status" "{folder}/code"\'\n',
    "night-report.service.d/test.conf": "[Unit]\nDefaultDependencies=no\n[Service]\nStandardOutput=file:{folder}/out\n",
}


def test_a_unit_gives_what_the_policy_gives_and_withholds_the_rest(export: Callable[..., Path], project: Path) -> None:
    """A systemd of its own, in namespaces of its own, starts the unit as it was written."""
    require("systemd", there=Path("/lib/systemd/systemd").exists())
    require("root", there=os.geteuid() == 0)
    (project / "casemate.toml").write_text(POLICY.replace(', "10.1.2.3:443"', ""), "utf-8")  # nothing leaves the test
    folder = project.parent / "boot"
    (folder / "units/night-report.service.d").mkdir(parents=True)
    for name, text in UNITS.items():
        (folder / "units" / name).write_text(text.replace("{folder}", str(folder)), "utf-8")
    shutil.move(export("systemd", "--run", "app.py", f"{project}/{ODD}"), folder / "units/night-report.service")
    user = "casemate-night-report"
    for name, line in (("passwd", f"{user}:x:61555:61555::/:/nonexistent\n"), ("group", f"{user}:x:61555:\n")):
        (folder / name).write_text(Path(f"/etc/{name}").read_text("utf-8") + line, "utf-8")
    command = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--cgroup", "--ipc", "--uts", "sh", "-c", BOOT]
    with subprocess.Popen([*command, "sh", folder]) as booted:
        for _ in range(300):
            if (folder / "code").exists() or booted.poll() is not None:
                break
            time.sleep(0.1)
        booted.kill()
    assert (folder / "code").read_text("utf-8") == "7\n"
    found = json.loads((folder / "out").read_text("utf-8"))
    assert found.pop("others") == []
    assert found.pop("ids") == [61555, 61555]
    assert found.pop("thread") == ["done", ""]
    assert {"HOME", "PATH", "LANG", "TERM", "MODE"} <= set(found.pop("environment"))
    assert {name for name, (how, _) in found.items() if how == "done"} == GIVEN | NOT_WITHHELD | BY_ARGUMENTS


def test_a_profile_is_compiled(export: Callable[..., Path]) -> None:
    profile = export("apparmor", "--run", "app.py")
    told("apparmor_parser", "--skip-kernel-load", "--skip-cache", profile)


def test_the_client_of_docker_understands_the_command(export: Callable[..., Path]) -> None:
    script = export("docker", "--image", "report:1", "--command", "/bin/report")
    require("docker", there=shutil.which("docker") is not None)
    environment = {"PATH": os.environ["PATH"], "DOCKER_HOST": "unix:///nonexistent.sock"}
    done = subprocess.run(["sh", script], check=False, capture_output=True, text=True, env=environment)
    assert "Cannot connect to the Docker daemon" in done.stderr
    Path(f"{script}.seccomp.json").unlink()
    done = subprocess.run(["sh", script], check=False, capture_output=True, text=True, env=environment)
    assert "seccomp" in done.stderr  # without its filter nothing starts
    assert done.returncode != 0


class Daemon(ThreadingUnixStreamServer):
    """Takes one request of docker's client to make a container, and makes none."""

    asked: dict[str, Any]


class Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Daemon

    def do_HEAD(self) -> None:
        self.say(200, b"")

    def do_POST(self) -> None:
        self.server.asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.say(500, b'{"message": "none is made"}')

    def say(self, code: int, text: bytes) -> None:
        self.send_response_only(code)
        self.send_header("Api-Version", "1.44")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


def test_docker_is_asked_for_what_the_script_says(export: Callable[..., Path], project: Path) -> None:
    require("docker", there=shutil.which("docker") is not None)
    script = export("docker", "--image", IMAGE, "--command", "/bin/sh", "-c", "a b")
    name = str(project.parent / "docker.sock")
    with Daemon(name, Answer) as daemon:
        threading.Thread(target=daemon.serve_forever, daemon=True).start()
        subprocess.run(
            ["sh", script], check=False, capture_output=True, env=os.environ | {"DOCKER_HOST": f"unix://{name}"}
        )
        daemon.shutdown()
    asked, host = daemon.asked, daemon.asked["HostConfig"]
    assert (asked["Entrypoint"], asked["Cmd"]) == (["/bin/sh"], ["-c", "a b"])
    assert asked["Healthcheck"] == {"Test": ["NONE"]}
    assert (host["ReadonlyRootfs"], host["CapDrop"], host["NetworkMode"]) == (True, ["ALL"], "none")
    (hidden,) = (mount for mount in host["Mounts"] if mount["Target"].endswith("/hidden"))
    assert hidden["ReadOnly"]
    assert (
        hidden["TmpfsOptions"]["Mode"] == 0o1000
    )  # 0 is left out by the client, and by the daemon: the folder is open
    seccomp = next(option for option in host["SecurityOpt"] if option.startswith("seccomp="))
    assert json.loads(seccomp.removeprefix("seccomp=")) == json.loads(Path(f"{script}.seccomp.json").read_text("utf-8"))


def test_podman_runs_the_command_with_all_that_it_says(export: Callable[..., Path], project: Path) -> None:
    require("podman", there=shutil.which("podman") is not None)
    require("busybox", there=shutil.which("busybox") is not None)
    require("runc", there=shutil.which("runc") is not None)
    require("root", there=os.geteuid() == 0)
    for name in ("bin", "tmp", "home"):
        (project.parent / "image" / name).mkdir(parents=True)
    shutil.copy(str(shutil.which("busybox")), project.parent / "image/bin/busybox")
    told("tar", "-C", project.parent / "image", "-cf", project.parent / "image.tar", ".")
    hostile = ("--change", "VOLUME /volume", "--change", 'ENTRYPOINT ["/bin/busybox", "false"]')
    told("podman", "import", "--quiet", *hostile, project.parent / "image.tar", IMAGE)
    try:
        script = export(
            "podman", "--image", IMAGE, "--command", "/bin/busybox", "sh", "-c", PODMAN, "sh", project / ODD
        )
        text = script.read_text("utf-8")  # podman raises RLIMIT_NPROC unless it is named, which not every root may
        script.write_text(text.replace("podman run", "podman --runtime=runc run --ulimit=nproc=500:500"), "utf-8")
        said = told("sh", "-c", HANDING, script, env=os.environ | {"HTTP_PROXY": "http://user:s3cret@proxy.example"})
        assert told("podman", "ps", "--all", "--quiet", "--filter", f"ancestor={IMAGE}") == ""
    finally:
        told("podman", "rmi", "--force", IMAGE)
    assert said.splitlines()[:4] == ["1000", "41", "a \"b' $HOME %n", "/home/casemate"]
    assert "Seccomp:\t2" in said
    assert "NoNewPrivs:\t1" in said
    assert "CapEff:\t0000000000000000" in said
    assert "was written" not in said
    assert "was handed on" not in said
    assert "s3cret" not in said
    assert (project / "out/pod").exists()
    assert not (project / ODD / "new").exists()


HANDING = 'export LISTEN_FDS=1 LISTEN_PID=$$; exec sh "$0" 3</dev/null'  # as a manager of sockets hands one over
PODMAN = """
b=/bin/busybox
$b id -u; $b cat "$1/number"; echo; echo "$MODE"; echo $HOME
$b grep -E 'Seccomp:|NoNew|CapEff' /proc/self/status
$b touch /new && echo read-only root was written
$b touch "$1/new" && echo read-only mount was written
$b cat "$1/hidden/secret"
$b touch "${1%/*}/out/pod"
$b touch /volume/x && echo a volume of the image was written
$b test "$HTTP_PROXY" && echo the proxy was handed on
$b test -e /proc/self/fd/3 && echo a socket was handed on
true
"""


# what is wrong


def refused(done: subprocess.CompletedProcess[str], said: str) -> None:
    assert done.returncode == 2
    assert done.stdout == ""
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--to", "lxc"), "invalid choice"),
        ((), "--to"),
        (("--to", "oci"), "--run SCRIPT"),
        (("--to", "systemd", "--image", "a", "--run", "app.py"), "no image"),
        (("--to", "oci", "--run", "gone.py"), "gone.py"),
        (("--to", "oci", "--run", "--read", "/etc", "app.py"), "no options of run"),
        (("--to", "podman"), "--image NAME"),
        (("--to", "podman", "--image", "a", "--python", "python3"), "--python belongs to"),
        (("--to", "seccomp", "--image", "a"), "starts nothing"),
        (("--to", "docker", "--image", "--privileged"), "--image"),
        (("--to", "docker", "--image=--privileged"), "no name of an image"),
        (("--to", "docker", "--image", "a b"), "no name of an image"),
        (("--to", "docker", "--image", "a", "--run", "app.py"), "--command"),
        (("--to", "docker", "--image", "a", "--command", ""), "empty word"),
        (("--to", "kubernetes", "--image", "a"), "a path with a colon"),
        (("--to", "seccomp", "-o", "no/such/file"), "no directory"),
    ],
)
def test_a_wrong_request_is_one_line(casemate: Casemate, words: tuple[str, ...], said: str) -> None:
    refused(casemate("policy", "export", "casemate.toml", *words), said)


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("target", ["oci", "podman"])
def test_an_argument_that_is_no_text_is_refused_and_not_changed(target: str) -> None:
    more = ["--image", "a"] if target == "podman" else []
    command = [COMMAND, "policy", "export", "casemate.toml", "--to", target, *more, "--command", "/bin/true", b"\xff"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    refused(done, "not UTF-8")


@pytest.mark.usefixtures("project")
def test_a_hostile_argument_and_folder_give_no_order(casemate: Casemate, project: Path) -> None:
    refused(
        casemate("policy", "export", "casemate.toml", "--to", "systemd", "--run", "app.py", "x\nUser=root"), "control"
    )
    folder = project.parent / "wd\\"
    folder.mkdir()
    shutil.copy("app.py", folder)
    refused(
        casemate("policy", "export", project / "casemate.toml", "--to", "systemd", "--run", "app.py", cwd=folder),
        "backslash",
    )
    (project / "o\nUser=root").mkdir()
    done = casemate(
        "policy", "export", "../casemate.toml", "--to", "apparmor", "--command", "/bin/true", cwd="o\nUser=root"
    )
    assert "\nUser=root" not in done.stdout


@pytest.mark.parametrize("path", ["/", "/proc/cpuinfo", "/sys/kernel", "/dev/pts"])
def test_a_grant_of_what_is_the_kernel_s_is_refused_and_not_dropped(
    casemate: Casemate, project: Path, path: str
) -> None:
    (project / "p.toml").write_text(f'[policy]\nversion = 1\n[fs]\nread = ["{path}"]\n', "utf-8")
    refused(casemate("policy", "export", "p.toml", "--to", "docker", "--image", "a"), f"{path} cannot be granted")


@pytest.mark.parametrize("target", ["/", "/proc", "/proc/1", "/dev/pts", "/sys"])
def test_a_link_to_what_is_the_kernel_s_is_refused_as_well(casemate: Casemate, project: Path, target: str) -> None:
    (project / "link").symlink_to(target)
    (project / "p.toml").write_text('[policy]\nversion = 1\n[fs]\nread = ["link"]\n', "utf-8")
    refused(casemate("policy", "export", "p.toml", "--to", "docker", "--image", "a"), f"{target} cannot be granted")


def test_a_grant_of_tmp_takes_the_place_of_the_private_one(casemate: Casemate, project: Path) -> None:
    (project / "p.toml").write_text('[policy]\nversion = 1\n[fs]\nwrite = ["/tmp"]\nread = ["/dev/null"]\n', "utf-8")
    said = casemate("policy", "export", "p.toml", "--to", "docker", "--image", "a").stdout
    assert "--tmpfs=/tmp" not in said
    assert "--mount=type=bind,src=/tmp,dst=/tmp,bind-recursive=disabled \\\n" in said
    assert "/dev/null" not in said


def test_the_filter_alone_is_what_lies_beside_a_script(casemate: Casemate, export: Callable[..., Path]) -> None:
    beside = Path(f"{export('docker', '--image', 'a')}.seccomp.json").read_text("utf-8")
    assert json.loads(beside) == json.loads(casemate("policy", "export", "casemate.toml", "--to", "seccomp").stdout)
