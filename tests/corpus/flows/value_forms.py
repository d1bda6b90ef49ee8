"""Values that are harmless for some sinks by their form: paths of requests, names of uploads, parameters of routes."""

import base64
import os
import sqlite3
import urllib.request
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, unquote, urlparse

import httpx
from flask import Flask, current_app, redirect, request, url_for

app = Flask(__name__)
db = sqlite3.connect("shop.db")


@app.get("/again")
def again():
    if request.args.get("slash"):
        return redirect(request.path)
    if request.args.get("query"):
        return redirect(request.path + "?seen=1")
    if request.args.get("form"):
        return redirect(request.path + "?again=" + request.args["form"])
    if request.args.get("named"):
        return redirect(f"{url_for('again')}?again={request.args['named']}")
    if request.args.get("added"):
        return redirect(url_for("again") + request.args["added"])  # flag open-redirect
    if request.args.get("other"):
        return redirect(request.args["other"])  # flag open-redirect
    current_app.logger.info("again %s", request.args["why"])  # flag log-injection
    app.logger.info("again %r", request.args["why"])
    return "<p>nothing at " + request.path  # flag cross-site-scripting


@app.get("/shelf/<slug:shelf>/<int:number>/<title>")
def book(shelf, number, title):
    os.system("index " + shelf)
    os.system(f"index {number}")
    os.system("index " + title)  # flag command-injection
    os.system(base64.urlsafe_b64decode(shelf).decode())  # flag command-injection
    db.execute(f"SELECT * FROM books WHERE shelf = '{shelf}'")
    db.execute(f"SELECT * FROM books WHERE title = '{title}'")  # flag sql-injection
    open(os.path.join("/srv", shelf, str(number)))
    open(os.path.join("/srv", title, "cover.png"))  # flag path-traversal
    urllib.request.urlopen(f"http://{shelf}/")  # flag server-side-request-forgery
    return f"<p>{shelf}"


@app.get("/people/<name>")
def person(name):
    client = httpx.Client(base_url="https://people.example.org")
    client.get("/people/" + name)
    client.get(f"/people/{name}/photo")
    client.get("/" + name)  # flag server-side-request-forgery
    client.get(name)  # flag server-side-request-forgery
    return ""


class Raw(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_header("X-Path", self.path)
        self.send_header("X-Agent", self.headers["User-Agent"])
        self.send_header("X-Path", unquote(self.path))  # flag header-injection
        query = parse_qs(urlparse(self.path).query)
        self.send_header("X-Name", query["name"][0])  # flag header-injection
        os.system("log " + self.path)  # flag command-injection
