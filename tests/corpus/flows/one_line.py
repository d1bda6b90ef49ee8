"""What comes in one line of a request, objects of JSON and bytes in a log, and addresses with a query from outside."""

import logging
from email.message import Message

import aiohttp
from aiohttp import web
from yarl import URL

logger = logging.getLogger(__name__)
BASE = URL("http://store.internal/")


async def entered(request):
    logger.info("from %s", request.headers["User-Agent"])  # flag log-injection
    logger.info("asked for %s", request.raw_path)  # flag log-injection
    logger.info("asked for %s", request.path)  # flag log-injection
    logger.info("got %s", await request.content.read(64))
    body = await request.json()
    logger.info("got %s", body)
    logger.info("got %s", body["name"])  # flag log-injection
    return web.Response()


async def forwarded(request):
    async with aiohttp.ClientSession() as session:
        await session.get(BASE.with_query(request.query_string))
        await session.get(BASE.with_fragment(request.query["part"]))
        await session.get(URL(request.query["to"]).with_query("a=b"))  # flag server-side-request-forgery
        await session.get(BASE.join(URL(request.query["to"])))  # flag server-side-request-forgery


async def taken_apart(request):
    kind = Message()
    kind["content-type"] = request.query["kind"]
    letter = Message()
    letter["subject"] = request.query["subject"]  # flag header-injection
    return web.Response(text=str(kind.get_params()) + letter.as_string())


app = web.Application()
app.router.add_get("/", entered)
app.router.add_get("/forward", forwarded)
app.router.add_get("/kind", taken_apart)
