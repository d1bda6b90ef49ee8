"""FastAPI: parameters of a route, bodies, uploads, dependencies, and what the types of parameters rule out."""

import functools
import os
import sqlite3
import subprocess
from typing import Annotated
from uuid import UUID

import requests
from fastapi import APIRouter, Depends, FastAPI, File, Form, Header, Query, Request, UploadFile, WebSocket
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse
from fastapi.security import OAuth2PasswordRequestForm
from pydantic import BaseModel

app = FastAPI()
router = APIRouter(prefix="/items")


class Item(BaseModel):
    name: str
    tags: list[str]


def get_db():
    return sqlite3.connect("shop.db")


def search_text(q: str = ""):
    return q.strip()


@app.get("/users/{name}")
async def user(name: str, number: int, key: UUID, size: float = 1.0):
    db = sqlite3.connect("shop.db")
    db.execute(f"SELECT * FROM users WHERE name = '{name}'")  # flag sql-injection
    db.execute(f"SELECT * FROM users WHERE id = {number}")
    db.execute(f"SELECT * FROM users WHERE key = '{key}' AND size = {size}")
    db.execute("SELECT * FROM users WHERE name = ?", (name,))
    return {"name": name}


@router.post("/")
def create(item: Item, db: sqlite3.Connection = Depends(get_db)):
    data = item.model_dump()
    db.execute("INSERT INTO items VALUES ('" + data["name"] + "')")  # flag sql-injection
    db.execute("INSERT INTO items VALUES (?)", (data["name"],))
    subprocess.run("label " + data["tags"][0], shell=True)  # flag command-injection
    subprocess.run(["label", "--", data["tags"][0]])
    return item


@router.get("/search")
def search(text: str = Depends(search_text), order: Annotated[str, Query()] = "name"):
    os.system("grep " + text)  # flag command-injection
    sqlite3.connect("shop.db").execute("SELECT * FROM items ORDER BY " + order)  # flag sql-injection
    return []


@app.post("/upload")
async def upload(file: UploadFile, raw: bytes = File(), note: str = Form("")):
    content = await file.read()
    with open(os.path.join("/srv", file.filename), "wb") as target:  # flag path-traversal
        target.write(content)
    with open("/srv/last", "wb") as target:
        target.write(raw)
    open("/srv/" + note)  # flag path-traversal


@app.get("/page", response_class=HTMLResponse)
async def page(request: Request):
    name = request.query_params.get("name", "")
    if request.headers.get("x-plain"):
        return PlainTextResponse(name)
    if request.cookies.get("json"):
        return JSONResponse({"name": name})
    return HTMLResponse("<p>" + name + "</p>")  # flag cross-site-scripting


@app.post("/body")
async def body(request: Request):
    data = await request.json()
    form = await request.form()
    eval(data["code"])  # flag code-injection
    requests.get(form["address"])  # flag server-side-request-forgery
    requests.get("https://api.example.com/" + form["address"])
    return FileResponse("/srv/" + request.path_params["name"])  # flag path-traversal


@app.get("/go")
def go(next: str, agent: str = Header()):
    if agent:
        return RedirectResponse("/home")
    return RedirectResponse(url=next)  # flag open-redirect


@app.post("/token")
async def token(form: OAuth2PasswordRequestForm = Depends()):
    sqlite3.connect("shop.db").execute(f"SELECT * FROM u WHERE n = '{form.username}'")  # flag sql-injection


@app.websocket("/ws")
async def talk(websocket: WebSocket):
    text = await websocket.receive_text()
    os.system(text)  # flag command-injection
    await websocket.send_text(text)


def audited(view):
    @functools.wraps(view)
    async def wrapper(*args, **kwargs):
        return await view(*args, **kwargs)

    return wrapper


@app.post("/wrapped/{name}")
@audited
async def wrapped(name: str, request: Request):
    requests.get("http://" + request.scope["server"][0] + "/internal")
    os.system("show " + name)  # flag command-injection
    return ""
