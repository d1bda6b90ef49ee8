"""Tornado: handlers are classes, groups of the address are parameters."""

import os
import sqlite3
import subprocess

import tornado.web
import tornado.websocket
from tornado.escape import json_decode, xhtml_escape
from tornado.httpclient import AsyncHTTPClient, HTTPClient, HTTPRequest
from tornado.template import Template


class Base(tornado.web.RequestHandler):
    def prepare(self):
        os.system("logger " + self.request.path)  # flag command-injection

    def get_current_user(self):
        return self.get_secure_cookie("user")


class Hello(Base):
    def get(self, name, number=None):
        if number:
            self.write({"name": name})
        elif name == "escaped":
            self.write("<p>" + xhtml_escape(name) + "</p>")
        elif name == "template":
            self.render("hello.html", name=name)
        elif name == "text":
            self.write(Template("<p>{{ name }}</p>").generate(name=name))
        else:
            self.write("<p>" + name + "</p>")  # flag cross-site-scripting

    async def post(self, name, number=None):
        db = sqlite3.connect("people.db")
        db.execute("SELECT * FROM p WHERE n = '%s'" % self.get_argument("n"))  # flag sql-injection
        db.execute("SELECT * FROM p WHERE n = ?", (self.get_argument("n"),))
        db.execute("SELECT * FROM p WHERE user = '%s'" % self.current_user)
        data = json_decode(self.request.body)
        eval(data["code"])  # flag code-injection
        upload = self.request.files["file"][0]
        open("/srv/" + upload["filename"], "wb").write(upload["body"])  # flag path-traversal
        self.redirect(self.reverse_url("hello", name))


class Go(Base):
    def get(self):
        Template(self.get_query_argument("page")).generate()  # flag template-injection
        self.set_header("Content-Language", self.get_cookie("language"))
        self.redirect(self.get_argument("next", "/"))  # flag open-redirect

    def delete(self):
        subprocess.run(["rm", "--", self.get_body_argument("name")])
        self.finish("<p>" + self.get_body_argument("name") + "</p>")  # flag cross-site-scripting


class Chat(tornado.websocket.WebSocketHandler):
    def on_message(self, message):
        os.system(message)  # flag command-injection
        self.write_message(message)


app = tornado.web.Application([(r"/hello/(\w+)", Hello), (r"/go", Go), (r"/chat", Chat)])


class Proxy(tornado.web.RequestHandler):
    async def get(self, host, number):
        client = AsyncHTTPClient()
        await client.fetch("http://%s/" % host)  # flag server-side-request-forgery
        asked = HTTPRequest(f"http://{host}/", method="POST")  # flag server-side-request-forgery
        await client.fetch(asked)
        HTTPClient().fetch(self.get_argument("address"))  # flag server-side-request-forgery
        await tornado.websocket.websocket_connect("wss://" + host)  # flag server-side-request-forgery
        await client.fetch(HTTPRequest("http://pages.example.org/" + number, user_agent=host))
        return await client.fetch("http://pages.example.org/" + number, raise_error=False)
