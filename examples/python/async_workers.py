# SPDX-License-Identifier: BSD-2-Clause
#
# As many processes as CPUs, each with an event loop that fetches documents and parses them: the shape of gunicorn with
# async workers.
#
# Folklore and measurement agree: waits overlap within a process, parsing runs on every CPU. Leave it.
#
# run: python3 {file}
# server: delay
# needs: python3-aiohttp
# expect: model=processes+coroutines change=keep not-finding=CA4101
import asyncio
import multiprocessing
import os
import sys

import aiohttp

URL = os.environ.get("CONCADVISE_DELAY_URL") or sys.exit("needs the delay server: run examples/with_server python3 ...")


def parse(text):
    total = 0
    for letter in text:
        total = (total * 31 + ord(letter)) & 0xFFFFFFFF
    return total


async def fetch_and_parse(session, limit):
    async with limit, session.get(f"{URL}/delay/60/40000") as answer:
        return parse(await answer.text())


async def work():
    limit = asyncio.Semaphore(16)
    async with aiohttp.ClientSession() as session:
        return sum(await asyncio.gather(*(fetch_and_parse(session, limit) for _ in range(160))))


def worker():
    print(asyncio.run(work()))


if __name__ == "__main__":
    multiprocessing.set_start_method("fork")
    workers = [multiprocessing.Process(target=worker) for _ in os.sched_getaffinity(0)]
    for process in workers:
        process.start()
    for process in workers:
        process.join()
