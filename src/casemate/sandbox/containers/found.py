"""Where the program of a backend is: only at places that nobody but root can write to, whatever PATH says."""

import os
import stat

PLACES = ("/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin")


def found(name: str) -> tuple[str, str]:
    """Give the real path of a program, or "" and why there is none."""
    for place in PLACES:
        path = f"{place}/{name}"
        if os.path.lexists(path):
            real = os.path.realpath(path)
            why = untrusted(path) or untrusted(real)
            return ("", why) if why else (real, "")
    return "", f"{name} is not installed"


def untrusted(path: str) -> str:
    """Say why somebody but root could exchange what a path names; "" where nobody could."""
    here = path
    while True:
        try:
            status = os.lstat(here)
        except OSError as error:
            return f"{here}: {error.strerror}"
        if status.st_uid != 0 or (status.st_mode & 0o022 and not stat.S_ISLNK(status.st_mode)):
            return f"somebody but root can write to {here}"
        if here == "/":
            break
        here = here.rpartition("/")[0] or "/"
    return "" if os.access(path, os.X_OK) else f"{path} is not an executable file"
