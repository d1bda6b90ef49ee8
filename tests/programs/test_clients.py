"""Clients reach the granted host and port and nothing else; a denied name is recorded, and bytes are counted."""

import http.server
import json
import shutil
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.conftest import COMMAND, require
from tests.programs.conftest import Database, Program

BODY = b"x" * 10_000


class Service(http.server.BaseHTTPRequestHandler):
    """Answer everything with the same body."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the base class names it so
        """Say nothing."""


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 64


@pytest.fixture
def services() -> Iterator[tuple[int, int]]:
    """Serve on two ports; give them."""
    servers = [Server(("127.0.0.1", 0), Service) for _ in range(2)]
    for server in servers:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield servers[0].server_port, servers[1].server_port
    for server in servers:
        server.shutdown()
        server.server_close()


def events(record: Path, kind: str) -> list[dict[str, object]]:
    lines = map(json.loads, record.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line["event"] == kind]


def test_an_asyncio_client_reaches_its_service_and_no_other(
    program: Callable[..., Program], services: tuple[int, int]
) -> None:
    granted, other = services
    client = program("client", port_8000=granted)
    done = client.run("app.py", f"http://localhost:{granted}/", f"http://localhost:{other}/")
    refused = "refused ClientConnectorError\n"
    dns = "refused ClientConnectorDNSError\n"
    assert (done.returncode, done.stdout) == (0, f"{20 * len(BODY)}\n{refused}{dns}"), done.stderr
    assert [event["resource"] for event in events(client.record, "denied")] == ["elsewhere.example"]
    (traffic,) = events(client.record, "traffic")
    assert traffic["received"] >= 20 * len(BODY)  # type: ignore[operator] -- a number


REQUESTS = """
import requests, sys
print(len(requests.get(sys.argv[1]).content))
for url in sys.argv[2:]:
    try:
        print(requests.get(url))
    except requests.ConnectionError:
        print("refused")
"""


def test_requests_reaches_its_service_and_no_other(python: Path, services: tuple[int, int]) -> None:
    granted, other = services
    urls = [f"http://127.0.0.1:{port}/" for port in services]
    command = [COMMAND, "run", "--python", python, "--connect", f"127.0.0.1:{granted}", "-c", REQUESTS]
    done = subprocess.run(
        [*command, *urls, f"http://localhost:{other}/"], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout) == (0, f"{len(BODY)}\nrefused\nrefused\n"), done.stderr


def test_curl_reaches_its_service_and_no_other(services: tuple[int, int]) -> None:
    require("curl", there=Path("/usr/bin/curl").exists())
    granted, other = services
    head = [COMMAND, "run", "--connect", f"localhost:{granted}", "--", "/usr/bin/curl", "-sS"]

    def curl(url: str) -> "subprocess.CompletedProcess[bytes]":
        return subprocess.run([*head, url], capture_output=True, check=False, timeout=60)

    assert curl(f"http://localhost:{granted}/").stdout == BODY
    assert curl(f"http://localhost:{other}/").returncode == 7  # cannot connect
    unknown = curl(f"http://elsewhere.example:{granted}/")
    assert unknown.returncode == 6  # cannot resolve
    assert b"denied: net.dns elsewhere.example" in unknown.stderr


def test_psql_reaches_its_database_and_no_other(database: Database, services: tuple[int, int]) -> None:
    head = [COMMAND, "run", "--connect", f"127.0.0.1:{database.port}", "--", *database.psql]
    done = subprocess.run([*head, "-c", "SELECT 6 * 7"], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (0, "42\n"), done.stderr
    other = [word if word != str(database.port) else str(services[0]) for word in database.psql]
    refused = subprocess.run([*head[:5], *other, "-c", "SELECT 1"], capture_output=True, text=True, check=False)
    assert refused.returncode == 2
    assert "Connection refused" in refused.stderr


def test_a_datagram_goes_nowhere(python: Path) -> None:
    code = "import socket; s = socket.socket(type=socket.SOCK_DGRAM); s.sendto(b'x', ('192.0.2.1', 53))"
    done = subprocess.run(
        [COMMAND, "run", "--python", python, "--connect", "localhost:1", "-c", code],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1
    assert "OSError: [Errno 101] Network is unreachable" in done.stderr


ITSELF = """
import http.server, socket, sys, threading
import requests

server = http.server.HTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(requests.get(f"http://localhost:{server.server_port}/").status_code)
one, other = (socket.socket(type=socket.SOCK_DGRAM) for _ in range(2))
one.bind(("127.0.0.1", 0))
other.sendto(b"datagram", one.getsockname())
print(one.recv(10))
try:
    requests.get(sys.argv[1])
except requests.ConnectionError:
    print("refused")
"""


def test_a_program_talks_to_itself_and_to_nobody_else(python: Path, services: tuple[int, int], tmp_path: Path) -> None:
    """It serves its working directory: one that is granted, or the list of its names would be refused."""
    url = f"http://127.0.0.1:{services[0]}/"
    command = [COMMAND, "run", "--python", python, "--listen", "@private", "--read", ".", "-c", ITSELF, url]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "200\nb'datagram'\nrefused\n"), done.stderr


def test_https_is_checked_by_the_client_against_the_public_certificates(python: Path, tmp_path: Path) -> None:
    """The broker carries TLS untouched: a certificate of nobody's is refused by the client itself."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subject = ("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost")
    made = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, *subject)
    require("openssl", there=shutil.which("openssl") is not None)
    subprocess.run(made, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with Server(("127.0.0.1", 0), Service) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        end = f"localhost:{server.server_port}"
        code = "import requests, sys; print(len(requests.get(sys.argv[1]).content))"
        head = [COMMAND, "run", "--python", python, "--connect", end]
        tail = ["-c", code, f"https://{end}/"]
        unknown = subprocess.run([*head, *tail], capture_output=True, text=True, check=False, timeout=60)
        trusted = ["--read", certificate, "--env", f"REQUESTS_CA_BUNDLE={certificate}"]
        known = subprocess.run([*head, *trusted, *tail], capture_output=True, text=True, check=False, timeout=60)
        server.shutdown()
    assert "CERTIFICATE_VERIFY_FAILED" in unknown.stderr
    assert (known.returncode, known.stdout) == (0, f"{len(BODY)}\n"), known.stderr
