"""What is fetched without TLS is noted where the other side is named and is another machine; never in tests."""

from pathlib import Path

import pytest

from casemate.audit import audit
from casemate.model.finding import Severity

PROGRAM = """
import requests
from http.client import HTTPConnection, HTTPSConnection
from urllib.request import OpenerDirector, urlopen

def fetch(address="{default}", place=None):
    {code}
"""


def noted(folder: Path, code: str, default: str = "") -> list[Severity]:
    folder.mkdir(exist_ok=True)
    path = folder / "fetch.py"
    path.write_text(PROGRAM.format(code=code, default=default), encoding="utf-8")
    return [finding.severity for finding in audit([path], select={"cleartext-transport"}).findings]


@pytest.mark.parametrize(
    "code",
    [
        'requests.get("http://news.example.org/today")',
        'requests.Request("GET", "http://news.example.org/today")',
        'urlopen("ftp://files.example.org/list")',
        'OpenerDirector().open("http://news.example.org")',
        'HTTPConnection("news.example.org")',
    ],
)
def test_what_is_fetched_in_the_clear_is_noted(code: str, tmp_path: Path) -> None:
    assert noted(tmp_path, code) == [Severity.INFO]


@pytest.mark.parametrize(
    "code",
    [
        'requests.get("https://news.example.org/today")',
        'requests.get("http://127.0.0.1:8000/")',
        'requests.get(f"http://{place}/")',
        'requests.compat.urljoin("http://news.example.org", "today")',
        'requests.Session().mount("http://", None)',
        'urlopen("sftp://files.example.org/list")',
        'HTTPConnection("localhost", 8000)',
        'HTTPSConnection("news.example.org")',
    ],
)
def test_what_has_tls_or_stays_on_the_machine_is_not(code: str, tmp_path: Path) -> None:
    assert noted(tmp_path, code) == []


def test_the_default_of_an_argument_is_an_address(tmp_path: Path) -> None:
    assert noted(tmp_path, "requests.get(address)", "http://news.example.org") == [Severity.INFO]
    assert noted(tmp_path, "requests.get(address)", "http://localhost:8000") == []


def test_tests_fetch_what_they_like(tmp_path: Path) -> None:
    assert noted(tmp_path / "tests", 'requests.get("http://news.example.org/today")') == []


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("connection = Telnet(place)\n    return connection.read_all()", [Severity.INFO]),
        (
            "connection = Telnet(place)\n    connection.write(b'status')\n    return connection.read_all()",
            [Severity.LOW],
        ),
        ("connection = Telnet(place)\n    say(connection)\n    return connection.read_all()", [Severity.LOW]),
        ("connection = Telnet(place)\n    return connection.read_until(b'login:')", [Severity.LOW]),
    ],
)
def test_who_only_listens_by_telnet_says_nothing_to_others(code: str, expected: list[Severity], tmp_path: Path) -> None:
    before = "from telnetlib import Telnet\n\ndef say(connection):\n    connection.write(b'status')\n\n"
    before = before if "say(" in code else "from telnetlib import Telnet\n\n"
    path = tmp_path / "listen.py"
    path.write_text(f"{before}def listen(place):\n    {code}\n", encoding="utf-8")
    found = audit([path], select={"cleartext-transport"}).findings
    assert [finding.severity for finding in found] == expected
