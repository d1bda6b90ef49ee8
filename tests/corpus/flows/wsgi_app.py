"""The standard library as a server: WSGI applications and request handlers."""

import os
import sqlite3
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs, urlparse
from wsgiref.simple_server import make_server
from wsgiref.validate import validator

from werkzeug.wrappers import Request, Response


def application(environ, start_response):
    query = parse_qs(environ["QUERY_STRING"])
    db = sqlite3.connect("people.db")
    db.execute("SELECT * FROM people WHERE name = '" + query["name"][0] + "'")  # flag sql-injection
    db.execute("SELECT * FROM people WHERE name = ?", (query["name"][0],))
    open("/srv" + environ["PATH_INFO"])  # flag path-traversal
    length = int(environ.get("CONTENT_LENGTH") or 0)
    os.system("job " + environ["wsgi.input"].read(length).decode())  # flag command-injection
    os.system("job %d" % length)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [query["name"][0].encode()]


def plain(environ, start_response):
    start_response("200 OK", [("X-Name", environ["HTTP_X_NAME"])])  # flag header-injection
    return []


def checked(environ, start_response):
    start_response("200 OK", [("X-Name", environ["HTTP_X_NAME"])])
    os.system("job " + environ["HTTP_X_NAME"])  # flag command-injection
    return []


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        query = parse_qs(urlparse(self.path).query)
        os.system("job " + query["name"][0])  # flag command-injection
        self.wfile.write(self.page(query["page"][0]))

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        exec(body)  # flag code-injection

    def page(self, name):
        with open("/srv/" + name, "rb") as file:  # flag path-traversal
            return file.read()


def main():
    make_server("127.0.0.1", 8000, application).serve_forever()
    make_server("127.0.0.1", 8002, plain).serve_forever()
    make_server("127.0.0.1", 8003, validator(checked)).serve_forever()
    HTTPServer(("127.0.0.1", 8001), Handler).serve_forever()


class Shop:
    @Request.application
    def __call__(self, asked):
        os.system("job " + asked.args["name"])  # flag command-injection
        return self.answer(asked)

    def answer(self, asked):
        return Response("<b>" + asked.form["name"] + "</b>", mimetype="text/html")  # flag cross-site-scripting


@Request.application
def small(asked):
    os.system("job %d" % int(asked.args["number"]))
    os.system("job " + asked.args["name"])  # flag command-injection
    return Response("done")
