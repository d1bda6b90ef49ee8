"""Starlette: endpoints by route and by class."""

import os
import sqlite3

from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.templating import Jinja2Templates

templates = Jinja2Templates(directory="templates")


async def home(request):
    name = request.query_params["name"]
    if request.path_params["kind"] == "html":
        return Response(f"<p>{name}</p>", media_type="text/html")  # flag cross-site-scripting
    if request.path_params["kind"] == "text":
        return Response(name, media_type="text/plain")
    if request.path_params["kind"] == "json":
        return JSONResponse({"name": name})
    return templates.TemplateResponse(request, "home.html", {"name": name})


async def save(request: Request):
    form = await request.form()
    upload = form["file"]
    open("/srv/" + upload.filename, "wb").write(await upload.read())  # flag path-traversal
    db = sqlite3.connect("shop.db")
    db.execute("DELETE FROM files WHERE name = '%s'" % request.cookies.get("name"))  # flag sql-injection
    db.execute("DELETE FROM files WHERE id = %d" % int(request.cookies.get("id")))
    return RedirectResponse(request.url_for("home"))


class Users(HTTPEndpoint):
    async def get(self, request):
        return HTMLResponse("<h1>" + request.url.path + "</h1>")  # flag cross-site-scripting

    async def post(self, request):
        os.system(await request.body())  # flag command-injection
        return RedirectResponse((await request.json())["next"])  # flag open-redirect


class Timing(BaseHTTPMiddleware):
    async def dispatch(self, request, call_next):
        os.system("logger " + request.headers["host"])  # flag command-injection
        return await call_next(request)


async def chat(websocket):
    await websocket.accept()
    async for text in websocket.iter_text():
        exec(text)  # flag code-injection


app = Starlette(
    routes=[
        Route("/{kind}", home),
        Route("/save", endpoint=save, methods=["POST"]),
        Route("/users", Users),
        WebSocketRoute("/chat", chat),
        Mount("/static", StaticFiles(directory="static")),
    ]
)
