"""Archives of others: who looks at the names of the members before they are unpacked."""

import io
import os
import shutil
import tarfile
import zipfile

from flask import Flask, request

app = Flask(__name__)


def checked(members):
    for info in members:
        if os.path.isabs(info.name) or ".." in info.name:
            raise ValueError(info.name)
        yield info


def inside(members, folder):
    for info in members:
        target = os.path.realpath(os.path.join(folder, info.name))
        if target.startswith(os.path.realpath(folder) + os.sep):
            yield info


def only_files(member, path):
    return member if member.isfile() else None


def unpack(archive, folder):
    for member in archive.getmembers():
        archive.extract(member, folder)  # flag unsafe-archive-extraction


@app.route("/one_by_one")
def one_by_one():
    archive = tarfile.open(fileobj=request.files["archive"])
    for member in archive:
        archive.extract(member, "folder")  # flag unsafe-archive-extraction
    for member in archive.getmembers():
        if member.isfile():
            archive.extract(member, "folder")  # flag unsafe-archive-extraction
    for member in archive:
        if os.path.isabs(member.name) or ".." in member.name:
            continue
        archive.extract(member, "folder")
    for member in archive.getmembers():
        if member.name.startswith("/") or ".." in member.name:
            raise ValueError(member.name)
        archive.extract(member, "folder")
    for member in archive:
        archive.extract(member, "folder", filter="data")
    archive.extract("read.me", "folder")
    unpack(archive, "folder")
    return ""


@app.route("/all")
def everything():
    archive = tarfile.open(fileobj=request.files["archive"])
    archive.extractall("folder", members=archive)  # flag unsafe-archive-extraction
    archive.extractall("folder", members=archive.getmembers())  # flag unsafe-archive-extraction
    archive.extractall("folder", members=checked(archive))
    archive.extractall("folder", members=inside(archive, "folder"))
    archive.extractall("folder", filter=only_files)
    how = "fully_trusted"
    archive.extractall("folder", filter=how)  # flag unsafe-archive-extraction
    how = None
    archive.extractall("folder", filter=how)  # flag unsafe-archive-extraction
    how = "data"
    archive.extractall("folder", filter=how)
    return ""


@app.route("/others")
def others():
    upload = request.files["archive"]
    with tarfile.TarFile(fileobj=upload) as archive:
        archive.extractall("folder")  # flag unsafe-archive-extraction
    with tarfile.TarFile.open(fileobj=io.BytesIO(upload.read())) as archive:
        archive.extractall("folder")  # flag unsafe-archive-extraction
    path = os.path.join("uploads", "archive.tar")
    upload.save(path)
    shutil.unpack_archive(io.BytesIO(upload.read()), "folder", filter="data")
    zipfile.ZipFile(upload).extractall("folder")
    return ""
