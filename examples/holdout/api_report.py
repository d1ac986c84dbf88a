# SPDX-License-Identifier: BSD-2-Clause
#
# A monthly report: a hundred calls of an API that answers in 50 ms, with urllib, and 5 ms of sums over each answer.
#
# models: serial threads coroutines processes processes+coroutines
# workers: threads=10 coroutines=20 processes=6 processes+coroutines=cpusx10
# needs: python3-aiohttp
# server: delay
#
# Coroutines go in batches: the next begins when all of the last are done.
import asyncio
import multiprocessing
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing.pool import ThreadPool
from urllib.request import urlopen

import aiohttp

import corpus_args

BASE = "http://{}:{}".format(*corpus_args.server())
URLS = [f"{BASE}/delay/50/{160_000 + 100 * account}" for account in range(100)]
COLUMNS = ("number", "name", "day", "city", "amount", "note")


def summarize(text):
    """Sums by city, as a spreadsheet would have them."""
    cities = defaultdict(int)
    for row in text.splitlines():
        record = dict(zip(COLUMNS, row.split(",")))
        if len(record) < len(COLUMNS):
            continue  # the last one is cut off
        year, month, _ = map(int, record["day"].split("-"))
        whole, _, cents = record["amount"].partition(".")
        initials = "".join(word[0] for word in record["name"].split())
        cities[f"{record['city']} {year % 100}/{(month - 1) // 3}"] += int(whole) * 100 + int(cents[:2])
        cities[initials] += int(record["number"]) * 7 % 1000
    return sum(cities.values())


def fetch(url):
    with urlopen(url) as response:
        return summarize(response.read().decode())


async def fetch_async(session, url):
    async with session.get(url) as response:
        return summarize(await response.text())


async def in_batches(urls, size):
    total = 0
    async with aiohttp.ClientSession() as session:
        for start in range(0, len(urls), size):
            total += sum(await asyncio.gather(*[fetch_async(session, url) for url in urls[start : start + size]]))
    return total


def run_batches(urls, size):
    return asyncio.run(in_batches(urls, size))


def main():
    model, workers, in_flight = corpus_args.parse()
    total = 0
    if model == "serial":
        for url in URLS:
            total += fetch(url)
    elif model == "threads":
        with ThreadPool(workers) as pool:
            for part in pool.imap_unordered(fetch, URLS):
                total += part
    elif model == "coroutines":
        total = run_batches(URLS, workers)
    elif model == "processes":
        with ProcessPoolExecutor(workers) as pool:
            for future in as_completed([pool.submit(fetch, url) for url in URLS]):
                total += future.result()
    else:
        with multiprocessing.Pool(workers) as pool:
            total = sum(pool.starmap(run_batches, [(URLS[index::workers], in_flight) for index in range(workers)]))
    print(total)


if __name__ == "__main__":
    main()
