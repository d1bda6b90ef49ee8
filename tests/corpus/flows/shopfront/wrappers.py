"""Wrappers around the request and around what is dangerous."""

import sqlite3

from flask import request


def parameter(name, default=""):
    return request.args.get(name, default)


def number(name):
    return int(request.args.get(name, "0"))


class Database:
    def __init__(self, path):
        self.connection = sqlite3.connect(path)

    def select(self, statement, *values):
        return self.connection.execute(statement, values).fetchall()  # flag sql-injection


def clean(text):
    return "".join(letter for letter in text if letter.isalnum())
