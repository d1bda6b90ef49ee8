"""A server that listens on every network interface.

## Why
`0.0.0.0`, `::` and the empty host take connections from every network the machine is on, also those nobody thought
of.

## Fix
Bind to `127.0.0.1` and let a proxy in front decide, or take the address from the configuration.

## Known misses
Addresses that come from variables or the environment; servers without a library model.
"""

from collections.abc import Iterator

from casemate.model.capability import Capability
from casemate.model.finding import Confidence, Severity
from casemate.model.rule import Hit, Needle
from casemate.readers.code import Call, Code, Value
from casemate.rules import rule
from casemate.rules.naming import words

HOSTS: dict[str, tuple[str, int | None]] = {
    "flask.Flask.run": ("host", 0),
    "werkzeug.serving.run_simple": ("hostname", 0),
    "asyncio.start_server": ("host", 1),
    "uvicorn.run": ("host", None),
    "waitress.serve": ("host", None),
    "aiohttp.web.run_app": ("host", None),
    "bottle.run": ("host", None),
}
ADDRESSES: dict[str, tuple[str, int | None]] = {
    "socket.socket.bind": ("address", 0),
    "socket.create_server": ("address", 0),
    "http.server.HTTPServer": ("server_address", 0),
    "http.server.ThreadingHTTPServer": ("server_address", 0),
    "socketserver.TCPServer": ("server_address", 0),
    "socketserver.UDPServer": ("server_address", 0),
}
BIND = "socket.socket.bind"
SERVES = tuple(f"socket.socket.{name}" for name in ("accept", "listen", "recv", "recvfrom", "recvmsg"))
FREE = frozenset({"available", "check", "find", "free", "open", "pick", "probe", "unused", "used"})
EVERYWHERE = frozenset({"", "0.0.0.0", "::", "[::]"})  # noqa: S104 -- what the rule looks for

EXAMPLE = """
    import socket
    from flask import Flask

    app = Flask(__name__)
    app.run(host="0.0.0.0")  # flag
    listener = socket.socket()
    listener.bind(("", 8080))  # flag
    socket.create_server(("0.0.0.0", 8080))  # flag
    app.run(host="127.0.0.1")
    listener.bind(("127.0.0.1", 8080))
    listener.bind(("", 0))
    listener.bind((settings.host, 8080))
    socket.socket().bind(("", 8080))
    other.bind(("", 8080))
"""


def host(call: Call) -> Value | None:
    """Give the host that a server is told, where it can be seen; a port of 0 only asks for a free number."""
    name, position = (HOSTS | ADDRESSES)[call.name]
    value = call.argument(name, position)
    if value is None or not value.items:
        return value
    first, *others = value.items
    return None if others and others[0].constant == 0 else first


def only_tries(code: Code, call: Call) -> bool:
    """Tell whether a port is only tried: nobody keeps the socket, or a function that looks for ports serves nobody."""
    if call.name != BIND or call.receiver is None:
        return False
    owner, function = call.receiver.text.rpartition(".")[0].rstrip(), set(words(call.function.rpartition(".")[2]))
    looks = function & {"port", "ports"} and function & FREE
    return owner.endswith(")") or (
        bool(looks) and not any(other.function == call.function for other in code.calls(*SERVES))
    )


@rule(
    severity=Severity.LOW,
    confidence=Confidence.HIGH,
    cwe=1327,
    needles=(
        *(Needle(address, r"""["']""") for address in ("0.0.0.0", '"::', "'::", "[::]")),  # noqa: S104 -- looked for
        *(Needle(name, r"\s*\(") for name in ("bind", "create_server", "HTTPServer", "TCPServer", "UDPServer")),
    ),
    capabilities=(Capability.NET_LISTEN,),
    example=EXAMPLE,
)
def binds_all_interfaces(code: Code) -> Iterator[Hit]:
    """Flag servers whose constant host means every interface."""
    for call in code.calls(*HOSTS, *ADDRESSES):
        address = host(call)
        everywhere = address is not None and isinstance(address.constant, str) and address.constant in EVERYWHERE
        if everywhere and not only_tries(code, call):
            yield Hit(call.location, "listens on every network interface")
