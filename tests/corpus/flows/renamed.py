"""What is imported or kept under another name, in functions that no framework is known to call."""

import os
import sys as system

import flask
from flask import request as asked

from_outside = flask.request
answer = flask.Response


def by_import():
    os.system(asked.args["x"])  # flag command-injection


def by_assignment():
    os.system(from_outside.args["x"])  # flag command-injection


def by_module():
    os.system(" ".join(system.argv))  # flag command-injection


def of_another(asked):
    os.system(asked.args["x"])


def no_request():
    os.system(answer.args["x"])
