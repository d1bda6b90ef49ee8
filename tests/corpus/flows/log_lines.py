"""What is logged with the line breaks it may hold, and what is written as a representation or a number."""

import json
import logging

from flask import Flask, request

app = Flask(__name__)
logger = logging.getLogger(__name__)
audit = logging.LoggerAdapter(logger.getChild("audit"), {"part": "audit"})


@app.route("/login")
def login():
    name = request.args["name"]
    logger.info("login of %s", name)  # flag log-injection
    logger.info("login of %s from %r", name, name)  # flag log-injection
    logger.warning(f"no such person: {name}")  # flag log-injection
    logger.error("no such person: " + name)  # flag log-injection
    logger.log(logging.DEBUG, "login of {}".format(name))  # flag log-injection
    logging.info("login of %(name)s", {"name": name})  # flag log-injection
    audit.warning("login of %s", name.strip())  # flag log-injection
    logging.getLogger("other").exception(name)  # flag log-injection
    return ""


@app.route("/quoted")
def quoted():
    name = request.args["name"]
    logger.info("login of %r", name)
    logger.info("login of %-20r at %d", name, 3)
    logger.info("request %s", request.data)
    logger.info("fields %s", [name])
    logger.info("fields %s", json.dumps({"name": name}))
    fields = {"name": name, "greeting": f"hello {name}"}
    logger.info(fields)
    logger.info([name])
    logger.info(fields["greeting"])  # flag log-injection
    return ""


@app.route("/empty")
@app.route("/empty/<place>")
def empty(place=None):
    name = request.args.get("name")
    if not name:
        logger.info("nobody signs in as %s", name)
    if not place and name:
        logger.info("login of %s", name)  # flag log-injection
        logger.info("login at %s", place)
    logger.info("login at %s", place)  # flag log-injection
    return ""


@app.route("/harmless")
def harmless():
    name = request.args["name"]
    logger.info("number %s", int(name))
    logger.info("length %d", len(name))
    logger.info("login of somebody")
    if name.isalnum():
        logger.info("login of %s", name)
    if name in {"Ada", "Grace"}:
        logger.info("login of %s", name)
    return ""
