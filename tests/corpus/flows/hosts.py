"""Who chooses the host of an address, and who only its path."""

import os

import requests
from flask import Flask, redirect, request
from shop_links import get_safe_redirect, get_short_redirect

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


@app.route("/back")
def back():
    address = kept_address()
    if request.args.get("more"):
        address = f"{address}&{request.args['more']}"
    if request.args.get("place"):
        address = f"{address}#{request.args['place']}"
    if request.args.get("safely"):
        return redirect(get_safe_redirect(request.args["next"]))
    if request.args.get("shortly"):
        return redirect(get_short_redirect(request.args["next"]))  # flag open-redirect
    if request.args.get("whole"):
        address = request.args["whole"]
        return redirect(address)  # flag open-redirect
    return redirect(address)


@app.route("/either")
def either():
    address = f"{kept_address()}&{request.args['more']}"
    if request.args.get("whole"):
        address = request.args["whole"]
    return redirect(address)  # flag open-redirect
