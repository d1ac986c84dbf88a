# SPDX-License-Identifier: BSD-2-Clause
#
# Coroutines that fetch with http.client from the standard library, another blocking client.
#
# Folklore: only third-party clients block. Measured: every synchronous socket does, and stops every other coroutine.
#
# run: python3 {file}
# server: delay
# expect: model=coroutines change=fix finding=CA3101
import asyncio
import http.client
import os
import sys
from urllib.parse import urlsplit

URL = os.environ.get("CONCADVISE_DELAY_URL") or sys.exit("needs the delay server: run examples/with_server python3 ...")


async def fetch():
    connection = http.client.HTTPConnection(urlsplit(URL).netloc)
    connection.request("GET", "/delay/50/2000")
    length = len(connection.getresponse().read())  # the flaw: blocks the loop
    connection.close()
    await asyncio.sleep(0)
    return length


async def main():
    print(sum(await asyncio.gather(*(fetch() for _ in range(28)))), "bytes")


asyncio.run(main())
