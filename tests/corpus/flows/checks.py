"""Checks and changes that people write themselves, each beside the one that does not help."""

import re
import sqlite3
import subprocess
from urllib.parse import urljoin, urlparse

from flask import Flask, redirect, request

app = Flask(__name__)
connection = sqlite3.connect("shop.db")


def is_safe_url(target):
    here, there = urlparse(request.host_url), urlparse(urljoin(request.host_url, target))
    return there.scheme in ("http", "https") and here.netloc == there.netloc


def wrapped(target):
    return is_safe_url(target)


def is_long(target):
    return len(target) > 3


@app.get("/next")
def follow():
    target = request.args.get("next")
    if target and is_safe_url(target):
        return redirect(target)
    if wrapped(target):
        return redirect(target)
    if is_long(target):
        return redirect(target)  # flag open-redirect
    return "no"


@app.get("/watch/<key>")
def watch(key):
    found = registry.watches.get(key)
    return open(found.folder).read()


@app.get("/files")
def files():
    name = request.args["name"]
    flat = re.sub(r"[^\w.-]", "", name)
    slashes = re.sub(r'[*+:"/<>?]+', "_", name)
    spaces = re.sub(r"[ \t]+", "", name)
    yield open(flat).read()
    yield open("out/" + slashes).read()
    yield open("out/" + name.replace("/", "_")).read()
    yield open("out/" + spaces).read()  # flag path-traversal
    yield open("out/" + name.replace("\\", "_")).read()  # flag path-traversal
    yield open("out/" + re.sub(r"[^\w.-]", "/", name)).read()  # flag path-traversal


@app.get("/rows")
def rows():
    name = request.args["name"]
    connection.execute("SELECT 1 FROM t WHERE n = '" + name.replace("'", "''") + "'")
    connection.execute("SELECT 1 FROM t WHERE n = '" + name.replace("'", "\\'") + "'")  # flag sql-injection


@app.get("/convert")
def convert():
    command = ["convert", "-quality"]
    command += [part for part in (request.args["quality"], "out.png")]
    subprocess.run(command)
    subprocess.run([request.args["tool"], "-v"])  # flag command-injection
    return "done"


@app.get("/sorted")
def ordered():
    column = request.args.get("sort", "id")
    way = request.args.get("way", "").lower()
    if way not in ["asc", "desc", ""]:
        way = "asc"
    if column == "state":
        return "states"
    if way and column in ["title", "price"]:
        connection.execute("SELECT 1 FROM t ORDER BY " + column + " " + way)
    if column in table.columns.keys():
        connection.execute("SELECT 1 FROM t ORDER BY " + column)
    if column in request.args.getlist("columns"):
        connection.execute("SELECT 1 FROM t ORDER BY " + column)  # flag sql-injection
    if "id" in column:
        connection.execute("SELECT 1 FROM t ORDER BY " + column)  # flag sql-injection
    return "sorted"
