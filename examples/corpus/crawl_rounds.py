# SPDX-License-Identifier: BSD-2-Clause
#
# Crawls a site level by level: the pages of a level at once, then its links are merged, then the next level.
#
# models: serial threads coroutines processes processes+coroutines
# workers: threads=12 coroutines=12 processes=8 processes+coroutines=cpusx8
# needs: python3-aiohttp python3-requests
# server: delay
import asyncio
import multiprocessing
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
    """`run` fetches the pages of a level and returns what was found on them."""
    known, total = set(), 0
    for level, pages in enumerate(LEVELS, 1):
        total += merge(known, run([(level, page) for page in range(pages)]))
    return total


own = threading.local()


def fetch(place):
    """One page; each thread or process keeps its connection."""
    if not hasattr(own, "session"):
        own.session = requests.Session()
    return links(*place, own.session.get(url(*place)).text)


async def gather(session, places, in_flight):
    semaphore = asyncio.Semaphore(in_flight)

    async def one(place):
        async with semaphore, session.get(url(*place)) as answer:
            return links(*place, await answer.text())

    return await asyncio.gather(*map(one, places))


async def crawl_async(workers):
    known, total = set(), 0
    async with aiohttp.ClientSession() as session:
        for level, pages in enumerate(LEVELS, 1):
            total += merge(known, await gather(session, [(level, page) for page in range(pages)], workers))
    return total


def gather_share(places, in_flight):
    """A worker process's part of a level, in a loop of its own."""

    async def in_session():
        async with aiohttp.ClientSession() as session:
            return await gather(session, places, in_flight)

    return asyncio.run(in_session())


def crawl_in_loops(pool, processes, in_flight):
    def run(places):
        shares = [places[index::processes] for index in range(processes)]
        found = pool.starmap(gather_share, [(share, in_flight) for share in shares if share])
        return [links for share in found for links in share]

    return crawl(run)


def main():
    model, workers, in_flight = corpus_args.parse()
    if model == "serial":
        total = crawl(lambda places: list(map(fetch, places)))
    elif model == "threads":
        with ThreadPoolExecutor(workers) as pool:
            total = crawl(lambda places: list(pool.map(fetch, places)))
    elif model == "coroutines":
        total = asyncio.run(crawl_async(workers))
    else:
        with multiprocessing.Pool(workers) as pool:
            if model == "processes":
                total = crawl(lambda places: pool.map(fetch, places, chunksize=1))
            else:
                total = crawl_in_loops(pool, workers, in_flight)
    print(total)


if __name__ == "__main__":
    main()
