"""The names of the layers, what stands on what, and what nothing is started without."""

from _collections_abc import Mapping

USER, MOUNT, NET, PID = "user namespace", "mount namespace", "net namespace", "pid namespace"
IPC, UTS, CGROUP = "ipc namespace", "uts namespace", "cgroup namespace"
LANDLOCK, LANDLOCK_NET, SCOPES = "landlock", "landlock tcp", "landlock scopes"
TRUNCATE, IOCTL = "landlock truncate", "landlock ioctl"
SECCOMP, MDWE, IDENTITY, LIMITS = "seccomp", "mdwe", "identity", "rlimits"
CAPABILITIES, NO_NEW, CORES = "capabilities", "no new privileges", "no core dumps"
ENVIRONMENT, DESCRIPTORS, AT_EXEC = "environment", "descriptors", "close-on-exec"
STREAMS, KEYRING = "own streams", "session keyring"
URING, BPF, UFFD = "io_uring off", "bpf off", "userfaultfd off"
LOOP, COMMIT, BROKER = "outer loop", "commit", "broker"
# One name for each version of cgroups(7): a run uses one of the two for each resource, and the other one is missing.
OF_CPU = "cgroup v2 cpu", "cgroup v1 cpuacct"
OF_MEMORY = "cgroup v2 memory", "cgroup v1 memory"
OF_PROCESSES = "cgroup v2 pids", "cgroup v1 pids"
CGROUPS = (*OF_CPU, *OF_MEMORY, *OF_PROCESSES)
NAMES = frozenset({
    *(USER, MOUNT, NET, PID, IPC, UTS, CGROUP, LANDLOCK, LANDLOCK_NET, SCOPES, TRUNCATE, IOCTL, SECCOMP, MDWE),
    *(IDENTITY, LIMITS, CAPABILITIES, NO_NEW, CORES, ENVIRONMENT, DESCRIPTORS, AT_EXEC, STREAMS, KEYRING),
    *(URING, BPF, UFFD, LOOP, COMMIT, BROKER, *CGROUPS),
})  # fmt: skip
STANDS_ON: Mapping[str, tuple[str, ...]] = {  # a layer, and those that are not there without it
    MOUNT: (COMMIT,),
    NET: (BROKER,),
    LANDLOCK: (LANDLOCK_NET, SCOPES, TRUNCATE, IOCTL),
}
ALWAYS = (MOUNT, PID, NO_NEW, STREAMS, LOOP)  # nothing is started without these, whatever is accepted
