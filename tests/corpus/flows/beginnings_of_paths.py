"""What stands before a part of a path: whether it can be absolute, and whether `..` leads out of it."""

import os
import posixpath

from flask import Flask, abort, request

app = Flask(__name__)
FOLDER = "/srv/pages"


@app.route("/without_parents")
def without_parents():
    name = request.args["name"]
    open(FOLDER + "/" + name)  # flag path-traversal
    if ".." in name:
        abort(400)
    open(FOLDER + "/" + name)
    open(app.root_path + "/" + name)
    open(f"{FOLDER}/{name}")
    open(f"{app.root_path}/{name}")
    open("pages/%s.html" % name)
    open("pages/{}.html".format(name))
    open(os.path.join(FOLDER, "page_" + name))
    open(os.path.join(FOLDER, name))  # flag path-traversal
    open("/" + name)  # flag path-traversal
    open(f"/{name}")  # flag path-traversal
    open(f"{app.root_path}{name}")  # flag path-traversal
    open("%s.html" % name)  # flag path-traversal
    open("{}.html".format(name))  # flag path-traversal
    return ""


@app.route("/from_the_root_on")
def from_the_root_on():
    path = request.args["path"]
    inner = posixpath.normpath("/" + path)
    open(os.path.join(FOLDER, inner.lstrip("/")))
    open(FOLDER + inner)
    open(f"{FOLDER}{os.path.normpath(os.path.join('/', path))}")
    open(inner)  # flag path-traversal
    open(os.path.join(FOLDER, inner))  # flag path-traversal
    return ""


@app.route("/led_out")
def led_out():
    path = request.args["path"]
    if path.startswith("/"):
        abort(400)
    open(os.path.normpath("/srv/" + path))  # flag path-traversal
    open(posixpath.normpath("/" + path))  # flag path-traversal
    open(os.path.abspath(os.path.join(FOLDER, path)))  # flag path-traversal
    open(posixpath.join(FOLDER, path))  # flag path-traversal
    return ""
