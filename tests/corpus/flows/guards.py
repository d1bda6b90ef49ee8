"""Looks that make a value harmless, and looks that only seem to."""

import os
import re
import shlex
import subprocess
from pathlib import Path

from flask import Flask, abort, request
from shop_rest import abort as refuse
from shop_rest import report

app = Flask(__name__)
ROOT = Path("/srv/files")
ALLOWED = ("uptime", "date")


@app.route("/command")
def command():
    x = request.args["x"]
    if x in ALLOWED:
        os.system(x)
    if x not in ALLOWED:
        os.system(x)  # flag command-injection
        abort(400)
    os.system(x)
    return ""


@app.route("/digits")
def digits():
    x = request.args["x"]
    if x.isdigit():
        os.system("kill " + x)
    if not re.fullmatch(r"[a-z]+", x):
        return "no"
    os.system("echo " + x)
    return ""


@app.route("/search")
def unanchored():
    x = request.args["x"]
    if re.search(r"[a-z]+", x):
        os.system("echo " + x)  # flag command-injection
    return ""


@app.route("/quote")
def quoted():
    x = request.args["x"]
    os.system("echo " + shlex.quote(x))
    open("/srv/" + shlex.quote(x))  # flag path-traversal
    return ""


@app.route("/path")
def path():
    name = request.args["name"]
    raw = ROOT / name
    if raw.is_relative_to(ROOT):
        raw.read_text()  # flag path-traversal
    full = (ROOT / name).resolve()
    if not full.is_relative_to(ROOT):
        abort(404)
    full.read_text()
    open("/srv/" + os.path.basename(name))
    return ""


@app.route("/real")
def real():
    name = request.args["name"]
    full = os.path.realpath(os.path.join("/srv/files", name))
    if not full.startswith("/srv/files/"):
        abort(404)
    open(full)
    return ""


@app.route("/prefix")
def prefix_only():
    name = request.args["name"]
    if name.startswith("/srv/files/"):
        open(name)  # flag path-traversal
    return ""


@app.route("/typed")
def typed():
    number = request.args.get("n", type=int)
    subprocess.getoutput(f"seq {number}")
    return ""


@app.route("/refused")
def refused():
    x = request.args["x"]
    if not x.isdigit():
        report(404)
    os.system("kill " + x)  # flag command-injection
    if not x.isdigit():
        refuse(404, message="no number")
    os.system("kill " + x)
    return ""
