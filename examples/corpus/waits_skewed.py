# SPDX-License-Identifier: BSD-2-Clause
#
# Three hundred and sixty answers that take 1 to 200 ms, log-normal, over kept connections, and some parsing of each.
#
# models: serial threads coroutines processes processes+coroutines
# workers: threads=12 coroutines=20 processes=6 processes+coroutines=cpusx10
# needs: python3-aiohttp
# server: delay
import asyncio
import http.client
import random
import threading
from concurrent.futures import ProcessPoolExecutor

import aiohttp

import corpus_args

HOST, PORT = corpus_args.server()
RANDOM = random.Random(11)
DELAYS = [min(200, max(1, int(RANDOM.lognormvariate(2.6, 0.9)))) for _ in range(360)]
JOBS = [(delay, 3000 + 500 * (number % 20)) for number, delay in enumerate(DELAYS)]


def parse(body):
    total = 0
    for line in body.splitlines():
        for field in line.split(b","):
            total += len(field) * (field[0] if field else 1)
            total ^= sum(field)
    return total


def one_by_one(jobs):
    connection, total = http.client.HTTPConnection(HOST, PORT), 0
    for delay, length in jobs:
        connection.request("GET", f"/delay/{delay}/{length}")
        total += parse(connection.getresponse().read())
    connection.close()
    return total


def in_threads(workers):
    """Threads share one iterator and keep a connection each."""
    todo, totals = iter(JOBS), []
    threads = [threading.Thread(target=lambda: totals.append(one_by_one(todo))) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(totals)


async def in_coroutines(jobs, in_flight):
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=in_flight)) as session:

        async def one(delay, length):
            async with session.get(f"http://{HOST}:{PORT}/delay/{delay}/{length}") as answer:
                return parse(await answer.read())

        return sum(await asyncio.gather(*(one(*job) for job in jobs)))


def run_loop(jobs, in_flight):
    return asyncio.run(in_coroutines(jobs, in_flight))


def main():
    model, workers, in_flight = corpus_args.parse()
    if model == "serial":
        total = one_by_one(JOBS)
    elif model == "threads":
        total = in_threads(workers)
    elif model == "coroutines":
        total = run_loop(JOBS, workers)
    else:
        shares = [JOBS[index::workers] for index in range(workers)]
        with ProcessPoolExecutor(workers) as pool:
            if model == "processes":
                total = sum(pool.map(one_by_one, shares))
            else:
                total = sum(pool.map(run_loop, shares, [in_flight] * workers))
    print(total)


if __name__ == "__main__":
    main()
