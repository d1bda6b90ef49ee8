"""Notes in PostgreSQL, by FastAPI: asynchronous, with a pool of its own threads for what is not."""

import os

import psycopg
from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI()


class Note(BaseModel):
    text: str


@app.get("/notes")
async def notes() -> list[tuple[int, str]]:
    async with await psycopg.AsyncConnection.connect(os.environ["DATABASE"]) as connection:
        found = await connection.execute("SELECT id, text FROM notes ORDER BY id")
        return await found.fetchall()


@app.post("/notes", status_code=201)
def add(note: Note) -> int:
    with psycopg.connect(os.environ["DATABASE"]) as connection:
        return connection.execute("INSERT INTO notes (text) VALUES (%s) RETURNING id", [note.text]).fetchone()[0]
