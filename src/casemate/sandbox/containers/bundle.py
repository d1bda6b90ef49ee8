"""config.json of an OCI bundle: what a runtime makes of the root that the steward has built.

OCI Runtime Specification 1.0.2, config.md and config-linux.md. The process has no Linux capabilities, gains none, and
is alone in namespaces of every kind but that of the network, which it shares with the steward: that one is empty, or
holds the sockets of the broker. The target is started by it and puts on the rest (inside.py).
"""

from casemate.model.sandbox import Json
from casemate.sandbox.containers.inside import VIEW
from casemate.sandbox.containers.launch import Place
from casemate.sandbox.containers.scaffold import Scaffold
from casemate.sandbox.native.world import NAME, UID
from casemate.sandbox.words import written

VERSION = "1.0.2"
NAMESPACES = ("user", "pid", "ipc", "uts", "mount", "cgroup")
CAPABILITIES = ("bounding", "effective", "inheritable", "permitted", "ambient")
FRESH = ("nosuid", "noexec", "nodev")
MASKED = (
    "acpi",
    "asound",
    "interrupts",
    "kallsyms",
    "kcore",
    "keys",
    "latency_stats",
    "sched_debug",
    "scsi",
    "timer_list",
)
# Calls that neither a runtime's last steps nor the helper make. It has the list of what is allowed put on the target.
REFUSED = """
acct add_key bpf clock_adjtime clock_settime create_module delete_module finit_module get_kernel_syms init_module
io_uring_enter io_uring_register io_uring_setup ioperm iopl kcmp kexec_file_load kexec_load lookup_dcookie move_pages
name_to_handle_at nfsservctl open_by_handle_at perf_event_open pidfd_getfd process_vm_readv process_vm_writev ptrace
query_module quotactl quotactl_fd reboot request_key setns settimeofday swapoff swapon syslog userfaultfd ustat vhangup
""".split()  # noqa: SIM905 -- a list that is read and compared by people

SECCOMP: Json = {
    "defaultAction": "SCMP_ACT_ALLOW",
    "syscalls": [{"names": REFUSED, "action": "SCMP_ACT_ERRNO", "errnoRet": 1}],
}


def config(place: Place, scaffold: Scaffold, *, root: bool) -> str:
    """Write config.json for the helper in the root at `place`. `root`: the runtime insists on the id 0 in a container.

    To leave that id for a user namespace of its own, the target needs CAP_SETFCAP until then: user_namespaces(7).
    """
    uid = 0 if root else UID
    held = ("CAP_SETFCAP",) if root else ()
    here: Json = [{"containerID": uid, "hostID": place.uid, "size": 1}]
    said: Json = {
        "ociVersion": VERSION,
        "process": {
            "terminal": False,
            "user": {"uid": uid, "gid": uid, "umask": 0o077},
            "args": scaffold.argv,
            "env": scaffold.environment,
            "cwd": "/",
            "capabilities": dict.fromkeys(CAPABILITIES, held),
            "rlimits": [{"type": "RLIMIT_CORE", "soft": place.core, "hard": place.core}],
            "noNewPrivileges": True,
        },
        "root": {"path": place.root, "readonly": True},
        "hostname": NAME,
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc", "options": FRESH},
            {
                "destination": "/dev",  # a runtime makes devices there, whether they are wanted or not
                "type": "tmpfs",
                "source": "tmpfs",
                "options": ["nosuid", "noexec", "mode=755", "size=64k"],
            },
            {
                "destination": f"{VIEW}/proc",
                "type": "proc",
                "source": "proc",
                "options": [*FRESH, "ro", "subset=pid", "hidepid=2"],
            },
        ],
        "linux": {
            "uidMappings": here,
            "gidMappings": here,
            "namespaces": [{"type": kind} for kind in NAMESPACES],
            "maskedPaths": [f"/proc/{name}" for name in MASKED],
            "seccomp": SECCOMP,
        },
    }
    return written(said)
