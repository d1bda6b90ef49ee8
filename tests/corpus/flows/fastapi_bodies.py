"""FastAPI once more: fields of a body, dependencies that yield, named dependencies, tasks, enumerations, pages."""

import enum
import os
import sqlite3
from typing import Annotated, Literal

from fastapi import BackgroundTasks, Depends, FastAPI, Query
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, Field

app = FastAPI()


class Address(BaseModel):
    street: str


class Item(BaseModel):
    name: str
    text: str = ""
    note: str | None = None
    kind: str = Field(..., max_length=3)
    count: int
    size: float = 1.0
    address: Address
    tags: list[str] = []

    def title(self):
        return self.name.title()


class Color(str, enum.Enum):
    red = "red"


def get_db():
    db = sqlite3.connect("shop.db")
    try:
        yield db
    finally:
        db.close()


Db = Annotated[sqlite3.Connection, Depends(get_db)]


def tell(to: str, text: str):
    os.system("mail " + to)  # flag command-injection
    os.system("mail " + text)


@app.post("/items")
def create(item: Item, db: Db):
    db.execute("INSERT INTO items VALUES ('" + item.name + "')")  # flag sql-injection
    db.execute("INSERT INTO items VALUES ('" + item.title() + "')")  # flag sql-injection
    db.execute(f"INSERT INTO items VALUES ({item.count}, {item.size})")
    os.system("a " + item.text)  # flag command-injection
    os.system("b " + item.note)  # flag command-injection
    os.system("c " + item.kind.strip())  # flag command-injection
    os.system("d " + item.address.street)  # flag command-injection
    os.system("e " + item.tags[0])  # flag command-injection


@app.get("/tell")
def inform(to: str, tasks: BackgroundTasks, db=Depends(get_db)):
    tasks.add_task(tell, to, text="Hello")
    db.execute("SELECT * FROM people WHERE name = '" + to + "'")  # flag sql-injection


@app.get("/color")
def color(db: Db, color: Color, order: Literal["name", "size"], numbers: list[int] = Query([])):
    db.execute(f"SELECT * FROM colors WHERE name = '{color.value}' ORDER BY {order}")
    db.execute(f"SELECT * FROM colors WHERE id = {numbers[0]}")


@app.get("/page", response_class=HTMLResponse)
def page(name: str):
    return "<p>" + name + "</p>"  # flag cross-site-scripting
