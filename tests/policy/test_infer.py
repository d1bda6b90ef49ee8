"""From facts to grants. The facts are made here by hand; tests/cli/test_policy.py has them read from programs."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casemate.model.capability import Capability
from casemate.model.finding import Skipped, Why
from casemate.model.location import Location
from casemate.model.policy import Missing, Policy
from casemate.policy.file import parse
from casemate.policy.infer import Inference, from_facts, infer
from casemate.policy.write import render
from casemate.readers.code.capabilities import Facts, Imported, Precision, Use

CONSTANT, PARTLY, UNKNOWN = Precision.CONSTANT, Precision.PARTLY, Precision.UNKNOWN


@pytest.fixture
def program(tmp_path: Path) -> Path:
    (tmp_path / "src").mkdir()
    path = tmp_path / "src/app.py"
    path.write_text("".join(f"line_{number}()\n" for number in range(1, 60)), encoding="utf-8")
    return path


@pytest.fixture
def at(program: Path) -> "At":
    return At(program)


class At:
    """Makes uses at growing lines of a program, and infers from them with `folder` as the place of the policy."""

    def __init__(self, program: Path) -> None:
        """Begin at line 1, without uses."""
        self.program = program
        self.folder = program.parents[1]
        self.uses: list[Use] = []

    def use(
        self, capability: Capability, resource: str = "", precision: Precision = CONSTANT, callable_: str = "call"
    ) -> "At":
        place = Location(str(self.program), len(self.uses) + 1, 1, len(self.uses) + 1, 5)
        self.uses.append(Use(capability, callable_, place, precision, resource))
        return self

    def infer(self) -> Inference:
        facts = Facts((self.program,), tuple(self.uses), (), ())
        return from_facts(facts, [self.program], folder=str(self.folder))

    def granted(self, capability: Capability) -> list[str]:
        folder = f"{self.folder}/"
        found = [grant.resource.removeprefix(folder) for grant in self.infer().policy.of(capability)]
        return [resource for resource in found if not resource.startswith("@")]

    def unresolved(self) -> list[str]:
        return [need.reason for need in self.infer().unresolved]


def test_a_program_that_needs_nothing_gets_its_interpreter_and_itself(at: At) -> None:
    assert [grant.resource for grant in at.infer().policy.grants] == ["@python", "@program"]
    assert at.infer().policy.missing is Missing.SKIP_READ
    assert at.infer().policy.deny == Policy().deny


def test_constant_paths_begin_in_the_folder_of_the_policy(at: At) -> None:
    at.use(Capability.FS_READ, "in/a.csv").use(Capability.FS_LIST, "/srv/in").use(Capability.FS_READ, "./in/b.csv")
    assert at.granted(Capability.FS_READ) == ["/srv/in", "in/a.csv", "in/b.csv"]


def test_of_a_path_that_is_partly_known_the_folder_counts(at: At) -> None:
    at.use(Capability.FS_READ, "in/report-", PARTLY).use(Capability.FS_READ, "/srv/x/", PARTLY)
    assert at.granted(Capability.FS_READ) == ["/srv/x", "in"]


@pytest.mark.parametrize("prefix", ["", "rep", "/", "./", "../", "../../"])
def test_a_beginning_that_names_no_folder_grants_nothing(at: At, prefix: str) -> None:
    at.use(Capability.FS_READ, prefix, PARTLY).use(Capability.FS_WRITE, prefix, PARTLY)
    assert at.granted(Capability.FS_READ) == at.granted(Capability.FS_WRITE) == []
    assert len(at.unresolved()) == 2


def test_what_is_not_constant_is_listed_and_never_granted(at: At) -> None:
    for capability in (
        Capability.FS_READ,
        Capability.FS_WRITE,
        Capability.NET_CONNECT,
        Capability.NET_LISTEN,
        Capability.PROC_SPAWN,
        Capability.ENV_READ,
        Capability.NET_UNIX,
    ):
        at.use(capability, "", UNKNOWN)
    at.use(Capability.UNRESOLVED, callable_="getattr(os, name)").use(Capability.PROC_SHELL, "ls -l")
    assert [grant.resource for grant in at.infer().policy.grants] == ["@python", "@program"]
    assert len(at.infer().unresolved) == 9
    assert len(at.infer().needs) == 9


def test_who_makes_files_gets_their_folder(at: At) -> None:
    at.use(Capability.FS_WRITE, "data/shop.db").use(Capability.FS_WRITE, "data/receipts").use(
        Capability.FS_READ, "data/shop.db"
    )
    assert at.granted(Capability.FS_WRITE) == ["data"]
    assert at.granted(Capability.FS_READ) == []


def test_a_file_in_the_folder_of_the_policy_or_elsewhere_is_granted_alone(at: At) -> None:
    at.use(Capability.FS_WRITE, "out.txt").use(Capability.FS_WRITE, "/srv/log/app.log")
    assert at.granted(Capability.FS_WRITE) == ["/srv/log/app.log", "out.txt"]


def test_what_python_imports_from_is_never_writable(at: At) -> None:
    at.use(Capability.FS_WRITE, "src/cache.json").use(Capability.FS_WRITE, ".", CONSTANT).use(
        Capability.FS_DELETE, "src"
    )
    assert at.granted(Capability.FS_WRITE) == []
    assert all("Python imports from there" in reason for reason in at.unresolved())


@pytest.mark.parametrize(
    "path", [".git/hooks/pre-commit", "x.pth", "/etc/cron.d/x", "sitecustomize.py", "casemate.toml"]
)
def test_the_persist_set_is_never_granted(at: At, path: str) -> None:
    at.use(Capability.FS_WRITE, path)
    assert at.granted(Capability.FS_WRITE) == []
    assert "@persist" in at.unresolved()[0]


@pytest.mark.parametrize("name", [".ssh/id_ed25519", ".aws/credentials", ".netrc"])
def test_the_secret_set_is_never_granted(at: At, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/srv/home")
    at.use(Capability.FS_READ, f"/srv/home/{name}").use(Capability.FS_READ, "/etc/shadow").use(
        Capability.NET_UNIX, "/var/run/docker.sock"
    )
    assert at.granted(Capability.FS_READ) == at.granted(Capability.NET_UNIX) == []
    assert len(at.unresolved()) == 3
    assert all("@secrets" in reason for reason in at.unresolved())


def test_a_link_to_a_secret_is_a_secret(at: At) -> None:
    (at.folder / "link").symlink_to("/etc/shadow")
    assert at.use(Capability.FS_READ, "link").granted(Capability.FS_READ) == []


@pytest.mark.parametrize("path", ["/dev/null", "/tmp/x", "/dev/urandom", "/tmp"])  # noqa: S108 -- names only
def test_what_every_run_has_of_its_own_needs_no_grant(at: At, path: str) -> None:
    at.use(Capability.FS_WRITE, path)
    assert at.granted(Capability.FS_WRITE) == at.unresolved() == []


@pytest.mark.parametrize("path", ["/proc/self/environ", "/dev/sda", "/sys/x", "/", "/srv", "~/x", "a\0b"])
def test_what_is_too_wide_or_made_anew_is_listed(at: At, path: str) -> None:
    at.use(Capability.FS_READ, path)
    assert at.granted(Capability.FS_READ) == []
    assert len(at.unresolved()) == 1


def test_the_programs_own_files_need_no_grant(at: At) -> None:
    assert at.use(Capability.FS_READ, "src/templates/a.html").granted(Capability.FS_READ) == []
    assert at.unresolved() == []


@pytest.mark.parametrize(
    ("resource", "precision", "callable_", "granted"),
    [
        ("https://api.example.com/v1", CONSTANT, "requests.get", "api.example.com:443"),
        ("https://API.example.com/v1/", PARTLY, "requests.get", "api.example.com:443"),
        ("http://127.0.0.1:8081/price", CONSTANT, "requests.get", "127.0.0.1:8081"),
        ("http://[::1]/", CONSTANT, "requests.get", "[::1]:80"),
        ("https://user:pw@example.com/", CONSTANT, "requests.get", "example.com:443"),
        ("postgresql+psycopg://db.internal/shop", CONSTANT, "sqlalchemy.create_engine", "db.internal:5432"),
        ("db.internal:6379", CONSTANT, "x", "db.internal:6379"),
    ],
)
def test_a_connection_is_host_and_port(
    at: At, resource: str, precision: Precision, callable_: str, granted: str
) -> None:
    assert at.use(Capability.NET_CONNECT, resource, precision, callable_).granted(Capability.NET_CONNECT) == [granted]
    assert "@tls" in [grant.resource for grant in at.infer().policy.grants]


@pytest.mark.parametrize(
    ("resource", "precision"),
    [
        ("https://api.example.com", PARTLY),  # it may go on with `.evil.com`
        ("https://api.example.com:44", PARTLY),
        ("https://", PARTLY),
        ("example.com", CONSTANT),
        ("custom://example.com", CONSTANT),
        ("https://exa mple/", CONSTANT),
        ("https://[::1/", CONSTANT),
        ("http://2130706433/", CONSTANT),
        ("http://x:99999/", CONSTANT),
    ],
)
def test_a_host_that_is_not_known_whole_is_not_granted(at: At, resource: str, precision: Precision) -> None:
    assert at.use(Capability.NET_CONNECT, resource, precision, "x").granted(Capability.NET_CONNECT) == []
    assert len(at.unresolved()) == 1


def together(at: At, capability: Capability, hosts: list[str], ports: list[str]) -> At:
    """Make the uses of one call that is given a host and a port."""
    for argument, resources in (("host", hosts), ("port", ports)):
        for resource in resources:
            at.use(capability, resource)
            at.uses[-1] = Use(capability, "call", at.uses[0].location, CONSTANT, resource, argument)
    return at


def test_host_and_port_of_one_call_belong_together(at: At) -> None:
    assert together(at, Capability.NET_LISTEN, ["0.0.0.0"], ["8080"]).granted(Capability.NET_LISTEN) == ["0.0.0.0:8080"]  # noqa: S104


def test_a_port_alone_is_on_loopback(at: At) -> None:
    assert at.use(Capability.NET_LISTEN, "8080").granted(Capability.NET_LISTEN) == ["127.0.0.1:8080"]


def test_a_connection_to_host_and_port_of_one_call(at: At) -> None:
    together(at, Capability.NET_CONNECT, ["db.internal", "db2.internal"], ["5432"])
    assert at.granted(Capability.NET_CONNECT) == ["db.internal:5432", "db2.internal:5432"]


def test_a_host_with_a_port_of_its_own_keeps_it(at: At) -> None:
    assert together(at, Capability.NET_CONNECT, ["db.internal:99"], ["80"]).granted(Capability.NET_CONNECT) == [
        "db.internal:99"
    ]


def test_an_ipv6_address_and_a_port_of_one_call(at: At) -> None:
    assert together(at, Capability.NET_CONNECT, ["::1"], ["80"]).granted(Capability.NET_CONNECT) == ["[::1]:80"]


SERVERS = """
import asyncio, http.client, http.server, smtplib, socket, ftplib
from flask import Flask
import os

