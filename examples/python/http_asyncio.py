# SPDX-License-Identifier: BSD-2-Clause
#
# Fetches pages with aiohttp, fifty requests in flight, bounded by a semaphore.
#
# Folklore and measurement agree: this is what coroutines are for. Leave it.
#
# run: python3 {file}
# server: delay
# needs: python3-aiohttp
# expect: model=coroutines change=keep not-finding=CA3101 not-finding=CA3002 not-finding=CA3102 not-finding=CA3301
import asyncio
import os
import sys

import aiohttp

URL = os.environ.get("CONCADVISE_DELAY_URL") or sys.exit("needs the delay server: run examples/with_server python3 ...")


async def fetch(session, limit):
    async with limit, session.get(f"{URL}/delay/200/2000") as answer:
        return len(await answer.read())


async def main():
    limit = asyncio.Semaphore(50)
    async with aiohttp.ClientSession() as session:
        print(sum(await asyncio.gather(*(fetch(session, limit) for _ in range(300)))), "bytes")


asyncio.run(main())
