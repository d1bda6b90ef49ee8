"""How an image layout is told from a directory that is the root itself: by the file that marks it (image-layout.md)."""

import os

MARK = "oci-layout"


def is_layout(path: str) -> bool:
    """Tell whether a folder is a layout."""
    return os.path.lexists(f"{path}/{MARK}")
