"""What a response is shown as: its headers may say that it is no page."""

import json

from django.http import HttpResponse
from flask import Flask, Response, make_response, request
from starlette.responses import Response as Plain

app = Flask(__name__)
JSON = {"content-type": "application/json"}


@app.get("/made")
def made():
    name = request.args["name"]
    kind = request.args["kind"]
    if request.args.get("data"):
        return make_response(json.dumps({"name": name}), 200, {"Content-Type": "application/json"})
    if request.args.get("list"):
        return Response(name, headers=[("Content-Type", "text/plain"), ("X-Name", "x")])
    if request.args.get("global"):
        return Response(name, headers=JSON)
    if request.args.get("page"):
        return make_response(name, 200, {"Content-Type": "text/html; charset=utf-8"})  # flag cross-site-scripting
    if request.args.get("chosen"):
        return make_response(name, 200, {"Content-Type": kind})  # flag cross-site-scripting
    if request.args.get("other"):
        return make_response(name, 200, {"X-Kind": "application/json"})  # flag cross-site-scripting
    return Response(name, headers={"Content-Type": "image/svg+xml"})  # flag cross-site-scripting


@app.get("/tuple")
def returned():
    name = request.args["name"]
    if request.args.get("data"):
        return json.dumps({"name": name}), 200, {"Content-Type": "application/json"}
    if request.args.get("short"):
        return name, {"Content-Type": "text/plain"}
    if request.args.get("list"):
        return name, 200, [("Content-Type", "text/plain")]
    if request.args.get("other"):
        return name, 200, {"X-Name": "x"}  # flag cross-site-scripting
    return name, 200, {"Content-Type": "text/html"}  # flag cross-site-scripting


def django_view(request):
    if request.GET.get("data"):
        return HttpResponse(request.GET["name"], headers={"Content-Type": "text/csv"})
    return HttpResponse(request.GET["name"], headers={"X-Name": "x"})  # flag cross-site-scripting


async def starlette_view(request):
    if request.query_params.get("data"):
        return Plain(request.query_params["name"], headers={"Content-Type": "text/csv"})
    return Plain(request.query_params["name"], headers={"Content-Type": "text/html"})  # flag cross-site-scripting
