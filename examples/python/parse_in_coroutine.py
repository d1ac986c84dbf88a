# SPDX-License-Identifier: BSD-2-Clause
#
# Coroutines fetch documents and parse each in pure Python, inside the event loop.
#
# Folklore: asyncio is for network programs, and this is one. Measured: the waits overlap, but parsing takes most of the
# time, on one CPU, and delays every other coroutine. Hand the parsing to a process pool.
#
# run: python3 {file}
# server: delay
# needs: python3-aiohttp
# expect: model=processes|processes+coroutines change=switch finding=CA3102
import asyncio
import os
import sys

import aiohttp

URL = os.environ.get("CONCADVISE_DELAY_URL") or sys.exit("needs the delay server: run examples/with_server python3 ...")


def parse(text):
    total = 0
    for line in text.split("\n"):
        for column, field in enumerate(line.split(",")):
            for letter in field:
                total = (total * 31 + ord(letter) + column) & 0xFFFFFFFF
    return total


async def fetch_and_parse(session):
    async with session.get(f"{URL}/delay/40/300000") as answer:
        return parse(await answer.text())


async def main():
    async with aiohttp.ClientSession() as session:
        print(sum(await asyncio.gather(*(fetch_and_parse(session) for _ in range(36)))))


asyncio.run(main())
