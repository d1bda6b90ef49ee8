"""Whether casemate itself started apart from its target, so that nothing of the target can run inside it.

The command starts its interpreter with -I -S and its own path only. Started another way, a `.pth` file, a
sitecustomize, a PYTHON* variable or a module of the working directory may already have run here: what is printed then
is as trustworthy as that folder, and `run` refuses.
"""

import sys

from casemate.model.errors import Refused

HOW = "start the installed `casemate` command, which starts Python with -I -S"


def isolated() -> bool:
    """Tell whether the interpreter was started with -I and -S."""
    return bool(sys.flags.isolated and sys.flags.no_site)


def refuse_unless_isolated() -> None:
    """Raise Refused where something else could have run before us."""
    if not isolated():
        raise Refused(f"casemate was not started apart from its target: {HOW}")
