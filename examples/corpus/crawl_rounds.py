# SPDX-License-Identifier: BSD-2-Clause
#
# Crawls a site level by level: the pages of a level at once, then its links are merged, then the next level.
#
# models: serial threads coroutines
# workers: threads=12 coroutines=12
# needs: python3-aiohttp python3-requests
# server: delay
import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import aiohttp
import requests

import corpus_args

HOST, PORT = corpus_args.server()
LEVELS = [1, 36, 90, 72, 54]


def links(level, page, body):
    """Finds what it takes for links."""
    found = set()
    for start in range(0, len(body) - 9, 2):
        if body[start] in "0123456789":
            found.add((body[start : start + 8], level * page % 7))
    return found


def merge(known, found):
    """The serial part between levels."""
    total = 0
    for page in found:
        known |= page
        total += len(page)
    return total + sum(ord(link[0][0]) * number for number, link in enumerate(sorted(known)))


def url(level, page):
    return f"http://{HOST}:{PORT}/delay/{12 + page % 9}/{8000 + 64 * page + level}"


def crawl(run):
    """`run` fetches the pages of a level and returns what was found on them, in order."""
    known, total = set(), 0
    for level, pages in enumerate(LEVELS, 1):
        total += merge(known, run([(level, page) for page in range(pages)]))
    return total


async def crawl_async(workers):
    known, total, semaphore = set(), 0, asyncio.Semaphore(workers)

    async def fetch(session, level, page):
        async with semaphore, session.get(url(level, page)) as answer:
            return links(level, page, await answer.text())

    async with aiohttp.ClientSession() as session:
        for level, pages in enumerate(LEVELS, 1):
            found = await asyncio.gather(*(fetch(session, level, page) for page in range(pages)))
            total += merge(known, found)
    return total


def main():
    model, workers, _ = corpus_args.parse()
    own = threading.local()

    def fetch(place):
        if not hasattr(own, "session"):
            own.session = requests.Session()
        return links(*place, own.session.get(url(*place)).text)

    if model == "serial":
        total = crawl(lambda places: list(map(fetch, places)))
    elif model == "threads":
        with ThreadPoolExecutor(workers) as pool:
            total = crawl(lambda places: list(pool.map(fetch, places)))
    else:
        total = asyncio.run(crawl_async(workers))
    print(total)


if __name__ == "__main__":
    main()
