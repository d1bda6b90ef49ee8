"""Functions in the cloud, known by their names and parameters alone."""

import html
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


class Pages:
    def handler(self, event, context):
        if event.get("data"):
            return {"statusCode": 200, "body": event["name"], "headers": {"Content-Type": "application/json"}}
        if event.get("default"):
            return {"statusCode": 200, "body": event["name"]}
        if event.get("made"):
            made = {"statusCode": 200, "headers": {"content-type": "text/html; charset=utf-8"}}
            made["body"] = "<p>" + event["name"]
            return made  # flag cross-site-scripting
        if event.get("escaped"):
            return {"body": html.escape(event["name"]), "headers": {"Content-Type": "text/html"}}
        return {"body": f"<p>{event['name']}", "headers": {"Content-Type": "text/html"}}  # flag cross-site-scripting


class Service:
    def handler(self, event, context):
        os.system(event.get("command"))  # flag command-injection


def handler(event, other):
    os.system("ls " + event)


def on_event(event, context):
    os.system("ls " + event["folder"])
