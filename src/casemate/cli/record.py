"""The file of `--record`: one JSON object a line, readable by the caller alone."""
# ruff: noqa: PTH114 -- a path stays the string that was written: pathlib drops what `//` and `./` mean

import os
import stat
from collections.abc import Mapping
from json import dumps
from types import TracebackType
from typing import Self

from casemate.model.errors import UsageError
from casemate.model.sandbox import Json
from casemate.model.visible import visible

BEGIN = b'{"event":'


def not_started(code: int, reason: str) -> Mapping[str, Json]:
    """Say that nothing of the target ran."""
    from casemate.sandbox.native.record import VERSION, now  # noqa: PLC0415 -- after a refusal only

    return {
        "event": "not-started",
        "version": VERSION,
        "time": now(),
        "code": int(code),
        "reason": visible(reason),
    }


class Recorder:
    """Writes events, each at once. A disk that fills up meanwhile does not end the program; `failure` says it."""

    def __init__(self, path: str) -> None:
        """Open the file, which is new, empty or an earlier record. Raises UsageError."""
        self.failure = ""
        self._descriptor = _open(path)

    def __call__(self, event: Mapping[str, Json]) -> None:
        """Write one event; nothing more once that has failed, so that no line is missing in the middle."""
        line = f"{dumps(event, separators=(',', ':'))}\n".encode()
        try:
            while line and not self.failure:
                line = line[os.write(self._descriptor, line) :]
        except OSError as error:
            self.failure = error.strerror or "it cannot be written"

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Close the file."""
        os.close(self._descriptor)


def _open(path: str) -> int:
    """Open a record and empty it. A pipe would make us wait; a script or a policy would be lost."""
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    descriptor = -1
    try:
        descriptor = os.open(path, flags, 0o600)
        reason = _emptied(descriptor)
    except OSError as error:
        is_link = descriptor < 0 and os.path.islink(path)
        reason = "it is a symbolic link; name the file itself" if is_link else error.strerror or str(error)
    if reason:
        if descriptor >= 0:
            os.close(descriptor)
        raise UsageError(f"cannot write the record {path}: {reason}")
    return descriptor


def _emptied(descriptor: int) -> str:
    """Make an open file an empty record that only the caller reads, or say why it stays as it is."""
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        return "it is there and no regular file"
    if not BEGIN.startswith(os.read(descriptor, len(BEGIN))):
        return "another file is there, and no record of a run"
    os.fchmod(descriptor, 0o600)
    os.pwrite(descriptor, b"\n", 0)  # a disk that is full says so now, before anything starts
    os.ftruncate(descriptor, 0)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return ""
