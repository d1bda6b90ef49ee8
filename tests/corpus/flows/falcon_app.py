"""Falcon: resources with one method for each verb."""

import os
import sqlite3
import subprocess

import falcon
import requests


class People:
    def __init__(self):
        self.db = sqlite3.connect("people.db")

    def on_get(self, req, resp, name):
        self.db.execute("SELECT * FROM people WHERE name = '" + name + "'")  # flag sql-injection
        self.db.execute("SELECT * FROM people WHERE name = '%s'" % req.get_param("name"))  # flag sql-injection
        self.db.execute("SELECT * FROM people WHERE id = %s" % req.get_param_as_int("id"))
        self.db.execute("SELECT * FROM people WHERE user = '%s'" % req.context.user)
        resp.media = {"name": name}

    def on_post(self, req, resp, name):
        data = req.media
        subprocess.run("job " + data["name"], shell=True)  # flag command-injection
        subprocess.run(["job", data["name"]])
        requests.get(req.get_media()["address"])  # flag server-side-request-forgery
        raise falcon.HTTPFound(req.params["next"])  # flag open-redirect

    def on_get_collection(self, req, resp):
        open("/srv/" + req.get_header("X-File"))  # flag path-traversal
        raise falcon.HTTPFound("/people")


class Upload:
    async def on_put(self, req, resp):
        open("/srv/upload", "wb").write(req.bounded_stream.read())
        os.system(req.cookies["job"])  # flag command-injection
        resp.set_header("Location", req.params["next"])  # flag open-redirect
        resp.set_header("X-Next", req.params["next"])


def fallback(req, resp, **groups):
    eval(req.query_string)  # flag code-injection


app = falcon.App()
people = People()
app.add_route("/people/{name}", people)
app.add_route("/people", people, suffix="collection")
app.add_route("/upload", Upload())
app.add_sink(fallback, "/other")
