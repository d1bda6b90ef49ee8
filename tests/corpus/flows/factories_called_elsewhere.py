"""Functions that make an application, or a part of one, and that nothing in the file calls."""

import subprocess

from aiohttp import web
from fastapi import APIRouter
from flask import Flask


def create_app():
    app = Flask(__name__)

    @app.route("/files/<name>")
    def show(name):
        return subprocess.getoutput(f"cat {name}")  # flag command-injection

    @app.get("/numbers/<int:number>")
    def number(number):
        return subprocess.getoutput(f"seq {number}")

    def helper(name):
        return subprocess.getoutput(f"cat {name}")

    return app


def create_router(prefix):
    router = APIRouter()

    @router.get(prefix)
    async def read(name: str):
        return subprocess.getoutput(f"cat {name}")  # flag command-injection

    return router


def fill(router: APIRouter):
    router.get("/list")(listed)


def listed(folder: str):
    return subprocess.getoutput(f"ls {folder}")  # flag command-injection


async def answer(asked):
    return subprocess.getoutput(asked.query["q"])  # flag command-injection


async def unasked(asked):
    return subprocess.getoutput(asked.query["q"])


def routes():
    return [web.get("/answer", answer)]


def looked_up(settings):
    return settings.get("x")(unasked)
