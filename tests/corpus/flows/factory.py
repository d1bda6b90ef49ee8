"""Handlers inside an application factory, behind decorators, and in classes."""

import functools
import subprocess

from flask import Flask, request


def logged(view):
    @functools.wraps(view)
    def wrapper(*args, **kwargs):
        return view(*args, **kwargs)

    return wrapper


class Runner:
    def __init__(self, command):
        self.command = command
        self.fixed = "uptime"

    def run(self):
        return subprocess.getoutput(self.command)  # flag command-injection

    def run_fixed(self):
        return subprocess.getoutput(self.fixed)


def create_app(prefix):
    app = Flask(__name__)

    @app.route("/run")
    def run():
        return subprocess.getoutput(prefix + request.args["x"])  # flag command-injection

    @app.route("/logged")
    @logged
    def decorated():
        return subprocess.getoutput(request.args["x"])  # flag command-injection

    @app.route("/name/<name>")
    def parameter(name):
        subprocess.getoutput("id " + name)  # flag command-injection
        return ""

    @app.route("/number/<int:number>")
    def number(number):
        subprocess.getoutput(f"id {number}")
        return ""

    @app.route("/object")
    def through_object():
        runner = Runner(request.args["x"])
        runner.run()
        runner.run_fixed()
        return ""

    @app.route("/fixed")
    def fixed():
        Runner("uptime").run_fixed()
        return ""

    return app


app = create_app("echo ")
