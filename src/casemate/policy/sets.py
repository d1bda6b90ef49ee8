"""The named @sets, version 1: what each name stands for on this host.

Sets are lists of literal paths: a pattern is resolved here, before anything is enforced, and the result is printable.
"""
# ruff: noqa: PTH110, PTH114, PTH116, PTH208 -- a path stays the string that was written: pathlib drops what `//` and `./` mean

import os
import pwd
from _collections_abc import Callable, Iterator

from casemate.model.dataclass import dataclass
from casemate.model.policy import OWN_PYTHON, PRIVATE
from casemate.readers.host.real import real

VERSION = 1
READ_SETS = ("@python", "@program", "@cwd", "@system", "@tls", "@terminal")
WRITE_SETS = ("@cwd",)
SPAWN_SETS = (OWN_PYTHON,)
UNIX_SETS = (PRIVATE,)
DENY_SETS = ("@secrets", "@persist")

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib64", "/lib32", "/etc/ld.so.cache", "/etc/alternatives")
TLS = (
    "/etc/ssl/certs",
    "/etc/ssl/cert.pem",
    "/etc/pki/tls/certs",
    "/etc/pki/ca-trust/extracted",
    "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates",
    "/usr/lib/ssl",
)
TERMINAL = ("/etc/terminfo", "/lib/terminfo", "/usr/share/terminfo", "/etc/inputrc")  # terminfo(5), readline(3)
HOME_SECRETS = (
    ".ssh",
    ".aws",
    ".azure",
    ".gnupg",
    ".netrc",
    "_netrc",
    ".pypirc",
    ".npmrc",
    ".yarnrc.yml",
    ".git-credentials",
    ".config/git/credentials",
    ".config/gcloud",
    ".config/gh",
    ".config/glab-cli",
    ".config/hub",
    ".config/doctl",
    ".config/op",
    ".config/sops",
    ".config/rclone",
    ".config/containers/auth.json",
    ".kube",
    ".docker",
    ".terraform.d",
    ".terraformrc",
    ".vault-token",
    ".oci",
    ".boto",
    ".s3cfg",
    ".pgpass",
    ".my.cnf",
    ".mylogin.cnf",
    ".cargo/credentials",
    ".cargo/credentials.toml",
    ".gem/credentials",
    ".m2/settings.xml",
    ".gradle/gradle.properties",
    ".huggingface/token",
    ".cache/huggingface/token",
    ".kaggle",
    ".databrickscfg",
    ".config/pip/pip.conf",
    ".pip/pip.conf",
    ".password-store",
    ".local/share/keyrings",
    ".local/share/kwalletd",
    ".local/share/python_keyring",
    ".mozilla",
    ".thunderbird",
    ".config/google-chrome",
    ".config/chromium",
    ".config/BraveSoftware",
    ".config/microsoft-edge",
    ".config/Bitwarden",
    ".config/1Password",
    ".bash_history",
    ".zsh_history",
    ".python_history",
    ".psql_history",
    ".mysql_history",
    ".claude",
    ".claude.json",
    ".codex",
    ".gemini",
)
HOST_SECRETS = (
    "/etc/shadow",
    "/etc/shadow-",
    "/etc/gshadow",
    "/etc/gshadow-",
    "/etc/sudoers",
    "/etc/sudoers.d",
    "/etc/ssl/private",
    "/etc/pki/tls/private",
    "/etc/ssh",
    "/etc/krb5.keytab",
    "/etc/letsencrypt",
    "/etc/kubernetes",
    "/etc/NetworkManager/system-connections",
    "/etc/wireguard",
    "/etc/security/opasswd",
    "/var/run/docker.sock",
    "/run/docker.sock",
    "/run/containerd",
    "/run/podman",
    "/run/secrets",
    "/var/run/secrets",
    "/run/credentials",
    "/var/lib/docker",
    "/var/lib/containerd",
    "/var/lib/kubelet",
    "/var/lib/sss",
    "/var/spool/cron",
    "/proc/kcore",
)
KEY_FILES = (".pem", ".key", ".p12", ".pfx", ".jks", ".keystore", ".kdbx")
FIRST = frozenset([name.partition("/")[0] for name in HOME_SECRETS])


@dataclass(frozen=True, slots=True)
class Places:
    """Where the names point for one run: absolute paths.

    `python` are directories and files; `libraries` are those of them from which shared libraries may be mapped.
    `interpreter` is the Python that runs the program, by the path that it is started with; "" where none does.
    """

    directory: str
    homes: tuple[str, ...]
    python: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()
    program: tuple[str, ...] = ()
    interpreter: str = ""


def homes(home: str) -> tuple[str, ...]:
    """List the homes whose secrets count: the caller's, by variable and by account; for root, everybody's.

    A home that is a link is listed under both names: a grant may use either.
    """
    uid = os.getuid()
    accounts = {account.pw_dir for account in pwd.getpwall() if uid in (0, account.pw_uid)}
    named = {os.path.normpath(f"/{path.lstrip('/')}") for path in accounts | {home} if path.startswith("/")}
    return tuple(sorted((named | {real(path) for path in named}) - {"/"}))


def secrets(homes_: tuple[str, ...], concerns: Callable[[str], bool] = lambda _: True) -> Iterator[str]:
    """Yield the credential paths, whether they exist or not, and the key files that lie directly in a home.

    What is a link, or lies behind one, is a secret where it really is, too. Of a home that does not concern the caller
    only that is given, because it may lie anywhere.
    """
    yield from HOST_SECRETS
    yield from [os.path.realpath(path) for path in HOST_SECRETS if os.path.islink(path)]
    yield f"/run/user/{os.getuid()}"
    listed = dict[tuple[int, int], tuple[list[str], list[str]]]()
    for home in homes_:
        try:
            state = os.stat(home)
            which = (state.st_dev, state.st_ino)
        except OSError:
            which = (-1, -1)
        if which not in listed:  # many accounts have the same folder of the system
            listed[which] = _in_home(home)
        keys, there = listed[which]
        if concerns(home):
            yield from [f"{home}/{name}" for name in (*HOME_SECRETS, *keys)]
        yield from [led for name in there if (led := real(f"{home}/{name}")) != f"{home}/{name}"]


def _in_home(home: str) -> tuple[list[str], list[str]]:
    """Give the key files that lie directly in a home, and all secret names that could be there."""
    try:
        names = os.listdir(home)
    except OSError:  # a home that cannot be listed shows no names to its owner's programs either
        return [], []
    keys = sorted([name for name in names if "." in name and name.lower().endswith(KEY_FILES)])
    there = FIRST.intersection(names)
    return keys, [*(name for name in HOME_SECRETS if there and name.partition("/")[0] in there), *keys]


def read_set(name: str, places: Places) -> tuple[str, ...]:
    """Give the paths of a set that may be read, those that exist on this host. Raises KeyError for another name."""
    members = {
        "@python": places.python,
        "@program": places.program,
        "@cwd": (places.directory,),
        "@system": SYSTEM,
        "@tls": TLS,
        "@terminal": TERMINAL,
    }[name]
    return tuple(path for path in members if os.path.exists(path))


def around(path: str) -> Iterator[str]:
    """Yield an absolute path and every folder above it: what `inside` compares one by one, for look-ups in a set."""
    while path != "/":
        yield path
        path = path.rpartition("/")[0] or "/"
    yield "/"
