"""Databases without a model: a text that begins as SQL is a statement, whatever executes it."""

import os

import ibis_driver
from flask import Flask, request

from project.base import Store

app = Flask(__name__)
connection = ibis_driver.connect(host="db")


@app.get("/statements")
def statements():
    name = request.args["name"]
    cursor = connection.cursor()
    cursor.execute("SELECT * FROM people WHERE name = '" + name + "'")  # flag sql-injection
    cursor.execute(f"delete from people where name = '{name}'")  # flag sql-injection
    cursor.execute("\n    -- one row\n    UPDATE people SET name = '%s'" % name)  # flag sql-injection
    cursor.executemany("INSERT INTO people (name) VALUES ('{}')".format(name), [])  # flag sql-injection
    connection.query(f"WITH old AS (SELECT 1) SELECT '{name}'")  # flag sql-injection
    Store().raw("DROP TABLE " + name)  # flag sql-injection
    everything = "SELECT * FROM people"
    if name:
        everything += " WHERE name LIKE '" + name + "%'"
    cursor.execute(everything)  # flag sql-injection
    return ""


@app.get("/bound")
def bound():
    name = request.args["name"]
    cursor = connection.cursor()
    cursor.execute("SELECT * FROM people WHERE name = %s", (name,))
    cursor.execute("SELECT * FROM people WHERE id = %d" % int(name))
    cursor.execute(name)  # nothing says that it is SQL
    connection.execute("update-index " + name)
    connection.query("selected=" + name)
    connection.show("SELECT " + name)
    os.system("true")
    return ""
