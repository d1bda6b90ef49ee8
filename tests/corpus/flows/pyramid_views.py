"""Views of Pyramid: functions and classes with a request, found by configuration."""

import os

from pyramid.config import Configurator
from pyramid.httpexceptions import HTTPFound, HTTPNotFound, HTTPSeeOther
from pyramid.renderers import render_to_response
from pyramid.request import Request
from pyramid.request import Response as OfRequest
from pyramid.response import FileResponse, Response
from pyramid.view import view_config, view_defaults

CITIES = {"Rome": "rome.txt", "Oslo": "oslo.txt"}


@view_config(route_name="hello")
def hello(request):
    name = request.params["name"]
    if request.GET.get("plain"):
        return Response(name, content_type="text/plain")
    if request.GET.get("bytes"):
        return Response(body=name.encode(), content_type="application/octet-stream")
    if request.GET.get("text"):
        return Response(text="<p>" + name)  # flag cross-site-scripting
    if request.GET.get("short"):
        return OfRequest("<p>" + name)  # flag cross-site-scripting
    return Response("<p>Hello, %s</p>" % name)  # flag cross-site-scripting


@view_config(route_name="data", renderer="json")
def data(request):
    os.system("echo " + request.json_body["word"])  # flag command-injection
    os.system("echo " + request.cookies["word"])  # flag command-injection
    os.system("echo " + request.headers["X-Word"])  # flag command-injection
    os.system("echo " + request.matchdict["word"])  # flag command-injection
    os.system("echo " + request.POST.get("word"))  # flag command-injection
    os.system(b"echo " + request.body)  # flag command-injection
    os.system("echo " + str(int(request.params["number"])))
    os.system("echo " + request.registry.settings["word"])
    return {"name": request.params["name"]}


@view_config(route_name="city", renderer="city.jinja2")
def city(context, request):
    file = CITIES.get(request.matchdict["city"])
    if file is None:
        raise HTTPNotFound()
    os.system("show " + context.name)
    return {"text": open("/srv/" + file).read(), "city": request.matchdict["city"]}


def download(request: Request):
    if request.params["name"] in CITIES:
        return FileResponse("/srv/" + request.params["name"])
    name = request.params["name"]
    if name in CITIES:
        return FileResponse("/srv/" + name, request=request)
    return FileResponse("/srv/" + os.path.basename(name))


def leave(request):
    target = request.params["next"]
    if request.params.get("own"):
        return HTTPFound(location=request.route_url("city", city=target))
    if request.params.get("query"):
        return HTTPFound("/hello?name=" + target)
    if request.params.get("see"):
        return HTTPSeeOther(location=target)  # flag open-redirect
    return HTTPFound(location=target)  # flag open-redirect


@view_defaults(route_name="person")
class Person:
    def __init__(self, request):
        self.request = request

    @view_config(request_method="GET", renderer="person.jinja2")
    def show(self):
        os.system("show " + self.request.params["name"])  # flag command-injection
        return {"name": self.request.params["name"]}

    @view_config(request_method="POST")
    def store(self):
        return render_to_response("person.jinja2", {"name": self.request.POST["name"]}, request=self.request)


def main(settings):
    with Configurator(settings=settings) as config:
        config.add_route("hello", "/hello")
        config.add_route("city", "/city/{city}")
        config.add_view(leave, route_name="leave")
        config.scan()
        os.system("start " + settings["name"])
        return config.make_wsgi_app()
