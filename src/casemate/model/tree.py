"""Where a path lies, by its name alone; nothing is looked at."""


def below(path: str, folder: str) -> bool:
    """Tell whether an absolute path is `folder` or lies in it."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")
