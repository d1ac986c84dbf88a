# SPDX-License-Identifier: BSD-2-Clause
#
# The requests of waiting_before.py over streams that are awaited, twelve at a time.
#
# run: python3 {file}
# server: delay
# expect: model=coroutines not-finding=CA3101
import asyncio
import os

HOST, PORT = os.environ["CONCADVISE_DELAY_URL"].removeprefix("http://").split(":")
REQUEST = b"GET /delay/40 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


async def fetch(twelve):
    async with twelve:
        reader, writer = await asyncio.open_connection(HOST, int(PORT))
        writer.write(REQUEST)
        answer = await reader.read()
        writer.close()
        return len(answer.partition(b"\r\n\r\n")[2])


async def main():
    twelve = asyncio.Semaphore(12)
    print(sum(await asyncio.gather(*(fetch(twelve) for _ in range(36)))))


asyncio.run(main())
