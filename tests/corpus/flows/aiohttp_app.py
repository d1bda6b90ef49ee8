"""The server of aiohttp: handlers by router, by route table and by class."""

import asyncio
import os
import sqlite3

from aiohttp import web

routes = web.RouteTableDef()


async def hello(request):
    name = request.match_info.get("name", "nobody")
    if name == "text":
        return web.Response(text="Hello, " + request.query["name"])
    if name == "json":
        return web.json_response({"name": request.query["name"]})
    return web.Response(text=f"<p>{name}</p>", content_type="text/html")  # flag cross-site-scripting


async def upload(request):
    data = await request.post()
    field = data["file"]
    with open(os.path.join("/srv", field.filename), "wb") as target:  # flag path-traversal
        target.write(field.file.read())
    with open("/srv/last", "wb") as target:
        target.write(field.file.read())
    raise web.HTTPFound("/done")


@routes.get("/run/{name}")
async def run(request):
    await asyncio.create_subprocess_shell("job " + request.match_info["name"])  # flag command-injection
    await asyncio.create_subprocess_exec("job", request.match_info["name"])
    raise web.HTTPSeeOther(location=request.query.get("next"))  # flag open-redirect


@routes.view("/people")
class People(web.View):
    async def get(self):
        db = sqlite3.connect("people.db")
        db.execute("SELECT * FROM people WHERE name = '" + self.request.query["name"] + "'")  # flag sql-injection
        db.execute("SELECT * FROM people WHERE name = ?", (self.request.query["name"],))
        return web.FileResponse("/srv/" + self.request.path)  # flag path-traversal

    async def post(self):
        body = await self.request.json()
        exec(body["code"])  # flag code-injection


@web.middleware
async def check(request, handler):
    os.system("logger " + request.headers["X-Name"])  # flag command-injection
    return await handler(request)


async def talk(request):
    ws = web.WebSocketResponse()
    await ws.prepare(request)
    eval(await ws.receive_str())  # flag code-injection
    return ws


app = web.Application(middlewares=[check])
app.router.add_get("/{name}", hello)
app.add_routes([web.post("/upload", upload), *routes])
app.router.add_route("GET", "/ws", talk)
