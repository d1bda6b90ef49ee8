"""What looks like a secret, and what only looks like one. Every secret here is made up at run time."""

import random
import string
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casemate.model.finding import Confidence
from casemate.rules.secret_shapes import by_format, by_name, entropy, field, names_a_secret

LETTERS = string.ascii_letters + string.digits


def noise(length: int, letters: str = LETTERS) -> str:
    return "".join(random.Random(length).choices(letters, k=length))  # noqa: S311 -- a repeatable test


FORMATS = {
    "an AWS access key": "AKIA" + noise(16, "ABCDEFGHJKLMNPQ234567"),
    "a GitHub token": "ghp_" + noise(36),
    "a GitLab token": "glpat-" + noise(20),
    "a Stripe key": "sk_" + "live_" + noise(24),
    "a Slack token": "xoxb-" + "123456789012-" + noise(24),
    "a Google API key": "AIza" + noise(35),
    "an npm token": "npm_" + noise(36),
    "a private key": "-----BEGIN RSA PRIVATE" + " KEY-----\n" + noise(64) + "\n",
    "a signed token": "eyJ" + noise(20) + ".eyJ" + noise(20) + "." + noise(43),
    "a password in an address": "postgres://shop:" + noise(12) + "@db.internal:5432/shop",
}


@pytest.mark.parametrize("name", FORMATS)
def test_a_known_format_is_recognised_anywhere_in_a_text(name: str) -> None:
    for text in (FORMATS[name], f"the value is {FORMATS[name]} ."):
        shape = by_format(text)
        assert shape is not None
        assert shape.message.startswith(name)
        assert shape.confidence is Confidence.HIGH


@pytest.mark.parametrize(
    "text",
    [
        "AKIA" + "IOSFODNN7EXAMPLE",
        "ghp_" + "x" * 36,
        "-----BEGIN PRIVATE" + " KEY-----",
        "postgres://user:password@localhost/db",
        "postgres://user:${PASSWORD}@localhost/db",
        "https://example.com:8443/path@version",
        "xoxo-123456-hugs",
    ],
)
def test_an_example_or_a_mere_prefix_is_no_secret(text: str) -> None:
    assert by_format(text) is None


@pytest.mark.parametrize("name", ["password", "db_password", "dbPassword", "API_KEY", "client_secret", "auth_token"])
def test_a_random_text_under_the_name_of_a_secret_is_one(name: str) -> None:
    assert by_name(name, "hX7!pq02-Lm") is not None


@pytest.mark.parametrize("name", ["password_field", "token_url", "key", "secret_name", "title", "sort_key", "tokens"])
def test_a_name_that_only_speaks_of_secrets_holds_none(name: str) -> None:
    assert by_name(name, "hX7!pq02-Lm") is None


@pytest.mark.parametrize(
    "text",
    ["", "x", "user_password", "X-Auth-Token", "csrfmiddlewaretoken", "django.contrib.auth", "<your token>", "API_KEY",
     "/run/secrets/key", "Enter your password: ", "{token}", "%(password)s", "$PASSWORD", "aaaaaaaaaaaa1", "********"],
)  # fmt: skip
def test_a_word_a_path_or_a_placeholder_is_no_secret(text: str) -> None:
    assert by_name("password", text) is None


def test_a_popular_password_is_reported_with_little_confidence() -> None:
    shape = by_name("password", "hunter2")
    assert shape is not None
    assert shape.confidence is Confidence.LOW
    assert names_a_secret("password") == "password"


def test_a_name_for_a_secret_is_none() -> None:
    assert by_name("DATA_JWT_SECRET", "oauth2_jwt_secret") is None
    assert by_name("JWT_SECRET", "a8Kd03mZq7_secret") is not None


def test_a_name_that_a_file_gives_many_words_is_a_field() -> None:
    table = ["capacity", "voltage", "chargePower", "eChargeToday", "eChargeToday1", "bdc1ChargePower"]
    assert by_name("api_key", table[-1]) is not None
    assert field("api_key", table)
    assert not field("api_key", table[3:])
    assert not field("api_key", [noise(length) for length in range(20, 30)])
    assert not field("api_key", ["", "your-key", *(noise(length) for length in range(20, 24))])


@given(st.text(min_size=1))
def test_entropy_is_between_nothing_and_the_logarithm_of_the_length(text: str) -> None:
    assert 0 <= entropy(text) <= len(text).bit_length()


@given(st.text(), st.text())
def test_no_text_is_too_strange(name: str, text: str) -> None:
    by_format(text)
    by_name(name, text)


@pytest.mark.parametrize("unit", ["a", "_", "a-", "a_", "a.", "A1", "eyJ", "SG.", "a+a:", "://", "-----BEGIN "])
def test_a_hostile_text_takes_no_time(unit: str) -> None:
    text = unit * (1_000_000 // len(unit))
    start = time.process_time()
    by_format(text)
    by_name("password", text)
    by_name("password", text[:499] + "!")
    assert time.process_time() - start < 2
