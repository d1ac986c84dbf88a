# SPDX-License-Identifier: BSD-2-Clause
#
# Forty-eight slow queries of 60 ms, and after each a key is stretched for 45 ms without the interpreter lock.
#
# models: serial threads coroutines processes processes+coroutines
# workers: threads=6 coroutines=12 processes=2cpus processes+coroutines=cpusx6
# server: delay
import asyncio
import hashlib
import http.client
import multiprocessing
from concurrent.futures import ThreadPoolExecutor

import corpus_args

HOST, PORT = corpus_args.server()
QUERIES = range(48)


def stretch(number, body):
    return hashlib.pbkdf2_hmac("sha256", body, number.to_bytes(4, "big"), 150_000)[0]


def query(number):
    connection = http.client.HTTPConnection(HOST, PORT)
    connection.request("GET", f"/delay/60/{500 + number}")
    body = connection.getresponse().read()
    connection.close()
    return stretch(number, body)


async def in_coroutines(numbers, in_flight, pool=None):
    """With a pool of threads for the keys: the loop must not stand still meanwhile."""
    loop, semaphore = asyncio.get_running_loop(), asyncio.Semaphore(in_flight)

    async def one(number):
        async with semaphore:
            reader, writer = await asyncio.open_connection(HOST, PORT)
            request = f"GET /delay/60/{500 + number} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n"
            writer.write(request.encode())
            body = (await reader.read(-1)).partition(b"\r\n\r\n")[2]
            writer.close()
        return await loop.run_in_executor(pool, stretch, number, body) if pool else stretch(number, body)

    return sum(await asyncio.gather(*map(one, numbers)))


def run_loop(job):
    return asyncio.run(in_coroutines(*job))


def main():
    model, workers, in_flight = corpus_args.parse()
    if model == "serial":
        total = sum(map(query, QUERIES))
    elif model == "threads":
        with ThreadPoolExecutor(workers) as pool:
            total = sum(future.result() for future in [pool.submit(query, number) for number in QUERIES])
    elif model == "coroutines":
        with ThreadPoolExecutor(corpus_args.cpus()) as pool:
            total = run_loop((QUERIES, workers, pool))
    elif model == "processes":
        with multiprocessing.Pool(workers) as pool:
            total = sum(pool.imap_unordered(query, QUERIES))
    else:
        with multiprocessing.Pool(workers) as pool:
            total = sum(pool.map(run_loop, [(QUERIES[index::workers], in_flight) for index in range(workers)]))
    print(total)


if __name__ == "__main__":
    main()
