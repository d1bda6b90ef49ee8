"""The shop's holes are real, its neighbours are harmless: shown by attacking it over loopback, without confinement."""

import http.server
import importlib.util
import os
import socket
import socketserver
import subprocess
import sys
import threading
import time
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

SHOP = Path(__file__).parents[2] / "examples" / "shop"
SECRET = "the key of the treasury"  # noqa: S105 -- a canary
VARIABLE = "SHOP_TEST_CANARY"


def load_exploits() -> ModuleType:
    spec = importlib.util.spec_from_file_location("shop_exploits", SHOP / "exploits.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


exploits = load_exploits()


class Service(http.server.BaseHTTPRequestHandler):
    """Answer every GET with a canary and the path."""

    def do_GET(self) -> None:
        body = f"{SECRET} at {self.path}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the base class names it so
        """Say nothing."""


class Greeter(socketserver.BaseRequestHandler):
    """Say a canary to whoever connects."""

    def handle(self) -> None:
        self.request.sendall(SECRET.encode())


@dataclass(frozen=True, slots=True)
class Shop:
    """A running shop and what surrounds it."""

    base: str
    canaries: object
    supplier: str
    metadata: str
    data: Path
    canary: Path


def serve(server: socketserver.BaseServer) -> None:
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def wait_until_served(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    pytest.fail("the shop did not start")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("shop")
    canary = folder / "home" / "secret.txt"
    canary.parent.mkdir()
    canary.write_text(SECRET)
    with (
        http.server.ThreadingHTTPServer(("127.0.0.1", 0), Service) as supplier,
        http.server.ThreadingHTTPServer(("127.0.0.1", 0), Service) as metadata,
        socketserver.ThreadingTCPServer(("127.0.0.1", 0), Greeter) as listener,
    ):
        for server in (supplier, metadata, listener):
            serve(server)
        port = free_port()
        settings = {
            "SHOP_DATA": str(folder / "data"),
            "SHOP_PORT": str(port),
            "SHOP_SUPPLIER": f"127.0.0.1:{supplier.server_port}",
            VARIABLE: SECRET,
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        log = (folder / "log").open("wb")
        process = subprocess.Popen(
            [sys.executable, "app.py"], cwd=SHOP, env=os.environ | settings, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            wait_until_served(port, process)
            address = f"http://127.0.0.1:{metadata.server_port}"
            canaries = exploits.Canaries(
                secret_file=str(canary),
                writable_file=str(folder / "owned"),
                variable=VARIABLE,
                metadata_url=f"{address}/keys",
                listener=("127.0.0.1", listener.server_address[1]),
            )
            base = f"http://127.0.0.1:{port}"
            yield Shop(base, canaries, settings["SHOP_SUPPLIER"], address, folder / "data", canary)
        finally:
            process.terminate()
            process.wait(10)
            log.close()
            for server in (supplier, metadata, listener):
                server.shutdown()


EXPECTED = {
    "dump_cards": "4000-0000-0000-1111",
    "read_secret_file": SECRET,
    "read_passwd": "root:",
    "fetch_metadata": f"{SECRET} at /keys",
    "read_signing_key": "",  # 64 hexadecimal digits, tested below
    "command_by_template": "uid=",
    "write_outside": "owned",
    "read_home": SECRET,
    "read_environment": f"{VARIABLE}={SECRET}",
    "connect_out": SECRET,
    "spawn_shell": "uid=",
}


@pytest.mark.parametrize("attack", exploits.ATTACKS, ids=lambda a: a.carry_out.__name__)
def test_every_exploit_works_without_confinement(shop: Shop, attack: Any) -> None:  # noqa: ANN401 -- of a script
    assert EXPECTED[attack.carry_out.__name__] in attack.carry_out(shop.base, shop.canaries)


def test_the_stolen_signing_key_is_the_key(shop: Shop) -> None:
    assert len(bytes.fromhex(exploits.read_signing_key(shop.base, shop.canaries))) == 32


def test_the_written_file_is_on_the_host(shop: Shop) -> None:
    exploits.write_outside(shop.base, shop.canaries)
    assert (shop.canary.parents[1] / "owned").read_text() == "owned"


def get(shop: Shop, path: str, **query: str) -> str:
    return str(exploits.ask(f"{shop.base}{path}?{urllib.parse.urlencode(query)}"))


def post(shop: Shop, path: str, **form: str) -> str:
    return str(exploits.ask(f"{shop.base}{path}", form))


def test_the_shop_does_its_work(shop: Shop) -> None:
    receipt = post(shop, "/order", address="1 Main St").split('"')[3]
    assert "Brass lamp" in get(shop, "/search", q="lamp")
    assert "Rope" in get(shop, "/category/tools", order="price")
    assert "Oil lamp" in get(shop, "/product", id="2")
    assert "1 Main St" in get(shop, "/receipts/download", name=receipt)
    assert "1 Main St" in get(shop, "/receipts/plain", name=receipt)
    assert "1 Main St" in get(shop, "/receipts/archive", name=receipt)
    assert "1 Main St" in get(shop, f"/receipts/file/{receipt}")
    assert "sku=7" in get(shop, "/price/supplier", sku="7")
    assert "/lamps" in get(shop, "/price/shelf", name="lamps")
    assert "/x" in get(shop, "/price/page", url=f"http://{shop.supplier}/x")
    assert "/old" in get(shop, "/price/compare", url=f"http://{shop.supplier}/old")
    assert "<b>" in post(shop, "/label/preview", text="<b>to Ada</b>")


@pytest.mark.parametrize("text", ["x' UNION SELECT customer, card FROM payment --", "name; DROP TABLE payment"])
def test_no_parameter_or_chosen_order_becomes_sql(shop: Shop, text: str) -> None:
    assert "4000-" not in get(shop, f"/category/{urllib.parse.quote(text)}", order=text)
    with pytest.raises(exploits.Nothing, match="400"):
        get(shop, "/product", id=text)
    post(shop, "/order", address=text)
    assert "4000-" in exploits.dump_cards(shop.base, shop.canaries)


def test_no_checked_download_leaves_the_folder(shop: Shop) -> None:
    for name in (
        "../../home/secret.txt",
        str(shop.canary),
        "..%2f..%2fhome/secret.txt",
        "..",
        "x/../../../home/secret.txt",
    ):
        for path in ("/receipts/plain", "/receipts/archive"):
            with pytest.raises(exploits.Nothing, match="404"):
                get(shop, path, name=name)
        with pytest.raises(exploits.Nothing, match="404"):
            get(shop, "/receipts/file/" + urllib.parse.quote(name, safe=""))


def test_the_json_import_runs_no_code(shop: Shop) -> None:
    bomb = "Y29zCnN5c3RlbQooUydpZCcKdFIu"  # cos\nsystem\n(S'id'\ntR.
    with pytest.raises(exploits.Nothing, match="400"):
        post(shop, "/basket/import", basket=bomb)
    assert "<dt>rope</dt><dd>2</dd>" in post(shop, "/basket/import", basket="eyJyb3BlIjogMn0=")


def test_the_checked_price_pages_reach_the_supplier_only(shop: Shop) -> None:
    metadata = shop.metadata.removeprefix("http://")
    for url in (
        f"{shop.metadata}/keys",
        f"http://{shop.supplier}@{metadata}/keys",
        f"http://{metadata}\\@{shop.supplier}/keys",
        f"http://{shop.supplier}\\@{metadata}/keys",
        f"http://{shop.supplier}\n@{metadata}/keys",
        "file:///etc/passwd",
    ):
        with pytest.raises(exploits.Nothing, match="400"):
            get(shop, "/price/page", url=url)
    assert "/price?sku=" in get(shop, "/price/supplier", sku=f"@{metadata}/keys")
    with pytest.raises(exploits.Nothing, match="404"):
        get(shop, "/price/shelf", name=f"{shop.metadata}/keys")


def test_a_label_that_is_a_value_is_not_evaluated(shop: Shop) -> None:
    for path in ("/label/plain", "/label/file"):
        assert "49" not in post(shop, path, text="{{ 7 * 7 }}<script>")
        assert "&lt;script&gt;" in post(shop, path, text="{{ 7 * 7 }}<script>")


def test_no_other_page_reflects_markup(shop: Shop) -> None:
    for path, field in (("/hello", "name"), ("/search", "q"), ("/old-search", "q")):
        assert "<script>" not in get(shop, path, **{field: "<script>"})
