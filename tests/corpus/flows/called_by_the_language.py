"""Methods that the language calls: loops, `with`, operators, `raise`."""

import os

from flask import Flask, request

app = Flask(__name__)


class Counted:
    def __init__(self, command):
        self.command = command
        self.number = 0

    def __iter__(self):
        return self

    def __next__(self):
        if self.number > 3:
            raise StopIteration
        self.number += 1
        return self.command


class Yielding:
    def __init__(self, command):
        self.command = command

    def __iter__(self):
        yield self.command


class Constant:
    def __init__(self, command):
        self.command = command

    def __iter__(self):
        yield "date"

    def __getitem__(self, key):
        return "date"

    def __add__(self, other):
        return "date"

    def __enter__(self):
        return "date"

    def __exit__(self, *problem):
        return None


class Indexed:
    def __setitem__(self, key, value):
        self.last = value

    def __getitem__(self, key):
        return self.last


class Passing:
    def __getitem__(self, key):
        return "show " + key

    def __contains__(self, key):
        os.system("show " + key)  # flag command-injection
        return True

    def __add__(self, other):
        return "show " + other

    def __rmod__(self, other):
        return "show " + other

    def __iadd__(self, other):
        os.system("show " + other)  # flag command-injection
        return self


class Entered:
    def __init__(self, command):
        self.command = command

    def __enter__(self):
        return self.command

    def __exit__(self, *problem):
        os.system(self.command)  # flag command-injection


class Written:
    def __init__(self, command):
        self.command = command

    def __str__(self):
        return self.command


class Failed(Exception):
    def __init__(self, command=None):
        os.system(request.args["failed"])  # flag command-injection


@app.get("/loops")
def loops():
    for command in Counted(request.args["a"]):
        os.system(command)  # flag command-injection
    for command in Yielding(request.args["b"]):
        os.system(command)  # flag command-injection
    for command in Constant(request.args["c"]):
        os.system(command)
    os.system([command for command in Counted(request.args["d"])][0])  # flag command-injection
    os.system(list(Yielding(request.args["e"]))[0])  # flag command-injection
    os.system(list(Yielding("date"))[0])
    os.system(next(Counted(request.args["f"])))  # flag command-injection
    return ""


@app.get("/items")
def items():
    box, passing = Indexed(), Passing()
    box["a"] = request.args["a"]
    os.system(box["a"])  # flag command-injection
    os.system(passing[request.args["b"]])  # flag command-injection
    os.system(passing["date"])
    os.system(Constant(request.args["c"])[0])
    return "yes" if request.args["d"] in passing else "no"


@app.get("/operators")
def operators():
    passing = Passing()
    os.system(passing + request.args["a"])  # flag command-injection
    os.system(passing + "date")
    os.system(Constant("") + request.args["b"])
    passing += request.args["c"]
    os.system(f"{Written(request.args['d'])}")  # flag command-injection
    os.system(f"{Written('date')}")
    return ""


@app.get("/with")
def managed():
    with Entered("date") as command:
        os.system(command)
    with Entered(request.args["a"]) as command:
        os.system(command)  # flag command-injection
    with Constant(request.args["b"]) as command:
        os.system(command)
    return ""


@app.get("/raise")
def raising():
    raise Failed
