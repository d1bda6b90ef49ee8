"""config.json for gVisor: the program itself, in the root that the steward has built.

OCI Runtime Specification 1.0.2. gVisor maps from the mounts of the host, and refuses for itself what they refuse.
"""

from _collections_abc import Iterator, Mapping, Sequence

from casemate.model.sandbox import Json
from casemate.sandbox.containers.guest_calls import filter_of
from casemate.sandbox.native import names
from casemate.sandbox.native.contract import NativePlan
from casemate.sandbox.native.root import NEW
from casemate.sandbox.native.steps import Bind, Layered, Private
from casemate.sandbox.native.steward import Prepared
from casemate.sandbox.native.world import DEFAULTS, NAME
from casemate.sandbox.words import written

CAPABILITIES = ("bounding", "effective", "inheritable", "permitted", "ambient")
_KERNEL: tuple[Json, ...] = (  # gVisor's own; without a word it shows a /sys and a network card of its own
    {"destination": "/proc", "type": "proc", "source": "proc", "options": ["ro", "nosuid", "noexec", "nodev"]},
    {"destination": "/sys", "type": "tmpfs", "source": "none", "options": ["ro", "nosuid", "noexec", "nodev"]},
    {"destination": "/dev/net", "type": "tmpfs", "source": "none", "options": ["ro", "nosuid", "noexec", "nodev"]},
)


def bundle(plan: NativePlan, environment: Mapping[str, str], prepared: Prepared, *, terminal: bool) -> str:
    """Write config.json: the program itself, the granted paths as mounts, the filter, the limits.

    Raises ValueError for what is no text.
    """
    values = DEFAULTS | dict(environment)
    seen = plan.environment if names.ENVIRONMENT not in prepared.without else tuple(environment)
    said: Json = {
        "ociVersion": "1.0.2",
        "process": {
            "terminal": terminal,
            "user": {"uid": 0, "gid": 0, "umask": 0o077},
            "args": _text([plan.executable, *plan.command[1:]]),
            "env": _text([f"{name}={values[name]}" for name in seen if name in values]),
            "cwd": plan.directory,
            "capabilities": dict.fromkeys(CAPABILITIES, ()),
            "rlimits": list(_limits(plan)),
            "noNewPrivileges": True,
        },
        "root": {"path": NEW, "readonly": False},
        "hostname": NAME,
        "mounts": [*_KERNEL, *_mounts(plan)],
        "linux": {
            "namespaces": [{"type": kind} for kind in ("pid", "ipc", "uts", "mount")],
            "seccomp": filter_of(plan.filter),
        },
    }
    return written(said)


def _text(words: Sequence[str]) -> list[Json]:
    """Give what JSON can hold. runsc would put another letter in the place of each byte that is no text."""
    for word in words:
        try:
            word.encode()
        except UnicodeEncodeError:
            raise ValueError(f"{word!r} is not UTF-8, and config.json can hold nothing else") from None
    return [*words]


def _mounts(plan: NativePlan) -> Iterator[Json]:
    """Yield a mount for each tree and file of the root: gVisor refuses for itself what the host's mount refuses too."""
    for step in plan.steps:
        match step:
            case Bind(_, execute, write):
                options = ("rw" if write else "ro", *(() if execute else ("noexec",)))
                yield _mount(step.place, options)
            case Layered():
                yield _mount(step.place, ("rw", "noexec"))
            case Private(path, _):
                yield _mount(path, ("rw", "noexec"))
            case _:
                continue


def _mount(path: str, options: tuple[str, ...]) -> Json:
    _text([path])
    return {
        "destination": path,
        "type": "bind",
        "source": f"{NEW}{path}",
        "options": ["rbind", "nosuid", "nodev", *options],
    }


def _limits(plan: NativePlan) -> Iterator[Json]:
    """Yield the limits of each process, which gVisor's kernel keeps."""
    limits = plan.outside.limits
    for name, soft, hard in (
        ("CPU", limits.cpu_seconds, limits.cpu_seconds + 1),
        ("NPROC", limits.processes, limits.processes),
        ("FSIZE", limits.disk_bytes, limits.disk_bytes),
        ("NOFILE", limits.fds, limits.fds),
        ("AS", limits.memory_bytes, limits.memory_bytes),
    ):
        if soft:
            yield {"type": f"RLIMIT_{name}", "soft": soft, "hard": hard}
    for name in ("CORE", "MEMLOCK", "MSGQUEUE"):
        yield {"type": f"RLIMIT_{name}", "soft": 0, "hard": 0}
