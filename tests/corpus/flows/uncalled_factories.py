"""Factories of applications that nobody in the program calls: a server does, by their name."""

import os

from bottle import Bottle
from fastapi import FastAPI
from flask import Blueprint, Flask


def rename(name):
    os.system("rename " + name)  # flag command-injection


def unnamed(name):
    os.system("rename " + name)


def create_app():
    app = Flask(__name__)
    app.add_url_rule("/rename/<name>", view_func=rename)

    @app.route("/list/<name>")
    def list_all(name):
        os.system("ls " + name)  # flag command-injection

    @app.route("/count/<int:number>")
    def count(number):
        os.system("count %s" % number)

    def helper(name):
        os.system("ls " + name)

    return app, helper


class Pages:
    def blueprint(self):
        made = Blueprint("pages", __name__)

        @made.get("/page/<name>")
        def page(name):
            return open(name).read()  # flag path-traversal

        return made


def create_api(limit: int = 0) -> FastAPI:
    api = FastAPI()

    @api.get("/list/{name}")
    def list_all(name: str):
        os.system("ls " + name)  # flag command-injection

    @api.get("/count/{number}")
    def count(number: int):
        os.system(f"count {number} {limit}")

    return api


def create_small():
    app = Bottle()

    @app.route("/list/<name>")
    def list_all(name):
        os.system("ls " + name)  # flag command-injection

    return app
