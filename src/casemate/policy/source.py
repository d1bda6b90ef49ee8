"""The bytes of a policy file, before anybody understands them."""

import os
import stat

from casemate.model.errors import PolicyError

LARGEST_FILE = 1 << 20  # bytes; a policy that nobody can read is no policy


def read(path: str) -> bytes:
    """Read a regular file of sensible size; a pipe or a device would make us wait or lie. Raises PolicyError."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "the name holds a NUL byte"
        raise PolicyError(f"{path!r}: cannot be read: {reason}") from None
    try:
        state = os.fstat(fd)
        if not stat.S_ISREG(state.st_mode):
            raise PolicyError(f"{path!r}: a policy is a regular file")
        if state.st_size > LARGEST_FILE:
            raise PolicyError(f"{path!r}: larger than {LARGEST_FILE} bytes")
        return os.read(fd, LARGEST_FILE)
    except OSError as error:
        raise PolicyError(f"{path!r}: cannot be read: {error.strerror}") from None
    finally:
        os.close(fd)
