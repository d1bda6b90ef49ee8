"""Archives in the format that the kernel unpacks as its first root: "newc" of cpio(5), uncompressed."""

import stat

HEAD = b"070701"


class Archive:
    """An archive being written. Directories on the way to a file are made once."""

    def __init__(self) -> None:
        """Begin empty."""
        self._data = bytearray()
        self._made = set[str]()
        self._number = 0

    def folder(self, path: str) -> None:
        """Add a directory and those above it."""
        made = ""
        for part in filter(None, path.split("/")):
            made = f"{made}/{part}"
            if made not in self._made:
                self._made.add(made)
                self._entry(made, stat.S_IFDIR | 0o755, b"")

    def file(self, path: str, content: bytes, mode: int = 0o755) -> None:
        """Add a file; one that is there already stays as it is."""
        self.folder(path.rpartition("/")[0])
        if path not in self._made:
            self._made.add(path)
            self._entry(path, stat.S_IFREG | mode, content)

    def link(self, path: str, text: str) -> None:
        """Add a symbolic link; one that is there already stays as it is."""
        self.folder(path.rpartition("/")[0])
        if path not in self._made:
            self._made.add(path)
            self._entry(path, stat.S_IFLNK | 0o777, text.encode())

    def device(self, path: str, major: int, minor: int) -> None:
        """Add a character device."""
        self.folder(path.rpartition("/")[0])
        self._entry(path, stat.S_IFCHR | 0o600, b"", major, minor)

    def finished(self) -> bytes:
        """Give the whole archive."""
        self._entry("TRAILER!!!", 0, b"")
        return bytes(self._data)

    def _entry(self, path: str, mode: int, content: bytes, major: int = 0, minor: int = 0) -> None:
        self._number += 1
        name = path.lstrip("/").encode() + b"\0"
        fields = (self._number, mode, 0, 0, 1, 0, len(content), 0, 0, major, minor, len(name), 0)
        self._data += HEAD + b"".join(b"%08X" % field for field in fields) + name
        self._pad()
        self._data += content
        self._pad()

    def _pad(self) -> None:
        self._data += bytes(-len(self._data) % 4)
