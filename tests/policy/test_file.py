import os
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from casemate.model.capability import Capability
from casemate.model.errors import PolicyError
from casemate.model.policy import MIB, Assurance, Grant, Limits, Missing, Policy, WriteMode
from casemate.model.scope import Scope, ScopeKind
from casemate.model.secret import Secret
from casemate.policy.file import KEYS, load, parse
from casemate.policy.sets import DENY_SETS, READ_SETS, SPAWN_SETS, UNIX_SETS, WRITE_SETS

EVERY_KEY = """
[policy]
version = 1
name    = "shop"
backend = ["native"]
layers  = 2
assurance = "boundary"
[fs]
read    = ["@python", "@program", "/srv/in", "data"]
write   = [{ path = "/srv/out", mode = "direct", max = "64MiB" }, "more"]
deny    = ["@secrets", "@persist", "data/private"]
tmp     = "1MiB"
missing = "skip-read"
image   = "root"
[net]
connect = ["api.example.com:443", "[::1]:80"]
listen  = ["127.0.0.1:8080", "@private"]
unix    = ["/run/postgresql/.s.PGSQL.5432", "@private"]
[proc]
spawn = ["/usr/bin/pdftotext", "@python"]
[env]
pass = ["LANG", "TZ"]
set  = { MODE = "production", EMPTY = "" }
secret = { TOKEN = { from = "file:token", to = "API.example.com:443" }, OTHER = { from = "env:REAL", to = "[::1]:80" } }
[native]
wx = true
[limits]
cpu = "10m"
wall = "30m"
memory = "2GiB"
processes = 7
fds = 256
output = "100MiB"
disk = "1GiB"
[scope]
kind = "software"
exclude = ["vendor/"]
"""


def policy(text: str, head: str = "[policy]\nversion = 1\n") -> Policy:
    return parse((head + text).encode(), "casemate.toml", "/srv/app")[0]


def test_every_key_of_the_format_is_read() -> None:
    read, scope = parse(EVERY_KEY.encode(), "casemate.toml", "/srv/app")
    assert read == Policy(
        name="shop",
        backends=("native",),
        layers=2,
        assurance=Assurance.BOUNDARY,
        grants=(
            Grant(Capability.FS_READ, "@python"),
            Grant(Capability.FS_READ, "@program"),
            Grant(Capability.FS_READ, "/srv/in"),
            Grant(Capability.FS_READ, "/srv/app/data"),
            Grant(Capability.FS_WRITE, "/srv/out", WriteMode.DIRECT, 64 * MIB),
            Grant(Capability.FS_WRITE, "/srv/app/more", WriteMode.COMMIT),
            Grant(Capability.NET_CONNECT, "api.example.com:443"),
            Grant(Capability.NET_CONNECT, "[::1]:80"),
            Grant(Capability.NET_LISTEN, "127.0.0.1:8080"),
            Grant(Capability.NET_LISTEN, "@private"),
            Grant(Capability.NET_UNIX, "/run/postgresql/.s.PGSQL.5432"),
            Grant(Capability.NET_UNIX, "@private"),
            Grant(Capability.PROC_SPAWN, "/usr/bin/pdftotext"),
            Grant(Capability.PROC_SPAWN, "@python"),
            Grant(Capability.ENV_READ, "LANG"),
            Grant(Capability.ENV_READ, "TZ"),
            Grant(Capability.NATIVE_WX, ""),
        ),
        deny=("@secrets", "@persist", "/srv/app/data/private"),
        missing=Missing.SKIP_READ,
        tmp_bytes=MIB,
        image="/srv/app/root",
        settings=(("MODE", "production"), ("EMPTY", "")),
        secrets=(
            Secret("TOKEN", "file:/srv/app/token", "api.example.com:443"),
            Secret("OTHER", "env:REAL", "[::1]:80"),
        ),
        limits=Limits(600, 1800, 2048 * MIB, 7, 256, 100 * MIB, 1024 * MIB),
    )
    assert scope == Scope(ScopeKind.SOFTWARE, exclude=("vendor/",), declared=True)


def test_every_key_above_is_all_keys() -> None:
    words = set(EVERY_KEY.split())
    assert all(key in words for keys in KEYS.values() for key in keys)


def test_an_empty_policy_is_the_strictest() -> None:
    assert policy("") == Policy()


