"""Functions that are called by way of something else: what captured them, decorated them, or gave them a name."""

import functools
import logging
import os
import threading

from flask import Flask, request

app = Flask(__name__)
commands = {}
kept = {}


def later(command):
    def run():
        os.system(command)  # flag command-injection

    return run


def later_fixed(command):
    def run():
        os.system("date")
        return command

    return run


def twice_later(command):
    def middle():
        def run():
            os.system(command)  # flag command-injection

        return run

    return middle()


def prepared(command):
    return lambda end: os.system(command + end)  # flag command-injection


def joined(start):
    return lambda end: start + end


def boxed():
    held = []

    def put(command):
        held.append(command)

    def run():
        os.system(held[0])  # flag command-injection

    return put, run


def with_a_constant(function):
    @functools.wraps(function)
    def wrapper(command):
        return function("date")

    return wrapper


def as_it_is(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)

    return wrapper


def known(function):
    commands[function.__name__] = function
    return function


@with_a_constant
def fixed(command):
    os.system(command)


@as_it_is
def given(command):
    os.system(command)  # flag command-injection


@as_it_is
@with_a_constant
def fixed_below(command):
    os.system(command)


@with_a_constant
@as_it_is
def fixed_above(command):
    os.system(command)


@known
def registered(command):
    os.system(command)  # flag command-injection


@app.get("/captured")
def captured():
    later(request.args["a"])()
    later_fixed(request.args["b"])()
    later("date")()
    twice_later(request.args["c"])()
    prepared(request.args["d"])("")
    os.system(joined(request.args["e"])(""))  # flag command-injection
    os.system(joined("date")(""))
    return ""


@app.get("/changed")
def changed():
    put, run = boxed()
    put(request.args["a"])
    run()
    held = {}

    def fill():
        held["b"] = request.args["b"]

    def empty():
        held["b"] = "date"

    fill()
    os.system(held["b"])  # flag command-injection
    empty()
    os.system(held["b"])
    return ""


@app.get("/decorated")
def decorated():
    fixed(request.args["a"])
    given(request.args["b"])
    fixed_below(request.args["c"])
    fixed_above(request.args["d"])
    registered(request.args["e"])
    return ""


@app.get("/routed/<command>")
@as_it_is
def routed(command):
    os.system(command)  # flag command-injection
    return ""


def chosen():
    kept["first"] = request.args["a"]
    kept["second"] = "date"


def choose():
    chosen()


choose()
os.system(kept["first"])  # flag command-injection
os.system(kept["second"])


def hail(greeting, name, *, quietly=True):
    os.system(greeting + name)  # flag command-injection


def hail_quietly(greeting, name):
    os.system("hail " + greeting)


def described(place, *fields):
    return f"failed in {place}: {fields}"


def report(describe, *fields):
    logging.error("%s", describe(*fields))


def report_of(describe):
    logging.error("%s", describe())  # flag log-injection


@app.route("/partly")
def partly():
    functools.partial(hail, "hello ", quietly=False)(request.args["name"])
    functools.partial(hail_quietly, "hello")(request.args["name"])
    threading.Thread(target=functools.partial(hail_quietly, "hello", request.args["name"])).start()
    report(functools.partial(described, "partly"), request.args["name"])
    report_of(functools.partial(described, request.args["name"]))
    return ""
