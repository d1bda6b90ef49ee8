"""Bottle: routes of the module and of an application, and a request that everybody shares."""

import os
import sqlite3

import requests
from bottle import Bottle, HTTPResponse, SimpleTemplate, abort, get, html_escape, post, redirect, request, route
from bottle import static_file, template

app = Bottle()


@route("/hello/<name>")
def hello(name):
    return "<p>" + name + "</p>"  # flag cross-site-scripting


@get("/escaped/<name>")
def escaped(name):
    return "<p>" + html_escape(name) + "</p>"


@app.get("/json/<name>")
def json(name):
    return {"name": name}


@app.route("/people", method="POST")
def people():
    db = sqlite3.connect("people.db")
    db.execute("SELECT * FROM people WHERE name = '" + request.forms.name + "'")  # flag sql-injection
    db.execute("SELECT * FROM people WHERE name = '" + request.query.get("name").strip() + "'")  # flag sql-injection
    db.execute("SELECT * FROM people WHERE name = ?", (request.params["name"],))
    db.execute("SELECT * FROM people WHERE name = '%s'" % request.get_cookie("name", secret="x"))
    db.execute("SELECT * FROM people WHERE name = '%s'" % request.get_cookie("name"))  # flag sql-injection
    return template("people.html", name=request.query.name)


@app.post("/upload")
def upload():
    file = request.files.get("file")
    file.save(os.path.join("/srv", file.filename))
    file.save(os.path.join("/srv", file.raw_filename))  # flag path-traversal
    os.system("scan " + request.get_header("X-Name"))  # flag command-injection
    return ""


@post("/template")
def page():
    name = request.forms.get("name")
    if request.query.simple:
        return SimpleTemplate("<p>" + name + "</p>").render()  # flag template-injection
    if request.query.response:
        return HTTPResponse("<p>" + name + "</p>")  # flag cross-site-scripting
    if request.query.missing:
        abort(404, "no " + name)
    return template("<p>" + name + "</p>")  # flag template-injection


@get("/static/<path:path>")
def static(path):
    return static_file(path, root="/srv/static")


@get("/open")
def opened():
    requests.post(request.json["address"])  # flag server-side-request-forgery
    open(request.query["path"])  # flag path-traversal
    redirect(request.query.next)  # flag open-redirect
