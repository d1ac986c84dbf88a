# SPDX-License-Identifier: BSD-2-Clause
#
# Fetches three hundred and sixty pages that take 20 ms each, a connection for each page, with hardly any work on them.
#
# models: serial threads coroutines processes
# workers: threads=16 coroutines=16 processes=8
# server: delay
import asyncio
import http.client
import multiprocessing
import zlib
from concurrent.futures import ThreadPoolExecutor

import corpus_args

HOST, PORT = corpus_args.server()
PAGES = [f"/delay/20/{2000 + number}" for number in range(360)]


def fetch(path):
    connection = http.client.HTTPConnection(HOST, PORT)
    connection.request("GET", path, headers={"Connection": "close"})
    body = connection.getresponse().read()
    connection.close()
    return zlib.crc32(body)


async def fetch_async(path, semaphore):
    async with semaphore:
        reader, writer = await asyncio.open_connection(HOST, PORT)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode())
        answer = await reader.read(-1)
        writer.close()
        return zlib.crc32(answer.partition(b"\r\n\r\n")[2])


async def in_coroutines(workers):
    semaphore = asyncio.Semaphore(workers)
    return sum(await asyncio.gather(*(fetch_async(path, semaphore) for path in PAGES)))


def main():
    model, workers, _ = corpus_args.parse()
    if model == "serial":
        total = sum(map(fetch, PAGES))
    elif model == "threads":
        with ThreadPoolExecutor(workers) as pool:
            total = sum(pool.map(fetch, PAGES))
    elif model == "coroutines":
        total = asyncio.run(in_coroutines(workers))
    else:
        with multiprocessing.Pool(workers) as pool:
            total = sum(pool.imap_unordered(fetch, PAGES))
    print(total)


if __name__ == "__main__":
    main()
