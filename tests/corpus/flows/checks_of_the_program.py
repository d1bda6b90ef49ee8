"""Checks that programs write themselves, each beside one that looks alike and does not help."""

import ipaddress
import os
import re
import string
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlparse

from flask import Flask, abort, redirect, request

app = Flask(__name__)
BASE = "/srv/files"
ROOT = Path("/srv/files")
NAME = re.compile(r"[a-z0-9_-]+")
WHOLE = re.compile(r"^[a-z]+\.(?:png|svg)$")
ITEM = re.compile(r"item/(\w+)/(.*)")
UNPLAIN = re.compile(r"[^\w.-]")
ALLOWED = set(string.ascii_letters + string.digits + "-_")
COLUMNS = ("title", "price")
FIELDS = {"a": "title", "b": "price"}


class Shapes:
    CODE = re.compile(r"[A-Z]{3}\d+")


def no_separators(name):
    if any(c in name for c in ("/", "\\", "..")):
        raise ValueError(name)


def relative(path):
    if ".." in path or path.startswith("/"):
        raise ValueError(path)
    return path


def no_parents(path):
    if ".." in path:
        raise ValueError(path)


def no_pieces(path):
    if os.path.isabs(path) or any(part == ".." for part in path.split("/")):
        abort(400)


def only_listed(name):
    for letter in name:
        if letter not in ALLOWED:
            return False
    return True


def none_of_these(name):
    for bad in ("/", "\0"):
        if bad in name:
            return False
    return True


def problem(path):
    if ".." in path:
        return "parents"
    if path.startswith("/"):
        return "absolute"
    return None


def is_bad(name):
    return "/" in name


def long_enough(name):
    return len(name) > 3


def cleaned(title):
    return "".join(c for c in title if c.isalnum() or c in "-_").rstrip()


@app.get("/raise")
def raising():
    name, path, half, other = (request.args[key] for key in ("name", "path", "half", "other"))
    no_separators(name)
    yield open(os.path.join(BASE, name)).read()
    yield open(os.path.join(BASE, relative(path))).read()
    no_parents(half)
    yield open(os.path.join(BASE, half)).read()  # flag path-traversal
    no_pieces(other)
    yield open(os.path.join(BASE, other)).read()


@app.get("/verdict")
def verdicts():
    name = request.args["name"]
    if only_listed(name):
        os.system("show " + name)
    if none_of_these(name):
        os.system("show " + name)  # flag command-injection
        open(BASE + "/" + name)
    if not is_bad(name):
        open(BASE + "/" + name)
    if is_bad(name):
        open(BASE + "/" + name)  # flag path-traversal
    if long_enough(name):
        open(BASE + "/" + name)  # flag path-traversal
    return ""


@app.get("/message")
def message():
    path = request.args["path"]
    error = problem(path)
    if error:
        open(os.path.join(BASE, path))  # flag path-traversal
        return error
    return open(os.path.join(BASE, path)).read()


@app.get("/message-none")
def message_is_none():
    path = request.args["path"]
    error = problem(path)
    if error is not None:
        return error
    return open(os.path.join(BASE, path)).read()


@app.get("/kept")
def kept_verdict():
    x, y = request.args["x"], request.args["y"]
    good = x in COLUMNS and not is_bad(y)
    os.system("show " + (x if good else "title"))
    os.system("show " + (x if not good else "title"))  # flag command-injection
    if not good:
        sys.exit(1)
    open(BASE + "/" + y)
    x = request.args["z"]
    if good:
        os.system("show " + x)  # flag command-injection
    return ""


@app.get("/letters")
def letters():
    x = request.args["x"]
    if all(c in ALLOWED for c in x):
        os.system("show " + x)
    if all(c.isalnum() or c in "_-" for c in x):
        os.system("show " + x)
    if all(c not in "/\\" for c in x):
        open(BASE + "/" + x)
        os.system("show " + x)  # flag command-injection
    if any(c in ALLOWED for c in x):
        os.system("show " + x)  # flag command-injection
    if not set(x) - ALLOWED:
        os.system("show " + x)
    if set(x) <= set("abc"):
        os.system("show " + x)
    if set(x).issubset(string.digits):
        os.system("show " + x)
    if x.replace("-", "").replace("_", "").isalnum():
        os.system("show " + x)
    if x.replace(";", "").isalnum():
        os.system("show " + x)  # flag command-injection
    return ""


@app.get("/clean")
def cleaning():
    x = request.args["x"]
    os.system("show " + cleaned(x))
    os.system("show " + "".join(filter(str.isalnum, x)))
    os.system("show " + UNPLAIN.sub("", x))
    os.system("show " + UNPLAIN.sub(";", x))  # flag command-injection
    open(BASE + "/" + "".join(c for c in x if c not in "/\\"))
    os.system("show " + "".join(c for c in x if c not in "/\\"))  # flag command-injection
    os.system("show " + "".join(c if c.isalnum() else "_" for c in x))
    os.system("show " + "".join(c for c in x if len(c) == 1))  # flag command-injection
    return ""


@app.get("/patterns")
def patterns():
    x, y, z = request.args["x"], request.args["y"], request.args["z"]
    if NAME.fullmatch(x):
        os.system("show " + x)
    if NAME.match(x):
        os.system("show " + x)  # flag command-injection
    if Shapes.CODE.fullmatch(x):
        os.system("show " + x)
    found = ITEM.fullmatch(y)
    if not found:
        return "no"
    os.system("show " + found.group(1))
    os.system("show " + found.group(2))  # flag command-injection
    os.system("show " + y)  # flag command-injection
    match = NAME.fullmatch(z)
    if match is None:
        raise ValueError(z)
    os.system("show " + z)
    os.system("show " + match.group(0))
    return ""


