# SPDX-License-Identifier: BSD-2-Clause
#
# Downloads documents and parses each in pure Python: waits and computing in equal parts, about 20 ms each.
#
# models: serial threads coroutines processes processes+coroutines
# workers: threads=8 coroutines=16 processes=2cpus processes+coroutines=cpusx4
# needs: python3-requests python3-aiohttp
# server: delay
import asyncio
import multiprocessing
import queue
import threading

import aiohttp
import requests

import corpus_args

HOST, PORT = corpus_args.server()
DOCUMENTS = [f"http://{HOST}:{PORT}/delay/20/{180_000 + 64 * number}" for number in range(60)]


def parse(text):
    total = 0
    for line in text.split("\n"):
        for column, field in enumerate(line.split(",")):
            for letter in field:
                total = (total * 31 + ord(letter) + column) & 0xFFFFFFFF
    return total


def one_by_one(urls):
    with requests.Session() as session:
        return sum(parse(session.get(url).text) for url in urls)


def in_threads(workers):
    """Workers take documents from a queue until there is none."""
    todo, totals = queue.Queue(), []
    for url in DOCUMENTS:
        todo.put(url)

    def work():
        with requests.Session() as session:
            while True:
                try:
                    url = todo.get_nowait()
                except queue.Empty:
                    return
                totals.append(parse(session.get(url).text))

    threads = [threading.Thread(target=work) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(totals)


async def in_coroutines(urls, workers):
    semaphore = asyncio.Semaphore(workers)

    async def work(session, url):
        async with semaphore, session.get(url) as answer:
            return parse(await answer.text())

    async with aiohttp.ClientSession() as session:
        return sum(await asyncio.gather(*(work(session, url) for url in urls)))


def fetch_and_parse(url, sessions=[]):
    """One document in a worker process; its session is kept from one document to the next."""
    if not sessions:
        sessions.append(requests.Session())
    return parse(sessions[0].get(url).text)


def run_loop(job):
    urls, in_flight = job
    return asyncio.run(in_coroutines(urls, in_flight))


def main():
    model, workers, in_flight = corpus_args.parse()
    if model == "serial":
        total = one_by_one(DOCUMENTS)
    elif model == "threads":
        total = in_threads(workers)
    elif model == "coroutines":
        total = asyncio.run(in_coroutines(DOCUMENTS, workers))
    elif model == "processes":
        with multiprocessing.Pool(workers) as pool:
            total = sum(pool.imap_unordered(fetch_and_parse, DOCUMENTS))
    else:
        with multiprocessing.Pool(workers) as pool:
            total = sum(pool.map(run_loop, [(DOCUMENTS[index::workers], in_flight) for index in range(workers)]))
    print(total)


if __name__ == "__main__":
    main()
