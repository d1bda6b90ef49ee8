"""Every way to build a text, and the ways that leave nothing of the value in it."""

import base64
import json
import os
import string
from urllib.parse import quote, unquote

from flask import Flask, request

app = Flask(__name__)


@app.route("/built")
def built():
    x = request.args["x"]
    os.system("echo %s" % x)  # flag command-injection
    os.system("echo %(x)s" % {"x": x})  # flag command-injection
    os.system("echo {}".format(x))  # flag command-injection
    os.system("echo {x}".format(x=x))  # flag command-injection
    os.system("echo {x}".format_map({"x": x}))  # flag command-injection
    os.system(f"echo {x:>{10}}")  # flag command-injection
    os.system(string.Template("echo $x").substitute(x=x))  # flag command-injection
    line = "echo "
    line += x
    os.system(line)  # flag command-injection
    os.system("".join(["echo ", x]))  # flag command-injection
    os.system(unquote(quote(x)))  # flag command-injection
    os.system(base64.b64decode(base64.b64encode(x.encode())).decode())  # flag command-injection
    os.system(json.loads(json.dumps({"x": x}))["x"])  # flag command-injection
    return ""


@app.route("/nothing")
def nothing_left():
    x = request.args["x"]
    os.system("echo %d" % int(x))
    os.system(f"echo {len(x)}")
    os.system("echo " + str(x == "a"))
    os.system("echo " + str(bool(x)))
    os.system("echo " + ("yes" if x else "no"))
    os.system("echo {x}".format(x="constant", y=x))
    return ""
