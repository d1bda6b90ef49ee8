"""Which policy files of a working directory were accepted, by their place and their exact bytes.

`run` takes no policy from the working directory unasked: whoever can write there would write the program's permissions.
An accepted file is remembered as an empty file whose name is a hash of path and content, where only the caller writes.
"""
# ruff: noqa: PTH100, PTH103, PTH114, PTH116, PTH120 -- a path stays the string that was written: pathlib drops what `//` and `./` mean

import os
import stat
from _collections_abc import Mapping

from casemate.model import own
from casemate.model.errors import PolicyError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from casemate.policy.file import Document


def state_folder(environment: Mapping[str, str]) -> str:
    """Give the folder of accepted policies (XDG Base Directory: state). Raises PolicyError where there is none."""
    state = own.state(environment)
    if not state:
        raise PolicyError("there is no place to remember accepted policies: neither HOME nor XDG_STATE_HOME is set")
    return f"{state}/trusted"


def trust(document: "Document", environment: Mapping[str, str]) -> str:
    """Remember a policy file as accepted; give the name of the record. Raises PolicyError."""
    only_ours(document.path)
    folder = state_folder(environment)
    record = f"{folder}/{_key(document.path, document.content)}"
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        _private(folder)
        os.close(os.open(record, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
    except OSError as error:
        raise PolicyError(f"cannot remember the policy in {folder}: {error.strerror}") from None
    return record


def trusted(path: str, content: bytes, environment: Mapping[str, str]) -> bool:
    """Tell whether exactly these bytes at exactly this place were accepted, and still nobody else can change them.

    Bytes and no Document: what nobody accepted is not even parsed.
    """
    try:
        folder = state_folder(environment)
        _private(folder)
        state = os.lstat(f"{folder}/{_key(path, content)}")
        only_ours(path)
    except (OSError, PolicyError):
        return False
    return stat.S_ISREG(state.st_mode) and state.st_uid == os.geteuid()


def only_ours(path: str) -> None:
    """Check that nobody but the caller and root can change a policy file. Raises PolicyError.

    The folder counts too: who may write there may put another file in its place, unless it is sticky, such as /tmp.
    """
    real, folder = os.path.realpath(path), f"the folder of {path}"
    if os.path.islink(path) and os.lstat(path).st_uid not in (0, os.geteuid()):
        raise PolicyError(f"{path} is a link of another user, who could let it lead elsewhere")
    places = {real: path, os.path.dirname(real): folder, os.path.dirname(os.path.abspath(path)): folder}
    for place, name in places.items():
        try:
            state = os.stat(place)
        except OSError as error:
            raise PolicyError(f"{name}: {error.strerror}") from None
        if own.belongs_to_others(state):
            raise PolicyError(f"{name} belongs to another user, who could change what a program may do")
        writing = own.open_to_others(state)
        if writing & stat.S_IWOTH:
            raise PolicyError(f"{name} can be written by anybody: chmod o-w it first")
        if writing:
            raise PolicyError(f"{name} can be written by a group: chmod g-w it first")


def fingerprint(content: bytes) -> str:
    """Name the exact bytes of a policy file, for a record of what was enforced."""
    from hashlib import sha256  # noqa: PLC0415 -- only for a record: it loads a large library

    return f"sha256:{sha256(content).hexdigest()}"


def _private(folder: str) -> None:
    """Check that only the caller writes in the folder of records."""
    if not own.is_private(os.lstat(folder)):
        raise PolicyError(f"{folder}: only you may be able to write there")


def _key(path: str, content: bytes) -> str:
    """Name a record: where the file is named, where it really is, and the bytes, apart by a NUL that no path holds.

    Both places count: a link in another folder would let its program have what was granted here, and a link that was
    accepted can be led to the same bytes elsewhere, where relative paths mean something else.
    """
    from hashlib import sha256  # noqa: PLC0415 -- only for a policy that was not named

    folder, name = os.path.split(os.path.abspath(path))
    places = f"{os.path.realpath(folder)}/{name}\0{os.path.realpath(path)}\0"
    return sha256(os.fsencode(places) + content).hexdigest()
