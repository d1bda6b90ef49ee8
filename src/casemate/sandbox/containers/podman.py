"""podman, for those who have it: it starts crun or runc with a bundle of its own making, around the root that we built.

It is told where to store what it stores (memory that ends with the run), to read no configuration but ours, to pull
nothing, and to leave the network as it is. Its config.json says more than ours (bundle.py) can: so the helper
finishes the view itself, as under bubblewrap, and holds the right to mount until the program starts.
"""

import os
from _collections_abc import Mapping, Sequence

from casemate.sandbox.containers.bundle import SECCOMP
from casemate.sandbox.containers.launch import STATE, Place
from casemate.sandbox.containers.scaffold import Scaffold
from casemate.sandbox.native import identity
from casemate.sandbox.native import kernel as k
from casemate.sandbox.native.steps import Folder, Link, Step, Synthetic
from casemate.sandbox.native.world import NAME, UID
from casemate.sandbox.words import written

STARTS = ("conmon", "crun")
NEEDS: tuple[Step, ...] = (  # where it mounts things, whether they are wanted or not; it cannot write to the root
    *(Folder(f"/{name}") for name in ("etc", "run", "sys", "tmp", "var/tmp")),
    *(Synthetic(path, "") for path in ("/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/run/.containerenv")),
    Link("/etc/mtab", "/proc/mounts"),
)
NOBODY = "disabled:"  # by itself it asks the host's D-Bus for a group of systemd
CONFIGURATION = """[containers]
cgroups = "disabled"
default_sysctls = []
default_ulimits = []
http_proxy = false
log_driver = "none"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "none"
hooks_dir = []
lock_type = "file"
"""


def enter() -> None:
    """Enter the user namespace that podman would make, as its root: by itself it asks /etc/subuid for a range of ids.

    Raises OSError.
    """
    uid, gid = os.geteuid(), os.getegid()
    k.prctl(k.PR_SET_DUMPABLE, 1)
    k.unshare(k.CLONE_NEWUSER | k.CLONE_NEWNS)
    identity.map_self(0, uid, gid)


def environment() -> Mapping[str, str]:
    """Give the variables of podman: it looks into no file and no folder of the caller or of the host."""
    return {
        "_CONTAINERS_USERNS_CONFIGURED": "done",  # it has been entered
        "_CONTAINERS_ROOTLESS_UID": str(UID),
        "_CONTAINERS_ROOTLESS_GID": str(UID),
        "DBUS_SESSION_BUS_ADDRESS": NOBODY,
        "DBUS_SYSTEM_BUS_ADDRESS": NOBODY,
        "XDG_RUNTIME_DIR": STATE,
        "TMPDIR": STATE,
        "CONTAINERS_CONF": f"{STATE}/containers.conf",
        "CONTAINERS_STORAGE_CONF": f"{STATE}/storage.conf",
    }


def files() -> Mapping[str, str]:
    """Give the files that it reads."""
    return {
        "containers.conf": CONFIGURATION,
        "storage.conf": '[storage]\ndriver = "vfs"\n',
        "mounts.conf": "",
        "seccomp.json": written(SECCOMP),
    }


def argv(programs: Sequence[str], place: Place, made: Scaffold) -> tuple[str, ...]:
    """Say what podman is to do. `programs` are the paths of podman itself and of what it starts.

    It starts itself again by the name that it is called.
    """
    program, conmon, runtime = programs
    return (
        *(program, "--root", f"{place.state}/root", "--runroot", f"{place.state}/runroot"),
        *("--default-mounts-file", f"{place.state}/mounts.conf", "--storage-driver", "vfs"),
        *("--conmon", conmon, "--runtime", runtime, "--log-level", "error"),
        *("run", "--rm", "--pull", "never", "--network", "host", "--no-hosts", "--hostname", NAME),
        *("--cgroups", "disabled", "--log-driver", "none", "--ulimit", "host", "--image-volume", "ignore"),
        *("--cap-drop", "ALL", "--cap-add", "SETFCAP", "--cap-add", "SYS_ADMIN"),
        *("--security-opt", "no-new-privileges", "--security-opt", f"seccomp={place.state}/seccomp.json"),
        *("--security-opt", "unmask=ALL", "--security-opt", "label=disable", "--security-opt", "apparmor=unconfined"),
        *("--read-only", "--read-only-tmpfs=false", "--ipc", "private", "--uts", "private", "--pid", "private"),
        *("--unsetenv-all", *(word for text in made.environment for word in ("--env", text))),
        *("--umask", "0077", "--workdir", "/", "--entrypoint", ""),
        *("--preserve-fds", str(place.descriptors), "--rootfs", place.root, *made.argv),
    )
