"""Asks one granted service many times at once, and one that is not granted."""

import asyncio
import sys

import aiohttp


async def main(granted: str, other: str) -> None:
    async with aiohttp.ClientSession() as session:

        async def ask(url: str) -> int:
            async with session.get(url) as answer:
                return len(await answer.read())

        print(sum(await asyncio.gather(*(ask(granted) for _ in range(20)))))
        for url in (other, "http://elsewhere.example/"):
            try:
                print(await ask(url))
            except aiohttp.ClientConnectorError as error:
                print("refused", type(error).__name__)


asyncio.run(main(*sys.argv[1:]))
