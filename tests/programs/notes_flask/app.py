"""Notes in PostgreSQL, by Flask: what `casemate run -m flask` is asked to carry."""

import os

import psycopg
from flask import Flask, Response, jsonify, request

app = Flask(__name__)


def database() -> psycopg.Connection:
    return psycopg.connect(os.environ["DATABASE"], autocommit=True)


@app.get("/notes")
def notes() -> Response:
    with database() as connection:
        rows = connection.execute("SELECT id, text FROM notes ORDER BY id").fetchall()
    return jsonify(rows)


@app.post("/notes")
def add() -> tuple[Response, int]:
    with database() as connection:
        row = connection.execute("INSERT INTO notes (text) VALUES (%s) RETURNING id", [request.json["text"]]).fetchone()
    return jsonify(row[0]), 201
