"""Values that only look something up: what is found is another value, and what was found has a name that is known."""

import logging
import os
import subprocess
import threading

from flask import Blueprint, Flask, abort, request

app = Flask(__name__)
log = logging.getLogger(__name__)

TOOLS = {"date": "/bin/date", "uptime": "/usr/bin/uptime"}
MEMBERS = {"root": 0}
LATER = {}


class Fleet(dict):
    """Ships by name, several under each."""

    def ships(self, name):
        return super().__getitem__(name)


def admit(name):
    MEMBERS[name] = len(MEMBERS)


@app.route("/entries")
def entries():
    harbour = load_harbour()
    for ship in harbour.ships_of(request.args["owner"]):
        os.system("hail " + ship.call_sign)
    cargo = harbour.parse_manifest(request.args["manifest"])
    os.system("unload " + cargo.crane)  # flag command-injection
    os.system("greet " + harbour.polite(request.args["owner"]))  # flag command-injection
    return "done"


@app.route("/below")
def below():
    for ship in Fleet().ships(request.args["name"]):
        os.system("hail " + ship)
    return "done"


@app.route("/known")
def known():
    tool = request.args["tool"]
    if TOOLS.get(tool) is None:
        os.system(tool)  # flag command-injection
        abort(404)
    os.system(tool)
    return "done"


@app.route("/held")
def held():
    tool = request.args["tool"]
    path = TOOLS.get(tool)
    if not path:
        return "no such tool"
    os.system(tool)
    subprocess.run([path])
    return "done"


@app.route("/raises")
def raises():
    tool = request.args["tool"]
    try:
        path = TOOLS[tool]
    except KeyError:
        os.system(tool)  # flag command-injection
        return "no such tool"
    os.system(tool)
    return path


@app.route("/otherwise")
def otherwise():
    tool = request.args["tool"]
    if TOOLS.get(tool, "/bin/true") is None:
        abort(404)
    os.system(tool)  # flag command-injection
    return "done"


@app.route("/filled")
def filled():
    name = request.args["name"]
    admit(name)
    if MEMBERS.get(name) is None:
        abort(404)
    os.system("id " + name)  # flag command-injection
    if name not in MEMBERS:
        abort(404)
    os.system("id " + name)  # flag command-injection
    return "done"


@app.route("/empty")
def empty():
    name = request.args["name"]
    if LATER.get(name) is None:
        abort(404)
    os.system("id " + name)  # flag command-injection
    return "done"


@app.route("/exists")
def exists():
    name = request.args["name"]
    log.warning("looking for %s", name)  # flag log-injection
    ship = load_harbour().ships.get(name)
    if ship is None:
        return "no such ship"
    log.warning("found %s", name)
    os.system("hail " + name)  # flag command-injection
    return "done"


@app.route("/own")
def own():
    name = request.args["name"]
    berths = {request.args["first"]: 1}
    if berths.get(name) is None:
        abort(404)
    log.warning("found %s", name)  # flag log-injection
    return "done"


class Store:
    def __init__(self, first):
        self.kept = {}
        self.kept[first] = {"name": first}

    def data(self):
        return self.kept


def pages(store):
    """Make views that hold what their maker was given."""
    part = Blueprint("pages", __name__)

    @part.route("/page/<name>")
    def page(name):
        os.system("show " + name)  # flag command-injection
        if name not in store.data():
            abort(404)
        os.system("show " + name)
        return "done"

    return part


app.register_blueprint(pages(Store(os.environ["FIRST"])))


@app.route("/ships/<strict_uuid:ship>/<berth>", methods=["DELETE"])
def scuttle(ship, berth):
    def later(name, place):
        os.system("scuttle " + name)
        os.system("scuttle " + place)  # flag command-injection

    threading.Thread(target=later, args=(ship, berth)).start()
    return "done"
