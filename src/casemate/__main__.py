"""`python -m casemate`: works, and says that this way of starting does not keep casemate apart from its target."""

import sys

from casemate.cli import main
from casemate.cli.isolation import HOW, isolated

if __name__ == "__main__":
    if not isolated():
        sys.stderr.write(
            f"casemate: not started apart: files of this folder and PYTHON* variables may run inside it; {HOW}\n"
        )
    sys.exit(main(sys.argv[1:]))