ONE = '[net]\nconnect = ["a:1"]\n[env]\nsecret = { %s = { from = "%s", to = "%s" } }'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[fss]\nread = []", "fss: unknown key; allowed here: policy, fs"),
        ("[fs]\nreads = []", "fs.reads: unknown key; allowed here: read, write"),
        ('[fs]\nread = ["@pyton"]', "fs.read[0]: unknown set '@pyton' here; allowed: @python"),
        ('[fs]\nread = ["@secrets"]', "fs.read[0]: unknown set"),
        ('[fs]\nwrite = ["@program"]', "fs.write[0]: unknown set"),
        ('[fs]\nread = "data"', "fs.read: an array is expected, not a string"),
        ("[fs]\nread = [1]", "fs.read[0]: a string is expected, not a number"),
        ('[fs]\nread = ["a", "./a"]', "fs.read[1]: '/srv/app/a' is there twice"),
        ('[fs]\nread = [""]', "fs.read[0]: an empty string"),
        ('[fs]\nread = ["a\\u0000b"]', "fs.read[0]: 'a\\x00b' holds a control character"),
        ('[fs]\nread = ["../../../etc"]', "above the root"),
        ('[fs]\nread = ["*.txt"]', "paths are literal"),
        ('[fs]\nwrite = [{ path = "x", size = 1 }]', "fs.write[0]: unknown key 'size'; allowed: path, mode, max"),
        ('[fs]\nwrite = [{ mode = "direct" }]', "fs.write[0]: `path` is missing"),
        ('[fs]\nwrite = [{ path = "x", mode = "rw" }]', "one of commit, direct is expected"),
        ('[fs]\nwrite = [{ path = "x", max = 0 }]', "fs.write[0]: 0 is no size"),
        ('[fs]\nwrite = ["x", { path = "x" }]', "fs.write[1]: '/srv/app/x' is there twice"),
        ('[fs]\nmissing = "ignore"', "fs.missing: 'ignore': one of error, skip-read is expected"),
        ("[fs]\ntmp = 0", "fs.tmp: 0 is no size"),
        ('[fs]\nimage = "@system"', "fs.image: '@system': no set can stand here"),
        ('[fs]\nimage = ["a"]', "fs.image: a string is expected, not an array"),
        ('[net]\nconnect = ["example.com"]', "net.connect[0]: 'example.com': HOST:PORT is expected"),
        ('[net]\nlisten = ["localhost:1"]', "net.listen[0]"),
        ('[proc]\nspawn = ["@system"]', "proc.spawn[0]"),
        ('[env]\npass = ["A B"]', "env.pass[0]: 'A B' is no name"),
        ("[env]\nset = { A = 1 }", "env.set: a string is expected"),
        ('[env]\npass = ["A"]\nset = { A = "1" }', "env.set: A is in env.pass too"),
        ('[env]\nsecret = { A = "x" }', "env.secret.A: a table of `from` and `to` is expected, not a string"),
        ('[env]\nsecret = { A = { from = "env:B" } }', "env.secret.A: exactly `from`"),
        (ONE % ("A", "cmd:pass", "a:1"), "env.secret.A: 'cmd:pass': env:NAME or file:PATH is expected"),
        (ONE % ("A", "env:B C", "a:1"), "env.secret.A: 'B C' is no name"),
        (ONE % ("A-B", "env:B", "a:1"), "env.secret.A-B: 'A-B' is no name"),
        (ONE % ("A", "file:~/x", "a:1"), "`~` is not expanded"),
        (ONE % ("A", "env:B", "a"), "HOST:PORT is expected"),
        (ONE % ("A", "env:B", "b:1"), "env.secret.A: net.connect does not grant b:1"),
        (ONE % ("A", "env:B", "a:1") + '\npass = ["A"]', "env.secret.A: it, or the variable"),
        (ONE % ("A", "env:B", "a:1") + '\npass = ["B"]', "env.secret.A: it, or the variable"),
        (ONE % ("A", "env:B", "a:1") + '\nset = { A = "1" }', "env.secret.A: it, or the variable"),
        ("[native]\nwx = 1", "native.wx: true or false is expected"),
        ('[limits]\nmemory = "2GB"', "limits.memory: '2GB': a size"),
        ('[limits]\ncpu = "2 h"', "limits.cpu: '2 h': a duration"),
        ("[limits]\nprocesses = -1", "limits.processes: -1 is not between"),
        ('[scope]\nkind = "world"', "scope.kind"),
        ("fs = 1", "fs: a table is expected"),
        ('"a\\u001b[2J" = 1', "'a\\x1b[2J': unknown key"),
    ],
)
def test_a_mistake_names_the_file_the_key_and_what_is_allowed(text: str, said: str) -> None:
    head = "" if text.startswith(("fs =", '"')) else "[policy]\nversion = 1\n"
    tail = "\n[policy]\nversion = 1\n" if not head else ""
    with pytest.raises(PolicyError) as caught:
        policy(text + tail, head)
    assert str(caught.value).startswith("casemate.toml: ")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize("head", ["", "[policy]\n", "[policy]\nversion = 2\n", "[policy]\nversion = true\n"])
