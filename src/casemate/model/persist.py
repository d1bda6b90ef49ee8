"""The persist set, version 1: names under which something is executed later, by somebody else.

A write there outlives the run that made it, which is how most sandboxes fell in 2025 and 2026 (CVE-2026-25725: a
configuration file that did not exist at the start; CVE-2026-26268: git hooks). It is never writable, even inside a
granted directory, and it may always be read. Patterns are those of `fnmatch`: `*` also matches `/`.
"""

PERSIST = (
    "*/.git/hooks",
    "*/.git/hooks/*",
    "*/.git/config",
    "*/.git/config.worktree",
    "*/.git/commondir",
    "*/.git/modules/*/config",
    "*/.git/modules/*/hooks/*",
    "*/.git/info/attributes",
    "*/.gitmodules",
    "*/.hg/hgrc",
    "*.pth",
    "*/sitecustomize.py",
    "*/usercustomize.py",
    "*/sitecustomize/__init__.py",
    "*/usercustomize/__init__.py",
    "*/pyvenv.cfg",
    "*/site-packages/*",
    "*/dist-packages/*",
    "*/__pycache__/*",
    "*/.venv/*",
    "*/venv/bin/*",
    "*/.bashrc",
    "*/.bash_profile",
    "*/.bash_login",
    "*/.bash_logout",
    "*/.profile",
    "*/.zshrc",
    "*/.zshenv",
    "*/.zprofile",
    "*/.zlogin",
    "*/.config/fish/*",
    "*/.inputrc",
    "*/.vimrc",
    "*/.config/nvim/*",
    "*/.pdbrc",
    "*/.pythonrc.py",
    "*/.pip/pip.conf",
    "*/.config/pip/*",
    "*/.config/uv/*",
    "*/.npmrc",
    "*/.gitconfig",
    "*/.config/git/*",
    "*/.envrc",
    "*/.vscode/*",
    "*/.idea/*",
    "*/.mcp.json",
    "*/.claude/*",
    "*/.cursor/*",
    "*/.github/workflows/*",
    "*/.gitlab-ci.yml",
    "*/.pre-commit-config.yaml",
    "*/.ssh/*",
    "*/.config/autostart/*",
    "*/.config/systemd/*",
    "*/.local/bin/*",
    "*/.config/environment.d/*",
    "/etc/*",
    "/var/spool/cron/*",
    "/usr/*",
    "/bin/*",
    "/sbin/*",
    "/lib/*",
    "/lib64/*",
    "/boot/*",
    "*/casemate.toml",
)


def persists(path: str) -> bool:
    """Tell whether something later executes, or trusts, what is written at this absolute path.

    The case of letters does not count: a folder may lie on a file system that folds it.
    """
    from fnmatch import fnmatchcase  # noqa: PLC0415 -- a run that writes nothing does not load it

    folded = path.casefold()
    return any(fnmatchcase(folded, pattern.casefold()) for pattern in PERSIST)
