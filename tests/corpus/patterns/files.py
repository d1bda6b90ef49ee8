"""Names known in advance, and names made for the occasion."""

import os
import stat
import tarfile
import tempfile
import zipfile


def report(text):
    with open("/tmp/report.txt", "w") as file:  # flag insecure-temporary-file
        file.write(text)
    with open("/tmp/report.txt") as file:
        file.read()
    with open("/tmp/" + "fixed.log", mode="a") as file:  # flag insecure-temporary-file
        file.write(text)
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(text)
    return tempfile.mktemp(suffix=".txt")  # flag insecure-temporary-file


def shared(path):
    os.chmod(path, 750)  # flag world-writable-file
    os.chmod(path, stat.S_IRUSR | stat.S_IWGRP)  # flag world-writable-file
    os.chmod(path, 0o775)  # flag world-writable-file
    os.chmod(path, 0o755)
    os.chmod(path, 493)
    os.chmod(path, os.stat(path).st_mode & ~stat.S_IWGRP)


def unpack(path):
    with tarfile.open(path) as archive:
        archive.extractall("out")  # flag unsafe-archive-extraction
    with tarfile.open(path) as archive:
        archive.extractall("out", filter="data")
    with tarfile.open(path) as archive:
        archive.extractall("out", filter=tarfile.data_filter)
    with zipfile.ZipFile(path) as archive:
        archive.extractall("out")
