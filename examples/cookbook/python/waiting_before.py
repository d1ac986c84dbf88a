# SPDX-License-Identifier: BSD-2-Clause
#
# Coroutines fetch pages with urllib, which blocks: the event loop stands still during each request.
#
# run: python3 {file}
# server: delay
# expect: model=coroutines finding=CA3101
import asyncio
import os
import urllib.request

URL = os.environ["CONCADVISE_DELAY_URL"] + "/delay/40"


async def fetch():
    with urllib.request.urlopen(URL) as answer:
        return len(answer.read())


async def main():
    print(sum(await asyncio.gather(*(fetch() for _ in range(36)))))


asyncio.run(main())