PORT = int(os.environ.get("PORT", "8000"))
Flask(__name__).run()
Flask(__name__).run(port=8001)
Flask(__name__).run("0.0.0.0", PORT)
http.server.HTTPServer(("127.0.0.1", 8002), None)
socket.create_server(("", 8003))
asyncio.start_server(None, "127.0.0.1", 8004)
socket.create_connection(("a.example", 8005))
http.client.HTTPSConnection("b.example")
http.client.HTTPConnection("c.example:8006")
smtplib.SMTP_SSL("d.example")
ftplib.FTP("e.example")
"""


def test_hosts_and_ports_are_read_from_the_calls_that_people_write(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(SERVERS)
    grants = infer([tmp_path / "app.py"], folder=tmp_path).policy.grants
    assert [grant.resource for grant in grants if grant.capability is Capability.NET_LISTEN] == [
        "0.0.0.0:8000",
        "127.0.0.1:5000",
        "127.0.0.1:8001",
        "127.0.0.1:8002",
        "127.0.0.1:8003",
        "127.0.0.1:8004",
    ]
    assert [grant.resource for grant in grants if grant.capability is Capability.NET_CONNECT] == [
        "a.example:8005",
        "b.example:443",
        "c.example:8006",
        "d.example:465",
        "e.example:21",
    ]


def test_a_call_that_may_mean_several_hosts_is_granted_each(at: At) -> None:
    at.use(Capability.NET_CONNECT, "https://a.example/").use(Capability.NET_CONNECT, "https://b.example/")
    at.uses = [Use(use.capability, "f", at.uses[0].location, CONSTANT, use.resource, "url") for use in at.uses]
    assert at.granted(Capability.NET_CONNECT) == ["a.example:443", "b.example:443"]


def test_a_program_is_granted_by_its_whole_path(at: At, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent:bin:/bin")
    assert at.use(Capability.PROC_SPAWN, "ls").use(Capability.PROC_SPAWN, "no-such-program").granted(
        Capability.PROC_SPAWN
    ) == ["/bin/ls"]
    assert "'no-such-program' is not on this host" in at.unresolved()[0]


def test_variables_are_granted_by_name_and_those_of_every_run_are_not(at: At) -> None:
    at.use(Capability.ENV_READ, "TOKEN").use(Capability.ENV_READ, "HOME").use(Capability.ENV_READ, "TOKEN")
    assert at.granted(Capability.ENV_READ) == ["TOKEN"]


def test_what_no_policy_withholds_is_described(at: At) -> None:
    at.use(Capability.CODE_EVAL).use(Capability.RT_PATCH).use(Capability.PROC_THREAD)
    assert [need.capability for need in at.infer().described] == [Capability.CODE_EVAL, Capability.RT_PATCH]


def test_each_grant_names_the_line_that_needs_it(at: At) -> None:
    at.use(Capability.ENV_READ, "A").use(Capability.FS_WRITE, "data/x").use(Capability.FS_WRITE, "data/y").use(
        Capability.FS_READ, "data/z"
    )
    why = {grant.resource.rpartition("/")[2]: grant.why for grant in at.infer().policy.grants}
    assert why["A"] == "app.py:1 needs this: line_1()"
    assert why["data"] == "app.py:2 needs this: line_2() (and 2 more)"


def test_the_order_of_what_is_read_does_not_matter(at: At) -> None:
    at.use(Capability.FS_READ, "b/x").use(Capability.FS_READ, "a/x").use(Capability.ENV_READ, "Z").use(
        Capability.NET_LISTEN, "80"
    ).use(Capability.FS_WRITE, "c/d")
    there = at.infer()
    at.uses.reverse()
    assert at.infer() == there
    assert [grant.why for grant in at.infer().policy.grants] == [grant.why for grant in there.policy.grants]


def test_what_was_not_read_and_what_is_native_is_told(at: At) -> None:
    place = Location(str(at.program), 1, 1, 1, 2)
    facts = Facts(
        (at.program,),
        (),
        (Imported("numpy", place, native=True), Imported("os", place)),
        (Skipped("b.py", 3, Why.SYNTAX, "x"),),
    )
    found = from_facts(facts, [at.program], folder=str(at.folder))
    assert found.native == ("numpy",)
    assert found.skipped == ("b.py:3 syntax x",)


@given(
    st.sampled_from([*Capability]),
    st.one_of(
        st.text(max_size=12), st.text("./a*?[~@:\n\x1b\udcff0", max_size=8), st.text("htps:/.[]1@a", max_size=14)
    ),
    st.sampled_from(Precision),
)
def test_whatever_the_code_names_the_policy_can_be_read(
    at: At, capability: Capability, resource: str, precision: Precision
) -> None:
    at.uses.clear()
    found = at.use(capability, resource, precision).infer()
    folder = os.fspath(at.folder)
    comments = [need.reason for need in found.unresolved]
    assert parse(render(found.policy, folder, unresolved=comments).encode(), "x", folder)[0] == found.policy
    assert len(found.needs) == 1


def test_an_inferred_policy_is_read_back(at: At) -> None:
    (at.folder / 'weird " \\ é').mkdir()
    at.use(Capability.FS_READ, 'weird " \\ é/x').use(Capability.FS_WRITE, "data/x").use(
        Capability.NET_LISTEN, "80"
    ).use(Capability.ENV_READ, "A")
    policy = at.infer().policy
    folder = os.fspath(at.folder)
    assert parse(render(policy, folder, unresolved=at.unresolved()).encode(), "x", folder)[0] == policy
