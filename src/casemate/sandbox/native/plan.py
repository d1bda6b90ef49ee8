"""Policy + command → plan. It reads the file system to resolve links, and starts nothing.

A path is bound at its own place: every symbolic link on the way is made again inside, so that a program finds things
where it expects them. Deny beats every grant, whatever the order.
"""

import os
import stat
from _collections_abc import Iterator, Mapping

from casemate.model.capability import Capability
from casemate.model.errors import PolicyError, Refused
from casemate.model.exits import Exit
from casemate.model.policy import PRIVATE, Grant, Missing, Policy, WriteMode
from casemate.model.sandbox import Command, Coverage, Operation
from casemate.model.tree import below
from casemate.sandbox.native import executable, world
from casemate.sandbox.native.contract import Endpoint, Forward, NativePlan, Outside, Write
from casemate.sandbox.native.gathered import Gathered
from casemate.sandbox.native.names import CGROUPS
from casemate.sandbox.native.paths import ABSENT, Denied, above, denied, look, walk, within
from casemate.sandbox.native.steps import Bind, Filter, Folder, Hide, Layered, Link, Seen, Step, describe

OWN = ("/proc", "/dev", "/sys")  # made anew inside, or not there at all
MARKS = {"@persist"}  # enforced by name when a layer is committed, not by path
WAIT = Operation("wait", {"for": "arguments", "on": "stdin"})
SHOWN = (Capability.FS_READ, Capability.FS_LIST, Capability.NET_UNIX)
LISTED = (*SHOWN, Capability.FS_EXEC, Capability.PROC_SPAWN, Capability.NATIVE_EXT)
EXECUTING = (Capability.FS_EXEC, Capability.PROC_SPAWN, Capability.NATIVE_EXT)


def compile_plan(command: Command, policy: Policy, coverage: tuple[Coverage, ...]) -> NativePlan:
    """Say exactly what would be started. Raises Refused (125, 126, 127) and PolicyError."""
    root, refused = Gathered(), _denied(policy)
    names = {name: one.path for one in refused for name in (one.path.rstrip("/") or "/", one.real)}
    for capability in SHOWN if policy.image else LISTED:
        for grant in policy.of(capability):
            _read(root, grant, policy.missing)
    for grant in policy.of(Capability.FS_WRITE):
        _write(root, grant, policy)
    for path in _executables(policy):
        if policy.image:  # whoever expanded the policy has found them there, with their loaders
            root.runnable[path] = None
        else:
            _runnable(root, path)
    _deny_beats_grants(root, names)
    _demand_layers(root, refused, policy.layers)
    _pin(root, refused)
    if not policy.image and not within(os.path.realpath(world.LOCALTIME), names):
        _read(root, Grant(Capability.FS_READ, world.LOCALTIME), Missing.SKIP_READ)
    if not policy.image:  # the kernel says it: nothing of an image is looked at here
        _check_command(root, command)
    steps = (*_steps(root, policy, command), *_hidden(root, refused), *_sockets(root, policy))
    if policy.image:
        from casemate.sandbox.native.imaged import shown  # noqa: PLC0415 -- only where there is an image

        steps = (Folder("/sys"), *steps, shown(_checked(policy.image), refused, steps))
    deny = tuple(dict.fromkeys(name for one in refused for name in (one.path, one.real)))
    return _assemble(command, policy, coverage, root, steps, deny)


