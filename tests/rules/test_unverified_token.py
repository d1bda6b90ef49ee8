"""A token that was handed over by its issuer is a note; one that somebody sends is believed at one's own risk."""

from pathlib import Path

import pytest

from casemate.audit import audit
from casemate.model.finding import Severity


def read(token: str) -> str:
    return f'jwt.decode({token}, options={{"verify_signature": False}})["sub"]'


def severities(folder: Path, program: str) -> list[Severity]:
    path = folder / "reads.py"
    path.write_text(f"import jwt\n{program}", encoding="utf-8")
    return [finding.severity for finding in audit([path], select={"unverified-token"}).findings]


def test_what_the_function_asked_for_is_noted(tmp_path: Path) -> None:
    program = f"async def user(api):\n    token = await api.sign_in()\n    return {read('token.access')}\n"
    assert severities(tmp_path, program) == [Severity.INFO]


@pytest.mark.parametrize("module", ["shop.helpers.aiohttp_client", "shop.oauth2_flow"])
def test_where_a_client_is_imported_a_token_is_noted(module: str, tmp_path: Path) -> None:
    program = f"from {module} import get_client\n\ndef user(token):\n    return {read('token')}\n"
    assert severities(tmp_path, program) == [Severity.INFO]


@pytest.mark.parametrize("value", ["read_header(headers)", "environ.get('HTTP_AUTHORIZATION')", "text", "words[1]"])
def test_what_may_have_been_sent_is_not_handed_over(value: str, tmp_path: Path) -> None:
    program = f"def user(headers, environ, text, words):\n    token = {value}\n    return {read('token')}\n"
    assert severities(tmp_path, program) == [Severity.MEDIUM]


def test_a_server_believes_no_token(tmp_path: Path) -> None:
    program = f"import flask\n\ndef user(api):\n    token = api.sign_in()\n    return {read('token')}\n"
    assert severities(tmp_path, program) == [Severity.HIGH]
