"""Leaving behind what somebody else executes later: the commonest escape of 2025 and 2026.

Each of these has a folder that it may write to. What is judged is whether the name arrives on the side of the caller.
"""

from __future__ import annotations

import os

from .toolkit import Canary, probe


def leave(canary: Canary, name: str) -> str:
    """Write a file below the writable folder, and the folders above it."""
    path = f"{canary.folder}/out/{name}"
    if not os.path.isdir(os.path.dirname(path)):  # a small Python may not see what lies above the writable folder
        os.makedirs(os.path.dirname(path))
    with open(path, "w") as file:
        file.write("x\n")
    return "written where it may be private"


@probe("fs.persist.names", "githooks(5); CVE-2026-26268 (Cursor)", granted=("write",))
def hook_of_git(canary: Canary) -> object:
    """Leave a hook that the next commit runs."""
    return leave(canary, ".git/hooks/pre-commit")


@probe(
    "fs.persist.names", "git-config(1), core.hooksPath and core.fsmonitor; CVE-2026-26268 (Cursor)", granted=("write",)
)
def settings_of_git(canary: Canary) -> object:
    """Leave settings by which git starts a program."""
    return leave(canary, ".git/config")


@probe("fs.persist.names", "CVE-2025-48384 (git: a hook of a submodule); githooks(5)", granted=("write",))
def hook_of_a_submodule(canary: Canary) -> object:
    """Leave a hook of a submodule, below .git/modules."""
    return leave(canary, ".git/modules/one/hooks/post-checkout")


@probe(
    "fs.persist.names",
    "docs.python.org/3/library/site.html: a .pth file is executed at every start; MITRE ATT&CK T1546.018",
    granted=("write",),
)
def path_file(canary: Canary) -> object:
    """Leave a .pth file."""
    return leave(canary, "x.pth")


@probe("fs.persist.names", "docs.python.org/3/library/site.html: sitecustomize", granted=("write",))
def site_customisation(canary: Canary) -> object:
    """Leave a sitecustomize.py."""
    return leave(canary, "sitecustomize.py")


@probe("fs.persist.names", "docs.python.org/3/library/site.html: usercustomize, here a package", granted=("write",))
def user_customisation_as_a_package(canary: Canary) -> object:
    """Leave a usercustomize that is a folder."""
    return leave(canary, "usercustomize/__init__.py")


@probe("fs.persist.names", "PEP 552: bytecode that is not checked against its source", granted=("write",))
def bytecode(canary: Canary) -> object:
    """Leave bytecode for a module of the caller's."""
    return leave(canary, "__pycache__/old.cpython-311.pyc")


@probe("fs.persist.names", "PEP 405: pyvenv.cfg names the interpreter", granted=("write",))
def settings_of_an_environment(canary: Canary) -> object:
    """Leave a pyvenv.cfg."""
    return leave(canary, "pyvenv.cfg")


@probe("fs.persist.names", "MITRE ATT&CK T1546.004", granted=("write",))
def start_of_a_shell(canary: Canary) -> object:
    """Leave what the next shell executes."""
    return leave(canary, ".bashrc")


@probe("fs.persist.names", "MITRE ATT&CK T1098.004", granted=("write",))
def key_of_ssh(canary: Canary) -> object:
    """Leave a key with which one may log in."""
    return leave(canary, ".ssh/authorized_keys")


@probe("fs.persist.names", "CVE-2025-53773 (Copilot: settings that approve every tool)", granted=("write",))
def settings_of_an_editor(canary: Canary) -> object:
    """Leave settings of an editor that starts tasks."""
    return leave(canary, ".vscode/settings.json")


@probe("fs.persist.names", "CVE-2025-54135 (Cursor: a server that did not exist is started)", granted=("write",))
def server_of_tools(canary: Canary) -> object:
    """Leave a description of a tool server that is started unasked."""
    return leave(canary, ".mcp.json")


@probe(
    "fs.persist.names",
    "CVE-2025-61260 (Codex: a project's own configuration ran commands)",
    granted=("write",),
)
def policy_of_the_next_run(canary: Canary) -> object:
    """Leave the policy under which the next run would start."""
    return leave(canary, "casemate.toml")


@probe("fs.persist.names", "MITRE ATT&CK T1543.002", granted=("write",))
def unit_of_systemd(canary: Canary) -> object:
    """Leave a service of the user's."""
    return leave(canary, ".config/systemd/user/x.service")


@probe("fs.persist.names", "MITRE ATT&CK T1547.013", granted=("write",))
def start_of_a_desktop(canary: Canary) -> object:
    """Leave what the next login starts."""
    return leave(canary, ".config/autostart/x.desktop")


@probe("fs.persist.names", "CVE-2014-9390: names whose letters differ in case only", granted=("write",))
def hook_in_other_letters(canary: Canary) -> object:
    """Leave a hook under a name that is the same where letters have no case."""
    return leave(canary, ".GIT/Hooks/pre-commit")


@probe("fs.persist.names", "rename(2): the folder is renamed when it is full", granted=("write",))
def hooks_moved_into_place(canary: Canary) -> object:
    """Fill a folder with a harmless name, and rename it to the one that counts."""
    leave(canary, "harmless/hooks/pre-commit")
    os.rename(f"{canary.folder}/out/harmless", f"{canary.folder}/out/.git")
    return "moved"


@probe("fs.persist.names", "CWE-59: the name is a link to what may be written", granted=("write",))
def hooks_through_a_link(canary: Canary) -> object:
    """Let the name that counts be a link to a folder with a harmless one."""
    leave(canary, "harmless/pre-commit")
    os.makedirs(f"{canary.folder}/out/.git")
    os.symlink("../harmless", f"{canary.folder}/out/.git/hooks")
    return "linked"


@probe("fs.persist.names", "CWE-62: two names of one file", granted=("write",))
def hook_as_a_second_name(canary: Canary) -> object:
    """Let the name that counts be a second name of a harmless file."""
    leave(canary, "harmless")
    os.makedirs(f"{canary.folder}/out/.git/hooks")
    os.link(f"{canary.folder}/out/harmless", f"{canary.folder}/out/.git/hooks/pre-commit")
    return "linked"


@probe("fs.persist.names", "MITRE ATT&CK T1548.001; chmod(2)", granted=("write",))
def set_id_file(canary: Canary) -> object:
    """Leave a file with a set-id bit."""
    if hasattr(os, "umask"):
        os.umask(0)
    path = f"{canary.folder}/out/program"
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o777))
    os.chmod(path, 0o6777)
    return "made"


@probe("fs.persist.names", "CVE-2018-15664; CWE-61", granted=("write",))
def link_for_the_next_reader(canary: Canary) -> object:
    """Leave a link that leads whoever reads the results to a file of theirs."""
    os.symlink(canary.secret, f"{canary.folder}/out/report.txt")
    return "made"


@probe("fs.persist.names", "fifo(7): a pipe where a file is expected makes its reader wait", granted=("write",))
def pipe_for_the_next_reader(canary: Canary) -> object:
    """Leave a FIFO in the place of a result."""
    os.mkfifo(f"{canary.folder}/out/report.txt")
    return "made"


@probe("res.disk", "CWE-770: a folder that may be written to is a disk that may be filled", granted=("write",))
def more_than_the_quota_of_a_folder(canary: Canary) -> None:
    """Write more into a granted folder than its quota."""
    with open(f"{canary.folder}/out/big", "wb") as file:
        for _ in range(3):
            file.write(bytes(1 << 20))
            file.flush()
