# SPDX-License-Identifier: BSD-2-Clause
#
# Coroutines that fetch with requests, a blocking client.
#
# Folklore: "async def makes it async". Measured: one request at a time, the event loop stands still meanwhile. Use an
# async client (aiohttp, httpx), or a bounded executor (asyncio.to_thread).
#
# run: python3 {file}
# server: delay
# needs: python3-requests
# expect: model=coroutines change=fix finding=CA3101
import asyncio
import os
import sys

import requests

URL = os.environ.get("CONCADVISE_DELAY_URL") or sys.exit("needs the delay server: run examples/with_server python3 ...")


async def fetch(session):
    content = session.get(f"{URL}/delay/50/2000").content  # the flaw: blocks the loop
    await asyncio.sleep(0)
    return len(content)


async def main():
    with requests.Session() as session:
        print(sum(await asyncio.gather(*(fetch(session) for _ in range(30)))), "bytes")


asyncio.run(main())
