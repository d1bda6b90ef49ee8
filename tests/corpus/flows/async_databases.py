"""Asynchronous databases: the same statements, awaited."""

import json

import aiosqlite
from fastapi import FastAPI
from motor.motor_asyncio import AsyncIOMotorClient

app = FastAPI()
collection = AsyncIOMotorClient().people.person


@app.get("/sqlite")
async def sqlite(name: str):
    async with aiosqlite.connect("people.db") as connection:
        await connection.execute("SELECT * FROM person WHERE name = '" + name + "'")  # flag sql-injection
        async with connection.execute("SELECT * FROM person WHERE name = ?", (name,)) as cursor:
            await cursor.execute(f"SELECT * FROM person WHERE name = '{name}'")  # flag sql-injection
        cursor = await connection.cursor()
        await cursor.executescript("DELETE FROM person WHERE name = '" + name + "'")  # flag sql-injection


@app.get("/mongo")
async def mongo(wanted: str):
    await collection.find_one(json.loads(wanted))  # flag nosql-injection
    await collection.find_one({"name": wanted})
