"""Sanic: handlers by decorator, by class and by call."""

import os
import sqlite3

import requests
from sanic import Blueprint, Sanic
from sanic.response import file, html, json, redirect, text
from sanic.views import HTTPMethodView

app = Sanic("shop")
blueprint = Blueprint("people", url_prefix="/people")


@app.get("/hello/<name>")
async def hello(request, name):
    if request.args.get("json"):
        return json({"name": name})
    if request.args.get("text"):
        return text("Hello, " + name)
    return html("<p>" + name + "</p>")  # flag cross-site-scripting


@blueprint.route("/<name>", methods=["POST"])
def people(request, name: str, number: int = 0):
    db = sqlite3.connect("people.db")
    db.execute("SELECT * FROM people WHERE name = '" + request.form.get("name") + "'")  # flag sql-injection
    db.execute("SELECT * FROM people WHERE name = '" + name + "'")  # flag sql-injection
    db.execute(f"SELECT * FROM people WHERE id = {number}")
    db.execute("SELECT * FROM people WHERE name = ?", (request.json["name"],))
    db.execute("SELECT * FROM people WHERE user = '%s'" % request.ctx.user)
    return redirect(request.args.get("next"))  # flag open-redirect


class Files(HTTPMethodView):
    async def get(self, request, name):
        return await file("/srv/" + name)  # flag path-traversal

    async def post(self, request, name):
        upload = request.files.get("file")
        with open("/srv/" + upload.name, "wb") as target:  # flag path-traversal
            target.write(upload.body)
        return redirect("/files")


async def fetch(request):
    requests.get(request.json["address"])  # flag server-side-request-forgery
    return text("")


@app.middleware("request")
async def log(request):
    os.system("logger " + request.path)  # flag command-injection


@app.websocket("/ws")
async def talk(request, ws):
    eval(await ws.recv())  # flag code-injection


app.add_route(Files.as_view(), "/files/<name>")
app.add_route(fetch, "/fetch", methods=["POST"])
app.blueprint(blueprint)
