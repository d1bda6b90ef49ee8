"""What is passed where a secret belongs is one, whatever it looks like; how bad it is, depends on the place."""

from pathlib import Path

import pytest

from casemate.audit import audit
from casemate.model.finding import Severity

IMPORTS = """
import os
import jwt
import psycopg2
from Crypto.Cipher import AES
from cryptography.fernet import Fernet
from itsdangerous import URLSafeSerializer

CALM = "a calm sea"
"""


def severities(path: Path, code: str) -> list[Severity]:
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"{IMPORTS}\n{code}\n", encoding="utf-8")
    return [finding.severity for finding in audit([path], select={"hardcoded-secret"}).findings]


@pytest.mark.parametrize(
    "code",
    [
        'jwt.encode({}, "a calm sea", algorithm="HS256")',
        "jwt.encode({}, CALM)",
        'def sign(claims):\n    sea = "a calm sea"\n    return jwt.encode(claims, key=sea)',
        'URLSafeSerializer("a calm sea").dumps(1)',
        'AES.new(b"sixteen letters!", AES.MODE_GCM)',
        'Fernet(b"a calm sea")',
        'psycopg2.connect(host="db", password="calm-sea")',
        'app.secret_key = "a calm sea"',
        'SECRET_KEY = "a calm sea"',
        'add(SessionMiddleware, secret_key="a calm sea")',
    ],
)
def test_a_text_where_a_secret_belongs_is_one(code: str, tmp_path: Path) -> None:
    assert severities(tmp_path / "app.py", code) == [Severity.MEDIUM]


@pytest.mark.parametrize(
    "code",
    [
        'jwt.encode({}, "changeme")',
        'SECRET_KEY = "dummy"',
        'SECRET_KEY = os.environ.get("KEY", "a calm sea")',
        'app.config["SECRET_KEY"] = os.getenv("KEY", default="a calm sea")',
    ],
)
def test_what_should_be_replaced_is_less_bad(code: str, tmp_path: Path) -> None:
    assert severities(tmp_path / "app.py", code) == [Severity.LOW]


def test_a_default_password_is_a_note(tmp_path: Path) -> None:
    assert severities(tmp_path / "app.py", 'def enter(password="calm-sea"): ...') == [Severity.INFO]


@pytest.mark.parametrize(
    "code",
    [
        "jwt.encode({}, os.environ['KEY'])",
        "Fernet(Fernet.generate_key())",
        'AES.new(bytes(16), AES.MODE_GCM)\nAES.new(b"\\0" * 16, AES.MODE_GCM)',
        'psycopg2.connect(host="db", password="")',
        'SECRET_KEY = os.environ.get("KEY", "")',
        'SECRET_KEY = "APP_SECRET_KEY"',
        'def enter(password="", token="calm-sea"): ...',
        'if SECRET_KEY == "a calm sea": print()',
    ],
)
def test_no_text_is_no_secret(code: str, tmp_path: Path) -> None:
    assert severities(tmp_path / "app.py", code) == []


def test_nobody_signs_in_to_a_test(tmp_path: Path) -> None:
    assert severities(tmp_path / "tests" / "app.py", 'SECRET_KEY = "a calm sea"') == []
    assert severities(tmp_path / "tests" / "app.py", 'jwt.encode({}, "a calm sea")') == [Severity.INFO]


def test_a_password_for_the_same_machine_in_a_test_is_a_note(tmp_path: Path) -> None:
    address = 'DATABASE = "postgres://shop:{}@{}/shop"'.format("calm9" + "seas", "{}")
    assert severities(tmp_path / "tests" / "app.py", address.format("localhost:5432")) == [Severity.INFO]
    assert severities(tmp_path / "tests" / "app.py", address.format("127.0.0.1")) == [Severity.INFO]
    assert severities(tmp_path / "tests" / "app.py", address.format("localhost.example.org")) == [Severity.LOW]
    assert severities(tmp_path / "app.py", address.format("localhost")) == [Severity.HIGH]