@app.get("/picture")
def picture():
    name = request.args["name"]
    if not WHOLE.match(name):
        abort(400)
    os.system("show " + name)
    return open(f"{BASE}/{name}").read()


@app.get("/flags/<path:flag>")
def flags(flag):
    if re.match(r"^(1x1|4x3)/[a-z0-9-]+\.svg$", flag.lower()):
        return open("flags/" + flag).read()
    return open("flags/" + flag).read()  # flag path-traversal


@app.get("/again")
def again():
    column = request.args["sort"] if request.args["sort"] in COLUMNS else "title"
    os.system("show " + column)
    if "x" in request.args and request.args["x"] in COLUMNS:
        os.system("show " + request.args["x"])
        os.system("show " + request.args["y"])  # flag command-injection
    os.system("show " + request.args["x"])  # flag command-injection
    if request.args.get("z") not in COLUMNS:
        return ""
    os.system("show " + request.args.get("z"))
    return ""


@app.get("/data")
def data_of_a_body():
    data = request.get_json()
    if data["sort"] in COLUMNS:
        os.system("show " + data["sort"])
        os.system("show " + data["other"])  # flag command-injection
        data = request.get_json()
        os.system("show " + data["sort"])  # flag command-injection
    return ""


@app.get("/begins")
def begins():
    x, y, z = request.args["x"], request.args["y"], request.args["z"]
    if not x.startswith("-"):
        subprocess.run(["git", "clone", x])
    if x.startswith("https://"):
        subprocess.run(["git", "clone", x])
    subprocess.run(["git", "clone", x])  # flag argument-injection
    if y.startswith(("http://a.example/", "https://a.example/")):
        return redirect(y)
    if y.startswith("/") and not y.startswith("//"):
        return redirect(y)
    if y.startswith("/"):
        return redirect(y)  # flag open-redirect
    if z and urlparse(z).netloc != "a.example":
        z = "/"
    return redirect(z)


@app.get("/inside")
def inside():
    name = request.args["name"]
    full = os.path.realpath(os.path.join(BASE, name))
    if os.path.commonpath([BASE, full]) == BASE:
        open(full)
    path = (ROOT / name).resolve()
    if ROOT in path.parents:
        path.read_text()
    raw = ROOT / name
    if ROOT in raw.parents:
        raw.read_text()  # flag path-traversal
    try:
        path.relative_to(ROOT)
    except ValueError:
        return ""
    path.read_text()
    if os.path.relpath(full, BASE).startswith(".."):
        return ""
    open(full)
    return ""


@app.get("/same")
def same_when_cleaned():
    name = request.args["name"]
    if os.path.basename(name) != name:
        abort(400)
    open(os.path.join(BASE, name))
    os.system("show " + name)  # flag command-injection
    return ""


@app.get("/numbers")
def numbers():
    x, y, z = request.args["x"], request.args["y"], request.args["z"]
    try:
        int(x)
    except ValueError:
        return "no"
    os.system("show " + x)
    try:
        int(y)
    except ValueError:
        pass
    os.system("show " + y)  # flag command-injection
    if type(z) is int:
        os.system("show " + z)
    if isinstance(z, str):
        os.system("show " + z)  # flag command-injection
    address = ipaddress.ip_address(z)
    return open(f"{BASE}/{address}").read()


@app.get("/few-keys")
def few_keys():
    text, key = request.args["text"], request.args["key"]
    query = {FIELDS.get(key, "title"): text}
    os.system("show " + query.get("body", "nothing"))
    os.system("show " + query["title"])  # flag command-injection
    return ""


def inside_the_folder(folder, path):
    full = os.path.realpath(os.path.join(folder, path))
    try:
        Path(full).relative_to(folder)
    except ValueError:
        raise PermissionError(path) from None


def seems_inside(folder, path):
    if not os.path.join(folder, path).startswith(folder):
        raise PermissionError(path)


@app.get("/helpers")
def helpers():
    x, y = request.args["x"], request.args["y"]
    inside_the_folder(BASE, x)
    yield open(os.path.join(BASE, x)).read()
    seems_inside(BASE, y)
    yield open(os.path.join(BASE, y)).read()  # flag path-traversal


@app.get("/step-by-step")
def step_by_step():
    x = request.args["x"]
    good = len(x) > 3
    good = good and x in COLUMNS
    if good:  # a known false alarm: a verdict that is made in steps is not followed back
        os.system("show " + x)  # flag command-injection
    return ""


def joined(base, *paths):
    final = os.path.abspath(os.path.join(base, *paths))
    folder = os.path.abspath(base)
    if (
        not os.path.normcase(final).startswith(os.path.normcase(folder + os.sep))
        and os.path.normcase(final) != os.path.normcase(folder)
        and os.path.dirname(os.path.normcase(folder)) != os.path.normcase(folder)
    ):
        raise PermissionError(final)
    return final


def joined_by_length(base, *paths):
    final = os.path.abspath(os.path.join(base, *paths))
    folder = os.path.abspath(base)
    if not os.path.normcase(final).startswith(os.path.normcase(folder + os.sep)) and len(final) > 9:
        raise PermissionError(final)
    return final


@app.route("/joined")
def joined_path():
    open(joined(BASE, request.args["name"]))
    open(joined_by_length(BASE, request.args["name"]))  # flag path-traversal
    os.system("cat " + joined(BASE, request.args["name"]))  # flag command-injection
    return "done"