def _assemble(
    command: Command,
    policy: Policy,
    coverage: tuple[Coverage, ...],
    root: Gathered,
    steps: tuple[Step, ...],
    deny: tuple[str, ...],
) -> NativePlan:
    shape = Filter(
        wx=policy.grants_any(Capability.NATIVE_WX),
        unix=policy.grants_any(Capability.NET_UNIX),
        inet=policy.grants_any(Capability.NET_CONNECT) or policy.grants_any(Capability.NET_LISTEN),
        spawn=policy.grants_any(Capability.PROC_SPAWN),
    )
    connect, forwards = _network(policy)
    outside = Outside(
        limits=policy.limits,
        connect=connect,
        forwards=forwards,
        writes=tuple(write for _, write in root.writes.values()),
        deny=deny,
        persist="@persist" in policy.deny,
    )
    return NativePlan(
        backend="native",
        command=command.argv,
        directory=command.directory,
        environment=world.variables(policy),
        operations=(*_counted(coverage), *_operations(command, policy, root, steps, shape, outside)),
        coverage=coverage,
        executable=command.executable,
        runnable=tuple(root.runnable),
        steps=steps,
        filter=shape,
        tmp_bytes=policy.tmp_bytes,
        outside=outside,
        waits=command.waits,
        image=bool(policy.image),
    )


def _network(policy: Policy) -> tuple[tuple[Endpoint, ...], tuple[Forward, ...]]:
    """Read what may be connected to, and what is forwarded in."""
    connect = [grant.resource for grant in policy.of(Capability.NET_CONNECT)]
    listen = [grant.resource for grant in policy.of(Capability.NET_LISTEN) if grant.resource != PRIVATE]
    if not connect and not listen:
        return (), ()
    from casemate.sandbox.native import endpoints  # noqa: PLC0415 -- only where there is a network

    found = endpoints.endpoints(connect)
    for secret in policy.secrets:
        endpoints.refuse_another_name(secret, found)
    return found, endpoints.forwards(listen)


def _counted(coverage: tuple[Coverage, ...]) -> Iterator[Operation]:
    """Say which controllers count the whole run, where there are any."""
    layers = dict.fromkeys(layer for entry in coverage for layer in entry.layers if layer in CGROUPS)
    if layers:
        yield Operation("cgroup", {"counts": ",".join(sorted(layer.removeprefix("cgroup ") for layer in layers))})


def _operations(
    command: Command, policy: Policy, root: Gathered, steps: tuple[Step, ...], shape: Filter, outside: Outside
) -> Iterator[Operation]:
    yield Operation("unshare", {"namespaces": "user,mount,pid,net,ipc,uts,cgroup"})
    yield from map(describe, steps)
    yield Operation("pivot_root")
    for endpoint in outside.connect:
        address = endpoint.address or endpoint.address6
        yield Operation("broker", {"connect": f"{endpoint.host}:{endpoint.port}", "inside": address})
    for forward in outside.forwards:
        yield Operation("forward", {"listen": f"{forward.host}:{forward.port}"})
    yield Operation("identity", {"uid": world.UID, "gid": world.UID, "capabilities": "none", "new_privileges": "never"})
    for name in ("cpu_seconds", "wall_seconds", "memory_bytes", "processes", "fds", "output_bytes", "disk_bytes"):
        yield Operation("limit", {name: getattr(policy.limits, name)})
    for secret in policy.secrets:
        yield Operation("placeholder", {"variable": secret.name, "exchanged": secret.to})
    yield Operation("environment", {"names": ",".join(world.variables(policy))})
    yield Operation("descriptors", {"kept": "0,1,2"})
    yield Operation("landlock", {"execute": ",".join(root.runnable)})
    yield Operation("seccomp", {"open": str(shape), "unknown": "ENOSYS"})
    yield from (WAIT,) if command.waits else ()
    yield Operation("exec", {"file": command.executable, "directory": command.directory})


def _checked(path: str) -> str:
    """Refuse what cannot be a granted path."""
    if not path.startswith("/") or "\0" in path:
        raise PolicyError(f"{path!r} is not an absolute path (the policy was not expanded)")
    return path


def _own(path: str) -> None:
    if path == "/" or any(below(path, own) for own in OWN):
        raise PolicyError(f"{path} cannot be granted by the native backend: /proc, /dev and /sys are made anew inside")


def _found(path: str, *, needed: bool) -> tuple[Seen, tuple[Link, ...]] | None:
    try:
        real, links = walk(_checked(path))
        seen = look(real)
    except OSError as error:
        if error.errno in ABSENT and not needed:
            return None
        raise Refused(f"granted path {path}: {error.strerror}") from None
    _own(seen.path)
    return seen, links


