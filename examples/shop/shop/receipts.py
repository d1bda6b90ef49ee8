"""Receipts to download."""

from flask import Blueprint, Response, abort, request, send_from_directory
from werkzeug.utils import secure_filename

from shop import settings

receipts = Blueprint("receipts", __name__, url_prefix="/receipts")


def stored(name):
    """Give the path of a receipt. HOLE: `..` in the name leads out of the folder."""
    return settings.RECEIPTS / name


def text(path):
    """Answer with a file as plain text."""
    if not path.is_file():
        abort(404)
    return Response(path.read_bytes(), mimetype="text/plain")


@receipts.get("/download")
def download():
    """Download a receipt by name. HOLE: see `stored`."""
    return text(stored(request.args.get("name", "")))


@receipts.get("/plain")
def plain():
    """The same with a name that has lost everything that could lead elsewhere."""
    return text(settings.RECEIPTS / secure_filename(request.args.get("name", "")))


@receipts.get("/archive")
def archive():
    """The same after a look at where the path leads."""
    folder = settings.RECEIPTS.resolve()
    path = (folder / request.args.get("name", "")).resolve()
    if not path.is_relative_to(folder):
        abort(404)
    return text(path)


@receipts.get("/file/<path:name>")
def file(name):
    """The same, left to Flask."""
    return send_from_directory(settings.RECEIPTS.resolve(), name)
