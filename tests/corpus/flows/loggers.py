"""Other loggers than those of the standard library."""

import structlog
from django.utils.log import request_logger
from flask import Flask, current_app, request
from loguru import logger

app = Flask(__name__)
log = structlog.get_logger()


@app.route("/login")
def login():
    name = request.args["name"]
    logger.info("login of " + name)  # flag log-injection
    logger.bind(part="login").warning("login of {}", name)  # flag log-injection
    log.info("login of " + name)  # flag log-injection
    request_logger.warning("login of %s", name)  # flag log-injection
    app.logger.info("login of %s", name)  # flag log-injection
    current_app.logger.error(f"login of {name}")  # flag log-injection
    log.info("login", name=name)
    logger.info("login of {}", len(name))
    logger.info({"name": name})
    return ""
