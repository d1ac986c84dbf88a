# SPDX-License-Identifier: BSD-2-Clause
#
# An async client that awaits each request before it sends the next.
#
# Folklore: "await makes it concurrent". Measured: one request in flight at any time: serial in disguise.
# asyncio.gather or a TaskGroup with a semaphore is many times as fast.
#
# run: python3 {file}
# server: delay
# needs: python3-aiohttp
# expect: model=coroutines change=fix finding=CA3002
import asyncio
import os
import sys

import aiohttp

URL = os.environ.get("CONCADVISE_DELAY_URL") or sys.exit("needs the delay server: run examples/with_server python3 ...")


async def main():
    total = 0
    async with aiohttp.ClientSession() as session:
        for _ in range(40):
            async with session.get(f"{URL}/delay/40/2000") as answer:  # the flaw: one by one
                total += len(await answer.read())
    print(total, "bytes")


asyncio.run(main())
