"""The filter that gVisor puts on the program inside its own kernel: what passes in seccomp.py, and nothing else.

Only what passes is written, so that nothing depends on which of two rules comes first. config-linux.md, "Seccomp".
"""

from casemate.model.sandbox import Json
from casemate.sandbox.native.steps import Filter
from casemate.sandbox.seccomp import ALLOW, conditional, free

# gVisor answers SCMP_ACT_ERRNO with EPERM, whatever the number, and a C library that hears that of clone3 makes no
# thread. What would be told to a tracer is answered with ENOSYS where there is none (seccomp(2)): nobody traces here.
UNKNOWN = "SCMP_ACT_TRACE"
OTHER_NAMES = {"pselect6": "pselect"}  # what gVisor calls them: `runsc help syscalls`
# gVisor starts the program without a call. The program is user 0 of that kernel, with no right of root's but to be
# itself: there is no other identity to take, and no priority to give up.
NEVER = frozenset({
    *("setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid", "setfsuid", "setfsgid", "setgroups"),
    *("setpriority", "ioprio_set"),
})  # fmt: skip


def filter_of(shape: Filter) -> Json:
    """Write the filter for what a policy leaves open."""
    left_out = NEVER if shape.spawn else NEVER | {"execve"}
    names = [OTHER_NAMES.get(name, name) for name in free(shape) if name not in left_out]
    checked: list[Json] = [
        {"names": [name], "action": ALLOW, "args": list(all_of)} for name, all_of in conditional(shape)
    ]
    rules: list[Json] = [{"names": names, "action": ALLOW}, *checked]
    return {"defaultAction": UNKNOWN, "architectures": ["SCMP_ARCH_X86_64"], "syscalls": rules}