def test_the_version_is_required(head: str) -> None:
    with pytest.raises(PolicyError, match="version = 1"):
        policy("", head)


@pytest.mark.parametrize(
    "content",
    [b"\xff", b"[", b"a = 1\na = 2", b"x = " + b"[" * 5000, b"x = " + b"9" * 5000, b"\0", b"x = 1979-05-27"],
)
def test_bytes_that_are_no_policy_are_a_policy_error(content: bytes) -> None:
    with pytest.raises(PolicyError):
        parse(content, "casemate.toml", "/")


@given(st.binary(max_size=300))
def test_random_bytes_raise_nothing_else(content: bytes) -> None:
    with pytest.raises(PolicyError):
        parse(content, "casemate.toml", "/")


VALUES = st.recursive(
    st.one_of(
        st.text(max_size=8).filter(lambda text: '"' not in text),
        st.sampled_from(["@python", "@cwd", "a:1", "1GiB", "10s", "direct", "native", "/x", "..", "*"]),
        st.integers(),
        st.booleans(),
    ),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=4,
)


@settings(max_examples=300)
@given(st.sampled_from(sorted(KEYS)), st.data())
def test_random_values_at_known_keys_raise_nothing_else(table: str, data: st.DataObject) -> None:
    key = data.draw(st.sampled_from(KEYS[table]))
    text = f"[{table}]\n{key} = {_toml(data.draw(VALUES))}\n"
    message = ""
    try:
        parse(text.encode("utf-8", "surrogatepass"), "casemate.toml", "/srv")
    except PolicyError as error:
        message = str(error)
    assert "\n" not in message


def _toml(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case int():
            return str(value)
        case str():
            return '"' + "".join(c if c.isalnum() or c in "@:/.*" else f"\\u{ord(c) & 0xFFFF:04x}" for c in value) + '"'
        case list():
            return f"[{', '.join(map(_toml, value))}]"
        case _:
            raise AssertionError(value)


def test_relative_paths_begin_in_the_real_folder_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real/casemate.toml").write_text('[policy]\nversion = 1\n[fs]\nread = ["data"]\n', encoding="utf-8")
    (tmp_path / "link").symlink_to("real")
    document = load(str(tmp_path / "link/casemate.toml"))
    assert [grant.resource for grant in document.policy.grants] == [f"{os.path.realpath(tmp_path)}/real/data"]


def test_what_is_no_regular_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "large").write_bytes(b"#" * ((1 << 20) + 1))
    for name, said in (
        ("pipe", "regular"),
        ("loop", "links"),
        ("large", "larger"),
        (".", "regular"),
        ("no", "No such"),
    ):
        with pytest.raises(PolicyError, match=said):
            load(str(tmp_path / name))
    with pytest.raises(PolicyError, match="NUL"):
        load("a\0b")


PAGE = Path(__file__).parents[2] / "docs/reference/policy-file.md"


def test_the_page_of_the_format_has_every_key_and_every_set() -> None:
    page = PAGE.read_text(encoding="utf-8")
    rows = {word for line in page.splitlines() if line.startswith("|") for word in line.split("|")[1].split("`")}
    assert {f"{table}.{key}" for table, keys in KEYS.items() for key in keys} <= rows
    assert {*READ_SETS, *WRITE_SETS, *DENY_SETS, *SPAWN_SETS, *UNIX_SETS} <= rows


def test_the_example_of_the_page_is_a_policy_with_every_key() -> None:
    example = PAGE.read_text(encoding="utf-8").split("```toml\n")[1].split("```")[0]
    parse(example.encode(), "casemate.toml", "/srv/app")
    words = set(example.split())
    assert all(key in words for keys in KEYS.values() for key in keys)


@pytest.mark.parametrize(
    "bomb", ["a" + ".a" * 200_000 + " = 1", "[" + "a . " * 200_000 + "a]", 'a = { "b"' + ".'c'" * 100_000 + " = 1 }"]
)
def test_a_key_of_very_many_parts_costs_no_time(bomb: str) -> None:
    before = time.process_time()
    with pytest.raises(PolicyError, match="nested too deeply"):
        parse(f"[policy]\nversion = 1\n[env]\n{bomb}\n".encode(), "casemate.toml", "/")
    assert time.process_time() - before < 2


@pytest.mark.parametrize("text", ["x" * 900_000, "x." * 60 + "example:1", '"' * 900_000, "..." * 300_000])
def test_what_only_looks_like_such_a_key_costs_no_time_either(text: str) -> None:
    before = time.process_time()
    parse(f"[policy]\nversion = 1\n# {text}\n".encode(), "casemate.toml", "/")
    assert time.process_time() - before < 2
