"""Who chooses the host of an address, and who only its path."""

import os

import requests
from flask import Flask, request

app = Flask(__name__)
API = os.environ["API"]


@app.route("/path")
def path():
    requests.get(f"{API}/users/{request.args['name']}")
    requests.get(API + "/users/" + request.args["name"])
    requests.get(app.config["API"] + "/users/" + request.args["name"])
    requests.get("https://api.example.com/%s" % request.args["name"])
    return ""


@app.route("/host")
def host():
    requests.get(f"{request.args['host']}/users")  # flag server-side-request-forgery
    requests.get("https://" + request.args["host"] + "/users")  # flag server-side-request-forgery
    requests.get(API + request.args["path"])  # flag server-side-request-forgery
    requests.get("https://%s/users" % request.args["host"])  # flag server-side-request-forgery
    return ""
