import logging
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qsl, unquote, urljoin, urlsplit
from flask import Flask, abort, request
from markupsafe import Markup
app = Flask(__name__)
logger = logging.getLogger(__name__)

@app.route("/one")
def one_line():
    name = request.args["name"]
    logger.info("login of " + repr(name))
    logger.info(f"login of {name!r}")
    logger.info("login of %r" % name)
    logger.info("login from %s", urlsplit(name).hostname)
    logger.info("login from %s", urlsplit(name).geturl())
    logger.info("login from %s", urljoin("/", name))  # flag log-injection
    logger.info("login from %s", unquote(urlsplit(name).path))  # flag log-injection
    logger.info("login from %s", parse_qsl(urlsplit(name).query)[0][1])  # flag log-injection
    logger.info(f"logins of {[name]}")
    logger.info("logins of " + str({"first": name}))
    logger.info("logins of %s" % ((name, name),))
    logger.info(f"login of {[name][0]}")  # flag log-injection
    logger.info("login of %r and %d" % (name, 3))
    logger.info("login of %s", name.replace("\n", ""))
    logger.info("login of %s", name.replace("\r", " ").replace("\n", " "))
    logger.info("login of %s", " ".join(name.splitlines()))
    logger.info("login of %s", name.splitlines()[0])
    logger.info("login of %s", " ".join(name.split()))
    logger.info("login of %s", name.encode("unicode_escape").decode())
    logger.info(f"login of {name!s}")  # flag log-injection
    logger.info("login of %r and %s" % (name, name))  # flag log-injection
    logger.info("login of %s", name.replace("\r", ""))  # flag log-injection
    logger.info("login of %s", name.replace("\n", "\r\n"))  # flag log-injection
    logger.info("login of %s", name.split(",")[0])  # flag log-injection
    logger.info("login of %s", name.splitlines(True)[0])  # flag log-injection
    if "\n" not in name:
        logger.info("login of %s", name)
    if "\r" in name or "\n" in name:
        logger.info("login of %s", name)  # flag log-injection
        abort(400)
    logger.info("login of %s", name)
    return Markup("<p>%s</p>") % name

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        place = unquote(self.path)
        self.send_header("Location", place)  # flag header-injection
        self.send_header("Location", place.replace("\n", "").replace("\r", ""))
        if "\r" in place or "\n" in place:
            self.send_error(400)
            return
        self.send_header("Location", place)
