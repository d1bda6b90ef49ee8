"""Who chooses the host that a client asks, and what comes back is not what a user wrote."""

import sqlite3

import aiohttp
import httpx
import urllib3
from flask import Flask, request

app = Flask(__name__)
API = "https://api.example.com"
pool = urllib3.PoolManager()
connection = sqlite3.connect("shop.db")


@app.get("/chosen")
def chosen():
    url = request.args["url"]
    httpx.get(url)  # flag server-side-request-forgery
    httpx.request("GET", url)  # flag server-side-request-forgery
    httpx.Client().post(url, json={})  # flag server-side-request-forgery
    with httpx.stream("GET", "https://" + url) as answer:  # flag server-side-request-forgery
        answer.read()
    with httpx.Client(timeout=3) as client:
        client.get(url)  # flag server-side-request-forgery
        client.send(client.build_request("GET", url))  # flag server-side-request-forgery
    pool.request("GET", url)  # flag server-side-request-forgery
    urllib3.request("GET", url)  # flag server-side-request-forgery
    urllib3.HTTPSConnectionPool(url)  # flag server-side-request-forgery
    return ""


@app.get("/fixed")
def fixed():
    name = request.args["name"]
    httpx.get(f"{API}/users/{name}")
    httpx.get(API + "/users", params={"name": name})
    httpx.post(API + "/users", json={"name": name}, headers={"X-Name": name})
    pool.request("GET", f"https://api.example.com/users/{name}")
    pool.request("GET", API + "/users", fields={"name": name})
    urllib3.HTTPSConnectionPool("api.example.com").request("GET", "/users/" + name)
    answer = httpx.get(f"{API}/users/{name}").json()
    connection.execute("SELECT 1 FROM t WHERE n = '" + answer["name"] + "'")
    text = pool.request("GET", API + "/users").data.decode()
    connection.execute("SELECT 1 FROM t WHERE n = '" + text + "'")
    return ""


@app.get("/later")
async def later():
    url, name = request.args["url"], request.args["name"]
    async with httpx.AsyncClient() as client:
        await client.get(url)  # flag server-side-request-forgery
        await client.get(f"{API}/users/{name}")
    async with aiohttp.ClientSession() as session:
        await session.post(f"{API}/users", json={"name": name})
        async with session.get(url) as answer:  # flag server-side-request-forgery
            await answer.text()
        async with session.get(f"{API}/users/{name}") as answer:
            found = await answer.json()
        await session.ws_connect("wss://" + name)  # flag server-side-request-forgery
    async with aiohttp.request("GET", url) as answer:  # flag server-side-request-forgery
        await answer.read()
    connection.execute("SELECT 1 FROM t WHERE n = '" + found["name"] + "'")
    return ""


def careless():
    httpx.Client(verify=False)  # flag disabled-tls-verification
    httpx.get(API, verify=False)  # flag disabled-tls-verification
    urllib3.PoolManager(cert_reqs="CERT_NONE")  # flag disabled-tls-verification
    aiohttp.TCPConnector(ssl=False)  # flag disabled-tls-verification
    httpx.get(API, verify="/etc/ssl/our-ca.pem")
