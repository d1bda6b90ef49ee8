"""Views that only ever call helpers."""

from flask import Flask

from . import wrappers
from .wrappers import Database
from .wrappers import parameter as from_query

app = Flask(__name__)
database = Database("shop.db")
HANDLERS = {"by-name": lambda text: database.select("SELECT * FROM a WHERE name = ?", text)}


@app.route("/one")
def one():
    return {"rows": database.select("SELECT * FROM a WHERE name = '" + from_query("name") + "'")}


@app.route("/two")
def two():
    return {"rows": database.select("SELECT * FROM a WHERE name = ?", wrappers.parameter("name"))}


@app.route("/three")
def three():
    return {"rows": database.select(f"SELECT * FROM a WHERE id = {wrappers.number('id')}")}


@app.route("/four")
def four():
    handler = HANDLERS.get(from_query("how"))
    return {"rows": handler(from_query("name")) if handler else []}