def _read(root: Gathered, grant: Grant, missing: Missing) -> None:
    if world.is_there_already(grant.resource) or grant.resource == PRIVATE:
        return
    found = _found(grant.resource, needed=missing is Missing.ERROR)
    if found is not None:
        seen, links = found
        root.passed(links)
        root.bind(seen, execute=grant.capability in EXECUTING)
        if grant.capability is Capability.NET_UNIX and not seen.directory:
            root.apart.add(seen.path)


def _write(root: Gathered, grant: Grant, policy: Policy) -> None:
    if world.is_there_already(grant.resource):
        return
    found = _found(grant.resource, needed=True)
    assert found is not None  # noqa: S101 -- needed=True raises instead; for the type checker
    seen, links = found
    root.passed(links)
    if not seen.directory and not stat.S_ISREG(os.lstat(seen.path).st_mode):
        raise PolicyError(f"{grant.resource} cannot be granted for writing: it is neither a file nor a directory")
    mode = grant.mode or WriteMode.COMMIT
    size = grant.max_bytes or policy.limits.disk_bytes
    step = Layered(seen, size) if mode is WriteMode.COMMIT else Bind(seen, write=True)
    root.writes[seen.path] = (step, Write(seen.path, mode, size, seen.directory))


def _executables(policy: Policy) -> Iterator[str]:
    for capability in (Capability.FS_EXEC, Capability.PROC_SPAWN):
        yield from (grant.resource for grant in policy.of(capability))


def _runnable(root: Gathered, path: str) -> None:
    """Let execve open a granted file or tree, and a file's loader; a script's interpreter needs its own grant."""
    found = _found(path, needed=False)
    if found is None:
        return
    root.runnable[found[0].path] = None
    if found[0].directory:
        return  # a whole tree may be executed (@system); its loader needs no grant of its own when it lies in it
    try:
        with_it = executable.companions(found[0].path)
    except OSError:
        return  # not readable by us: the kernel will say so at execve
    for loader in (name for name in with_it if name.startswith("/") and _is_loader(name)):
        if there := _found(loader, needed=False):
            root.passed(there[1])
            root.bind(there[0], execute=True)
            root.runnable[there[0].path] = None


def _is_loader(path: str) -> bool:
    name = path.rpartition("/")[2]
    return name.startswith(("ld-", "ld.", "ld64"))


def _check_command(root: Gathered, command: Command) -> None:
    """Tell "not found" and "not executable" before anything starts; the kernel has the last word."""
    try:
        real, _ = walk(_checked(command.executable))
        status = os.stat(real)  # noqa: PTH116 -- pathlib is too heavy for the start-up path
        needed = executable.companions(real)
    except OSError as error:
        code = Exit.NOT_FOUND if error.errno in ABSENT else Exit.NOT_EXECUTABLE
        raise Refused(f"{command.executable}: {error.strerror}", code) from None
    if look(real).directory or not status.st_mode & 0o111:
        raise Refused(f"{command.executable}: is not an executable file", Exit.NOT_EXECUTABLE)
    if not root.may_run(real):
        raise Refused(f"{command.executable}: executing it is not granted (fs.exec)", Exit.NOT_EXECUTABLE)
    for name in needed:
        _check_companion(root, command.executable, name)


def _check_companion(root: Gathered, path: str, name: str) -> None:
    try:
        real, _ = walk(name)
        look(real)
    except OSError as error:
        raise Refused(f"{path} needs {name}: {error.strerror}", Exit.NOT_EXECUTABLE) from None
    if not root.may_run(real):
        raise Refused(f"{path} needs {name}: executing it is not granted (fs.exec)", Exit.NOT_EXECUTABLE)


