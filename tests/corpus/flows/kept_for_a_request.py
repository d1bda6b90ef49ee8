"""`flask.g`: what one function stores there, others find."""

import os
import sqlite3
from functools import cached_property

import requests
from django.db import connections
from django.utils.functional import cached_property as kept
from flask import Flask, g, request
from pyramid.decorator import reify
from werkzeug.utils import cached_property as stored

app = Flask(__name__)


class Mirror:
    def __init__(self, root):
        self.root = root

    def fetch(self, address):
        return requests.get(address, timeout=9)  # flag server-side-request-forgery

    def fetch_page(self, number):
        return requests.get("https://pages.example.org/%d" % number, timeout=9)


@app.route("/mirror")
def mirror():
    g.mirror.fetch_page(int(request.args["page"]))
    return g.mirror.fetch(request.args["address"]).text


@app.before_request
def prepare():
    g.mirror = Mirror("/srv")
    g.language = request.args.get("language")
    g.page = int(request.args["page"])
    g.nobody = None


def database():
    if "database" not in g:
        g.database = sqlite3.connect("people.db")
    return g.database


@app.route("/people")
def people():
    database().execute("DELETE FROM people WHERE name = '" + request.args["name"] + "'")  # flag sql-injection
    g.database.execute("DELETE FROM people WHERE name = ?", (request.args["name"],))
    os.system("say " + g.language)  # flag command-injection
    os.system("say " + getattr(g, "language", "en"))  # flag command-injection
    os.system("say %s" % g.page)
    os.system("say " + g.never_stored)
    if g.nobody is None:  # others may store somebody
        os.system("say " + request.args["name"])  # flag command-injection
    return ""


class Report:
    @kept
    def default(self):
        return connections["default"].cursor()

    @stored
    def archive(self):
        return connections["archive"].cursor()

    @cached_property
    def orders(self):
        return connections["orders"].cursor()

    @reify
    def people(self):
        return connections["people"].cursor()

    def method(self):
        return connections["default"].cursor()


@app.route("/report")
def report():
    made = Report()
    statement = "DROP TABLE " + request.args["table"]
    made.default.execute(statement)  # flag sql-injection
    made.archive.execute(statement)  # flag sql-injection
    made.orders.execute(statement)  # flag sql-injection
    made.people.execute(statement)  # flag sql-injection
    made.default.execute("DELETE FROM orders WHERE name = %s", [request.args["table"]])
    return ""
