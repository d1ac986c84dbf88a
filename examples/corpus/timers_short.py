# SPDX-License-Identifier: BSD-2-Clause
#
# Two thousand and four hundred items that wait 2 ms (a device that is polled) and then compute for some 0.4 ms.
#
# models: serial threads coroutines processes processes+coroutines
# workers: threads=16 coroutines=32 processes=8 processes+coroutines=cpusx16
import asyncio
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import corpus_args

ITEMS = range(2400)


def score(item):
    value = item + 1
    for _ in range(6000):
        value = (value * 1103515245 + 12345) & 0x7FFFFFFF
    return value & 0xFFFF


def poll(item):
    time.sleep(0.002)
    return score(item)


async def worker(items):
    """Takes items from an iterator that all workers share."""
    total = 0
    for item in items:
        await asyncio.sleep(0.002)
        total += score(item)
    return total


async def in_coroutines(items, workers):
    shared = iter(items)
    return sum(await asyncio.gather(*(worker(shared) for _ in range(workers))))


def run_loop(items, in_flight):
    return asyncio.run(in_coroutines(items, in_flight))


def main():
    model, workers, in_flight = corpus_args.parse()
    if model == "serial":
        total = sum(map(poll, ITEMS))
    elif model == "threads":
        with ThreadPoolExecutor(workers) as pool:
            total = sum(pool.map(poll, ITEMS))
    elif model == "coroutines":
        total = run_loop(ITEMS, workers)
    elif model == "processes":
        with ProcessPoolExecutor(workers) as pool:
            total = sum(pool.map(poll, ITEMS, chunksize=8))
    else:
        with ProcessPoolExecutor(workers) as pool:
            loops = [pool.submit(run_loop, ITEMS[index::workers], in_flight) for index in range(workers)]
            total = sum(loop.result() for loop in loops)
    print(total)


if __name__ == "__main__":
    main()
