"""Names of `six`: what moved between Python 2 and 3 is what it is called in Python 3."""

import os

import six
from flask import Flask, request
from six.moves import cPickle, shlex_quote, urllib
from six.moves.http_client import HTTPSConnection
from six.moves.urllib.parse import quote, urlsplit
from six.moves.urllib.request import urlopen

app = Flask(__name__)


@app.route("/picture")
def picture():
    address = request.args["address"]
    _, host, path, _, _ = urlsplit(address)
    HTTPSConnection(host).request("GET", path)  # flag server-side-request-forgery
    urlopen(address)  # flag server-side-request-forgery
    urllib.request.urlopen(six.ensure_str(address))  # flag server-side-request-forgery
    urlopen("https://pictures.example.org/" + quote(address))
    return ""


@app.route("/settings")
def settings():
    cPickle.loads(six.ensure_binary(request.args["settings"]))  # flag unsafe-deserialization
    six.exec_(request.args["program"])  # flag code-injection
    os.system("ls " + six.text_type(request.args["folder"]))  # flag command-injection
    os.system("ls " + shlex_quote(request.args["folder"]))
    for _, value in six.iteritems(request.args):
        os.system("ls " + value)  # flag command-injection
    for _, value in six.iteritems({"folder": "pictures"}):
        os.system("ls " + value)
    return ""
