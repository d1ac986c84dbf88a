# SPDX-License-Identifier: BSD-2-Clause
#
# Three stages: a source that takes 3 ms a record, a transformation in pure Python, a sink that takes 4 ms a record.
#
# models: serial threads coroutines processes
# workers: threads=3 coroutines=3 processes=3
#
# One worker for each stage; more than three are dealt out to the stages, the slowest first. One or two
# are no pipeline: they take whole records.
import asyncio
import multiprocessing
import queue
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import corpus_args

RECORDS = range(260)


def transform(record):
    value = record + 1
    for _ in range(9000):
        value = (value * 1103515245 + 12345) & 0x7FFFFFFF
    return value & 0xFFF


def source(share, first):
    for record in share:
        time.sleep(0.003)
        first.put(record)


def middle(first, second):
    while (record := first.get()) is not None:
        second.put(transform(record))


def sink(second, totals):
    total = 0
    while (value := second.get()) is not None:
        time.sleep(0.004)
        total += value
    totals.put(total)


def stage_sizes(workers):
    """(sources, transformers, sinks)"""
    sources, middles, sinks = ((workers + more) // 3 for more in (1, 0, 2))
    return max(1, sources), max(1, middles), max(1, sinks)


def in_workers(worker, make_queue, workers):
    """`worker` makes a thread or a process."""
    sources, middles, sinks = stage_sizes(workers)
    first, second, totals = make_queue(20), make_queue(20), make_queue()
    reading = [worker(target=source, args=(RECORDS[index::sources], first)) for index in range(sources)]
    changing = [worker(target=middle, args=(first, second)) for _ in range(middles)]
    writing = [worker(target=sink, args=(second, totals)) for _ in range(sinks)]
    for one in reading + changing + writing:
        one.start()
    for one in reading:
        one.join()
    for _ in changing:
        first.put(None)
    for one in changing:
        one.join()
    for _ in writing:
        second.put(None)
    total = sum(totals.get() for _ in writing)
    for one in writing:
        one.join()
    return total


async def in_coroutines(workers):
    sources, middles, sinks = stage_sizes(workers)
    first, second = asyncio.Queue(20), asyncio.Queue(20)

    async def read(share):
        for record in share:
            await asyncio.sleep(0.003)
            await first.put(record)

    async def change():
        while (record := await first.get()) is not None:
            await second.put(transform(record))

    async def write():
        total = 0
        while (value := await second.get()) is not None:
            await asyncio.sleep(0.004)
            total += value
        return total

    reading = [asyncio.create_task(read(RECORDS[index::sources])) for index in range(sources)]
    changing = [asyncio.create_task(change()) for _ in range(middles)]
    writing = [asyncio.create_task(write()) for _ in range(sinks)]
    await asyncio.gather(*reading)
    for _ in changing:
        await first.put(None)
    await asyncio.gather(*changing)
    for _ in writing:
        await second.put(None)
    return sum(await asyncio.gather(*writing))


def one_by_one(records):
    total = 0
    for record in records:
        time.sleep(0.003)
        value = transform(record)
        time.sleep(0.004)
        total += value
    return total


async def one_by_one_async(records):
    total = 0
    for record in records:
        await asyncio.sleep(0.003)
        value = transform(record)
        await asyncio.sleep(0.004)
        total += value
    return total


async def without_stages(workers):
    return sum(await asyncio.gather(*(one_by_one_async(RECORDS[index::workers]) for index in range(workers))))


def main():
    model, workers, _ = corpus_args.parse()
    if model == "serial":
        total = one_by_one(RECORDS)
    elif workers < 3 and model == "coroutines":
        total = asyncio.run(without_stages(workers))
    elif workers < 3:
        with (ThreadPoolExecutor if model == "threads" else ProcessPoolExecutor)(workers) as pool:
            total = sum(pool.map(one_by_one, [RECORDS[index::workers] for index in range(workers)]))
    elif model == "threads":
        total = in_workers(threading.Thread, queue.Queue, workers)
    elif model == "coroutines":
        total = asyncio.run(in_coroutines(workers))
    else:
        total = in_workers(multiprocessing.Process, multiprocessing.Queue, workers)
    print(total)


if __name__ == "__main__":
    main()
