"""Names of headers and cookies that somebody else chooses; values in which frameworks refuse line breaks."""

from django.http import HttpResponse
from flask import Flask, Response, make_response
from flask import request as asked
from werkzeug.datastructures import Headers

app = Flask(__name__)


@app.route("/headers")
def headers():
    name = asked.args["name"]
    response = Response()
    response.headers[name] = "x"  # flag header-injection
    response.headers["X-" + name.replace("\n", "")] = "x"
    response.headers["X-Name"] = name
    response.headers["Location"] = name  # flag open-redirect
    response.headers.add(name, "x")  # flag header-injection
    response.headers.add("X-Name", name)
    found = Headers()
    found.set(name, "x")  # flag header-injection
    found["X-Name"] = name
    response = make_response("")
    response.set_cookie(name, "x", secure=True, httponly=True, samesite="Lax")  # flag header-injection
    response.set_cookie("language", name, secure=True, httponly=True, samesite="Lax")
    return response


def view(request):
    name = request.GET["name"]
    response = HttpResponse("")
    response["X-Name"] = name
    response["Set-Cookie"] = "name=" + name  # flag header-injection
    response.set_cookie(name, "x", secure=True, httponly=True, samesite="Lax")  # flag header-injection
    response.set_cookie("language", name, secure=True, httponly=True, samesite="Lax")
    return response


def application(environ, start_response):
    start_response("302 Found", [("Location", environ["PATH_INFO"])])  # flag header-injection
    start_response("200 " + environ["PATH_INFO"], [])  # flag header-injection
    start_response("200 OK", [("Content-Length", str(len(environ["PATH_INFO"])))])
    return [b""]
