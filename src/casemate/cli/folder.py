"""The folder in which casemate was started, which may be gone."""
# ruff: noqa: PTH109 -- a path stays the string that was written: pathlib drops what `//` and `./` mean

import os

from casemate.model.errors import UsageError


def working_directory() -> str:
    """Give the working directory as the kernel names it. Raises UsageError where somebody has removed it."""
    try:
        return os.getcwd()
    except OSError as error:
        raise UsageError(f"the working directory is gone: {error.strerror}; cd to one that is there") from None
