"""A container is as dangerous as the element that is taken out of it."""

import os
from collections import deque

from flask import Flask, request

app = Flask(__name__)


@app.route("/dict")
def by_key():
    table = {"a": "constant", "b": request.args["x"]}
    os.system(table["a"])
    os.system(table["b"])  # flag command-injection
    table["b"] = "overwritten"
    os.system(table["b"])
    return ""


@app.route("/list")
def by_index():
    values = ["constant"]
    values.append(request.args["x"])
    values.append("last")
    os.system(values[0])
    os.system(values[1])  # flag command-injection
    values.pop(0)
    os.system(values[0])  # flag command-injection
    os.system(values[1])
    first, second = "constant", request.args["y"]
    os.system(first)
    os.system(second)  # flag command-injection
    return ""


@app.route("/loop")
def by_loop():
    for name in request.args.getlist("name"):
        os.system("touch " + name)  # flag command-injection
    lengths = [len(name) for name in request.args.getlist("name")]
    os.system("echo %s" % lengths)
    os.system(" ".join(name.lower() for name in request.args.getlist("name")))  # flag command-injection
    for number, name in enumerate(request.args.getlist("name")):
        os.system(f"echo {number}")
        os.system(f"echo {name}")  # flag command-injection
    return ""


@app.route("/waiting")
def by_turn():
    waiting = deque([("first", request.args["x"])])
    name, value = waiting.popleft()
    os.system("touch " + name)
    os.system("touch " + value)  # flag command-injection
    return ""
