"""Objects that a method stores in its instance and gives back: `with` of a class of the program."""

import sqlite3

from flask import Flask, request

app = Flask(__name__)


class Session:
    def __init__(self, path):
        self.path = path
        self.connection = None

    def __enter__(self):
        self.connection = sqlite3.connect(self.path)
        self.connection.row_factory = sqlite3.Row
        return self.connection

    def __exit__(self, *error):
        self.connection.close()


class Files:
    def open(self):
        self.names = dict()
        self.connection = sqlite3.connect("files.db")
        self.connection = Files()
        return self.connection

    def execute(self, text):
        return text


@app.get("/with")
def inside():
    name = request.args["name"]
    with Session("people.db") as connection:
        connection.execute("SELECT * FROM people WHERE name = '" + name + "'")  # flag sql-injection
        connection.execute("SELECT * FROM people WHERE name = ?", (name,))
        connection.execute(name)  # flag sql-injection
    Files().open().execute(name)
    return ""
