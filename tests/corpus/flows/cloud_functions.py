"""Functions in the cloud, known by their names and parameters alone."""

import json
import os
import sqlite3
import subprocess


def lambda_handler(event, context):
    body = json.loads(event["body"])
    subprocess.run("ls " + body["folder"], shell=True)  # flag command-injection
    subprocess.run(["ls", "--", body["folder"]])
    os.system("echo " + context.function_name)
    people = sqlite3.connect("people.db")
    people.execute("SELECT * FROM people WHERE name = '" + event["name"] + "'")  # flag sql-injection
    people.execute("SELECT * FROM people WHERE name = ?", (event["name"],))
    return {"statusCode": 200}


class Service:
    def handler(self, event, context):
        os.system(event.get("command"))  # flag command-injection


def handler(event, other):
    os.system("ls " + event)


def on_event(event, context):
    os.system("ls " + event["folder"])
