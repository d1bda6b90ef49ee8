"""The control channel of QEMU: one JSON object a line, each command with an answer, and events between them."""

import json
import socket
from collections.abc import Mapping

from casemate.model.dataclass import dataclass
from casemate.model.sandbox import Json

PATIENCE = 60.0  # seconds for one answer
LONGEST = 1 << 20  # bytes of one line


class Failed(Exception):  # noqa: N818 -- it says what happened
    """QEMU refused a command, or is gone."""


@dataclass(slots=True)
class Qmp:
    """The channel at our end of a pair of sockets."""

    channel: socket.socket
    kept: bytes = b""
    version: str = ""

    def greet(self) -> None:
        """Begin. Raises Failed."""
        self.channel.settimeout(PATIENCE)
        self._line()
        self.ask("qmp_capabilities")
        number = self.ask("query-version")["qemu"]
        if isinstance(number, Mapping):
            self.version = ".".join(str(number[part]) for part in ("major", "minor", "micro"))

    def ask(self, command: str, descriptor: int = -1, **arguments: Json) -> Mapping[str, Json]:
        """Give the answer to a command; a descriptor goes along. Raises Failed."""
        words = json.dumps({"execute": command, "arguments": arguments}).encode()
        try:
            if descriptor < 0:
                self.channel.sendall(words)
            else:
                socket.send_fds(self.channel, [words], [descriptor])
        except OSError as error:
            raise Failed(f"{command}: {error}") from None
        while True:
            said = self._line()
            if isinstance(refused := said.get("error"), Mapping):
                raise Failed(f"{command}: {refused.get('desc')}")
            if isinstance(answer := said.get("return"), Mapping):
                return answer

    def _line(self) -> Mapping[str, Json]:
        while b"\n" not in self.kept:
            try:
                data = self.channel.recv(65536)
            except OSError as error:
                raise Failed(f"QEMU does not answer: {error}") from None
            if not data or len(self.kept) > LONGEST:
                raise Failed("QEMU has ended")
            self.kept += data
        line, _, self.kept = self.kept.partition(b"\n")
        try:
            said: Json = json.loads(line)
        except (ValueError, RecursionError):
            said = None
        if not isinstance(said, Mapping):
            raise Failed("QEMU says what nobody understands")
        return said
