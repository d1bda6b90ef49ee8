"""Conditions that fold decide which branch lives."""

import os

from flask import Flask, request

app = Flask(__name__)
DEBUG = False
LEVEL = 7 * 18 + 106


@app.route("/folded")
def folded():
    text = request.args.get("text", "")
    bar = "constant" if LEVEL > 200 else text
    os.system("echo " + bar)
    other = text if LEVEL > 200 else "constant"
    os.system("echo " + other)  # flag command-injection
    if DEBUG:
        os.system(text)
    return ""


@app.route("/matched")
def matched():
    text = request.args.get("text", "")
    guess = "ABC"[1]
    match guess:
        case "A":
            value = text
        case "B":
            value = "constant"
        case _:
            value = text
    os.system(value)
    match guess:
        case "B":
            value = text
        case _:
            value = "constant"
    os.system(value)  # flag command-injection
    return ""