def _steps(root: Gathered, policy: Policy, command: Command) -> tuple[Step, ...]:
    """Order the steps: what is made inside first, then trees before what lies in them."""
    mounted = root.mounted()
    trees = [step.seen.path for step in mounted if step.seen.directory]
    links = [link for path, link in root.links.items() if not any(below(path, tree) for tree in trees)]
    steps: list[Step] = [*world.steps(policy), *links, *mounted]
    directory, passed = _directory(command.directory)
    steps += [link for link in passed if link.path not in root.links and not any(below(link.path, t) for t in trees)]
    if not any(below(directory, tree) for tree in trees):
        steps.append(Folder(directory))
    return tuple(steps)


def _directory(path: str) -> tuple[str, tuple[Link, ...]]:
    if path == world.HOME:
        return path, ()  # made inside; the host has no such folder
    try:
        return walk(_checked(path))
    except OSError as error:
        raise Refused(f"working directory {path}: {error.strerror}") from None


def _denied(policy: Policy) -> tuple[Denied, ...]:
    """Look at every denied path once."""
    folders = dict[str, str]()
    return tuple(denied(_checked(path), folders) for path in policy.deny if path not in MARKS)


def _deny_beats_grants(root: Gathered, names: Mapping[str, str]) -> None:
    """Refuse a policy that grants what it denies: expansion has dropped such grants, and said so."""
    for path in (*root.binds, *root.writes):
        for folder in above(path):
            if folder in names:
                raise PolicyError(f"{path} is granted and {names[folder]} is denied: take one of them out")


def _demand_layers(root: Gathered, refused: tuple[Denied, ...], layers: int) -> None:
    """Refuse to cover a path where more than one layer is asked for: the rules of Landlock open, and close nothing."""
    trees = {*root.binds, *root.writes}
    for one in refused if layers > 1 else ():
        if one.seen is not None and within(one.seen.path, trees):
            raise Refused(
                f"fs.read: {one.path} is denied inside a granted tree, where only the mount namespace withholds it; "
                f"policy.layers asks for {layers}: grant what lies around it instead"
            )


def _pin(root: Gathered, refused: tuple[Denied, ...]) -> None:
    """Keep every denied path where it is in a tree that is written directly.

    The directories on the way become mounts of their own, which cannot be renamed: what is covered would otherwise be
    found under another name by the next run.
    """
    trees = {*root.binds, *root.writes}
    for found in (one.seen for one in refused if one.seen is not None):
        nearest = next((folder for folder in above(found.path) if folder in trees), "")
        if not root.is_direct(nearest):
            continue
        folder = found.path.rpartition("/")[0]
        while folder not in trees:
            root.pins[folder] = Bind(look(folder), write=True)
            folder = folder.rpartition("/")[0]


def _hidden(root: Gathered, refused: tuple[Denied, ...]) -> Iterator[Step]:
    """Cover every denied path that a granted tree would show, and every kernel file system below one."""
    trees = {*root.binds, *root.writes}
    covered = dict[str, bool]()
    for found in (one.seen for one in refused if one.seen is not None):
        if within(found.path, trees):
            covered[found.path] = found.directory
    for path in world.kernel_mounts():
        if within(path, trees):
            covered[path] = True
    for path in sorted(covered, key=lambda path: path.count("/")):
        if not any(below(path, other) for other in covered if other != path):
            yield Hide(path, covered[path])


def _sockets(root: Gathered, policy: Policy) -> Iterator[Step]:
    """Cover the sockets of the host that a granted tree would show, but for those that are granted."""
    granted = [grant.resource for grant in policy.of(Capability.NET_UNIX)]
    if not granted:
        return
    from casemate.sandbox.native.sockets import bound, lying  # noqa: PLC0415 -- only where there are local sockets

    kept = {os.path.realpath(path) for path in granted}
    trees = {*root.binds, *root.writes}
    for path in sorted({*bound(), *lying(trees, tuple(world.kernel_mounts()))}):
        if within(path, trees) and not within(path, kept):
            yield Hide(path, directory=False, fleeting=True)
