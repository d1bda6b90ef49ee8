"""The first module that the guest's Python imports (as sitecustomize): the working directory, and how it was called.

WebAssembly has neither a working directory nor the packages of the program's Python. Everything here is in the hands
of the guest, and nothing depends on it.
"""

import os
import sys


def begin() -> None:
    """Do what the start of a process does elsewhere."""
    take = os.environ.pop
    directory, name, packages = take("CASEMATE_CWD", ""), take("CASEMATE_NAME", ""), take("CASEMATE_SITE", "")
    waits = take("CASEMATE_WAIT", "")
    sys.executable = ""  # there is none: nothing can be started
    if directory:
        os.chdir(directory)
    if name:
        sys.argv[0] = name
    if packages:
        import site  # noqa: PLC0415 -- where it is needed

        for folder in packages.split(":"):
            site.addsitedir(folder)
    if waits:
        wait()


def wait() -> None:
    """Wait for further arguments: all of the interpreter's own start lies behind."""
    from casemate.sandbox.waiting import told  # noqa: PLC0415 -- where it is needed; put there by prepare.py

    try:
        sys.argv += map(os.fsdecode, told(0))
    except (EOFError, ValueError) as error:
        os.write(2, f"casemate: waiting: {error}\n".encode())
        os._exit(125)
    for name in ("casemate.sandbox.waiting", "casemate.sandbox", "casemate"):
        del sys.modules[name]  # the program may have one of its own


begin()
