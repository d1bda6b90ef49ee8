"""Names known in advance, and names made for the occasion."""

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


def unpack(path):
    with tarfile.open(path) as archive:
        archive.extractall("out")  # flag unsafe-archive-extraction
    with tarfile.open(path) as archive:
        archive.extractall("out", filter="data")
    with tarfile.open(path) as archive:
        archive.extractall("out", filter=tarfile.data_filter)
    with zipfile.ZipFile(path) as archive:
        archive.extractall("out")
