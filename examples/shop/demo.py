"""Audit the shop, infer its policy, start it without and with confinement, attack both, and print what was obtained.

Nothing in the table is typed in: each cell is the answer of a real attack over loopback, or what was seen instead.
"""

import contextlib
import http.server
import json
import os
import signal
import socket
import socketserver
import subprocess
import sys
import tempfile
import threading
import time
import tomllib
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import exploits

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
CASEMATE = Path(sys.executable).with_name("casemate")
PYTHON = ROOT / ".venv-shop/bin/python"
SECRET = "the key of the treasury"  # what every canary says
VARIABLE = "CASEMATE_DEMO_CANARY"
PORT, SUPPLIER_PORT = 8080, 8081  # the shop's defaults, so that the inferred policy names them
WIDTH = 36  # characters of a cell


def main() -> int:
    """Run the five acts; 1 where a hole was not found or a planned start failed."""
    for port in (PORT, SUPPLIER_PORT):
        with socket.socket() as asking:
            if asking.connect_ex(("127.0.0.1", port)) == 0:
                sys.exit(f"port {port} of this host is taken; the demo needs {PORT} and {SUPPLIER_PORT}")
    with tempfile.TemporaryDirectory(prefix="casemate-demo-") as folder, services(Path(folder)) as canaries:
        found = audit()
        policy = infer(Path(folder))
        print("3. Attack it without confinement, then under the policy\n")
        bare = attack([str(PYTHON), str(HERE / "app.py")], Path(folder), canaries)
        run = [str(CASEMATE), "run", "--policy", str(policy), "--python", str(PYTHON), str(HERE / "app.py")]
        confined = attack(run, Path(folder), canaries)
    print(table(bare, confined))
    print(closing(confined))
    holes = {attack.rule for attack in exploits.ATTACKS}
    if missing := holes - found:
        print(f"not found by the audit: {', '.join(sorted(missing))}", file=sys.stderr)
    return int(bool(missing))


def audit() -> set[str]:
    """Show the audit and give the rules that were met."""
    print("1. casemate audit examples/shop\n")
    command = [CASEMATE, "audit", "--format", "json", "shop", "app.py"]
    report = subprocess.run(command, cwd=HERE, stdout=subprocess.PIPE, text=True, check=False)
    findings = json.loads(report.stdout)["findings"]
    for finding in findings:
        place = finding["location"]
        print(f"   {finding['severity']:<9}{finding['rule']:<29}{place['path']}:{place['line']}")
        steps = finding["flow"]["steps"] if finding["flow"] else []
        if steps:
            stations = [f"{Path(step['location']['path']).name}:{step['location']['line']}" for step in steps]
            print(f"            {' → '.join(dict.fromkeys(stations))}")
    print(f"\n   {len(findings)} findings; the whole report: casemate audit examples/shop\n")
    return {finding["rule"] for finding in findings}


def infer(folder: Path) -> Path:
    """Infer the policy of the shop and show it without its comments."""
    policy = folder / "casemate.toml"
    print("2. casemate policy infer examples/shop/app.py\n")
    command = [CASEMATE, "policy", "infer", HERE / "app.py", "-o", policy]
    subprocess.run(command, check=True, capture_output=True)
    for section, keys in tomllib.loads(policy.read_text(encoding="utf-8")).items():
        print(f"   [{section}]")
        print("".join(f"   {key} = {json.dumps(value)}\n" for key, value in keys.items()))
    return policy


@dataclass(frozen=True, slots=True)
class Result:
    """What one attack got, or what was seen instead."""

    obtained: bool
    text: str


def attack(command: Sequence[str], folder: Path, canaries: exploits.Canaries) -> list[Result]:
    """Start the shop, check that it does its work, carry out every attack, stop it."""
    Path(canaries.writable_file).unlink(missing_ok=True)
    with shop(command, folder) as base:
        honest_work(base)
        return [one(attack, base, canaries) for attack in exploits.ATTACKS]


def one(attack: exploits.Attack, base: str, canaries: exploits.Canaries) -> Result:
    """Carry out one attack. A file that was written or read counts only where it is the host's."""
    try:
        text = attack.carry_out(base, canaries)
    except exploits.Nothing as nothing:
        return Result(obtained=False, text=str(nothing))
    if attack.carry_out is exploits.write_outside and not Path(canaries.writable_file).exists():
        return Result(obtained=False, text="written to a private layer that is gone")
    if attack.carry_out is exploits.read_passwd and text != Path("/etc/passwd").read_text(encoding="utf-8").strip():
        return Result(obtained=False, text=f"not the host's: {text}")
    return Result(obtained=True, text=text)


