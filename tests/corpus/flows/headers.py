"""A server that sends back what stands in one line of the request: no line break comes in without decoding."""

from email.message import EmailMessage
from email.mime.text import MIMEText
from http.server import BaseHTTPRequestHandler
from wsgiref.headers import Headers

from flask import Flask, request

app = Flask(__name__)


class ToHttps(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(301)
        self.send_header("Location", "https://" + self.headers["Host"] + self.path)
        self.end_headers()

    def do_POST(self):
        text = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.send_response(200, text)  # flag header-injection
        self.send_header("X-Text", text)  # flag header-injection
        self.send_header("X-Length", str(len(text)))


@app.route("/headers")
def headers():
    name = request.args["name"]
    found = Headers([])
    found["X-Name"] = name  # flag header-injection
    found.add_header("Content-Disposition", "attachment", filename=name)  # flag header-injection
    found["X-Number"] = str(int(name))
    return ""


@app.route("/mail")
def mail():
    name = request.args["name"]
    old = MIMEText(name)
    old["Subject"] = "Dear " + name  # flag header-injection
    old.add_header("Reply-To", name)  # flag header-injection
    new = EmailMessage()
    new["Subject"] = "Dear " + name
    new.set_content(name)
    return ""
