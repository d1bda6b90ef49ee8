"""Attributes that are set by a name, and who chose the name; what a class says of them before they are set."""

import os

from flask import Flask, request

app = Flask(__name__)
EDITABLE = ("city", "street")


class User:
    name = ""
    is_admin = False


@app.post("/any")
def any_name():
    user = User()
    for name, value in request.form.items():
        setattr(user, name, value)  # flag mass-assignment
    for name in request.get_json():
        setattr(user, name, request.get_json()[name])  # flag mass-assignment
    setattr(user, request.form["field"], 1)  # flag mass-assignment
    setattr(user, "is_" + request.form["field"], True)  # flag mass-assignment
    return ""


@app.post("/own")
def own_names():
    user = User()
    for name in EDITABLE:
        setattr(user, name, request.form.get(name))
    for name, value in request.form.items():
        if name in EDITABLE:
            setattr(user, name, value)
    setattr(user, "name", request.form["name"])
    for name in request.form:
        if name not in EDITABLE:
            continue
        setattr(user, name, request.form[name])
    return ""


class Machine:
    shell = None


@app.post("/start")
def start():
    machine: Machine = rented_machine()
    if not machine.shell:
        return "nothing to start"
    os.system(request.form["command"])  # flag command-injection
    return ""