def honest_work(base: str) -> None:
    """Use the shop as a customer does: what a policy must leave alone."""
    for path in ("/", "/search?q=lamp", "/price/supplier?sku=4"):
        with urllib.request.urlopen(base + path, timeout=20) as answer:
            answer.read()


@contextlib.contextmanager
def shop(command: Sequence[str], folder: Path) -> Iterator[str]:
    """Start the shop, wait until it answers, stop it."""
    (folder / "data").mkdir(exist_ok=True)
    log = (folder / "shop.log").open("wb")
    environment = os.environ | {"HOME": str(folder / "home"), VARIABLE: SECRET}
    with log, subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log) as process:
        try:
            yield wait_for(process, folder / "shop.log")
        finally:
            process.send_signal(signal.SIGTERM)


def wait_for(process: subprocess.Popen[bytes], log: Path) -> str:
    """Give the base URL as soon as the shop answers; stop with its own words where it does not start."""
    base = f"http://127.0.0.1:{PORT}"
    for _ in range(600):
        if process.poll() is not None:
            sys.exit(f"the shop did not start:\n{log.read_text(errors='replace')}")
        with contextlib.suppress(OSError), urllib.request.urlopen(base, timeout=5):
            return base
        time.sleep(0.05)
    process.kill()
    sys.exit(f"the shop did not answer:\n{log.read_text(errors='replace')}")


class Service(http.server.BaseHTTPRequestHandler):
    """The supplier and the internal service: both answer with their own word."""

    def do_GET(self) -> None:
        """Answer with a price, or with a secret."""
        body = b"1299" if self.server.server_address[1] == SUPPLIER_PORT else SECRET.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Greeter(socketserver.BaseRequestHandler):
    """Say the secret to whoever connects."""

    def handle(self) -> None:
        """Send it and close."""
        self.request.sendall(SECRET.encode())


@contextlib.contextmanager
def services(folder: Path) -> Iterator[exploits.Canaries]:
    """Put out the canaries: files, a supplier, an internal service and a listener, on loopback only."""
    home = folder / "home"
    home.mkdir()
    (home / "credentials").write_text(SECRET, encoding="utf-8")
    servers = [
        http.server.ThreadingHTTPServer(("127.0.0.1", SUPPLIER_PORT), Service),
        http.server.ThreadingHTTPServer(("127.0.0.1", 0), Service),
        socketserver.ThreadingTCPServer(("127.0.0.1", 0), Greeter),
    ]
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    yield exploits.Canaries(
        secret_file=str(home / "credentials"),
        writable_file=str(home / "owned"),
        variable=VARIABLE,
        metadata_url=f"http://127.0.0.1:{servers[1].server_address[1]}/latest/credentials",
        listener=("127.0.0.1", servers[2].server_address[1]),
    )
    for server in servers:
        server.shutdown()
        server.server_close()


def table(bare: Sequence[Result], confined: Sequence[Result]) -> str:
    """Lay out what happened."""
    rows = [("hole", "the attacker wants to", "without confinement", "under the policy")]
    for attack, before, after in zip(exploits.ATTACKS, bare, confined, strict=True):
        rows.append((attack.rule, attack.aim, cell(before), cell(after)))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = [
        "   " + "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
    lines.insert(1, "   " + "  ".join("─" * width for width in widths))
    return "\n".join(lines)


def cell(result: Result) -> str:
    """Show the beginning of what was obtained; a dash and the reason where it was nothing."""
    text = " ".join(result.text.split())
    text = text if len(text) <= WIDTH else text[: WIDTH - 1] + "…"
    return text if result.obtained else f"- {text}"


def closing(confined: Sequence[Result]) -> str:
    """Say what the policy did not take away."""
    left = [attack.aim for attack, result in zip(exploits.ATTACKS, confined, strict=True) if result.obtained]
    took = len(confined) - len(left)
    words = f"\n   Under the policy {took} of {len(confined)} attacks obtained nothing."
    if left:
        words += (
            f"\n   Still possible, because the program itself may do it: {', '.join(left)}. Mend the code for these."
        )
    return words


if __name__ == "__main__":
    sys.exit(main())
