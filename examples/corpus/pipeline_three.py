# SPDX-License-Identifier: BSD-2-Clause
#
# Three stages: a source that takes 3 ms a record, a transformation in pure Python, a sink that takes 4 ms a record.
#
# models: serial threads coroutines processes
# workers: threads=3 coroutines=3 processes=3
#
# One worker for each stage; more than three (or fewer) go to (are taken from) the sink, which is the slowest.
import asyncio
import multiprocessing
import queue
import threading
import time

import corpus_args

RECORDS = range(260)


def transform(record):
    value = record + 1
    for _ in range(9000):
        value = (value * 1103515245 + 12345) & 0x7FFFFFFF
    return value & 0xFFF


def source(first, sinks):
    for record in RECORDS:
        time.sleep(0.003)
        first.put(record)
    first.put(None)


def middle(first, second, sinks):
    while (record := first.get()) is not None:
        second.put(transform(record))
    for _ in range(sinks):
        second.put(None)


def sink(second, totals):
    total = 0
    while (value := second.get()) is not None:
        time.sleep(0.004)
        total += value
    totals.put(total)


def in_workers(worker, make_queue, sinks):
    """`worker` makes a thread or a process."""
    first, second, totals = make_queue(20), make_queue(20), make_queue()
    stages = [worker(target=source, args=(first, sinks)), worker(target=middle, args=(first, second, sinks))]
    stages += [worker(target=sink, args=(second, totals)) for _ in range(sinks)]
    for stage in stages:
        stage.start()
    total = sum(totals.get() for _ in range(sinks))
    for stage in stages:
        stage.join()
    return total


async def in_coroutines(sinks):
    first, second = asyncio.Queue(20), asyncio.Queue(20)

    async def read():
        for record in RECORDS:
            await asyncio.sleep(0.003)
            await first.put(record)
        await first.put(None)

    async def change():
        while (record := await first.get()) is not None:
            await second.put(transform(record))
        for _ in range(sinks):
            await second.put(None)

    async def write():
        total = 0
        while (value := await second.get()) is not None:
            await asyncio.sleep(0.004)
            total += value
        return total

    done = await asyncio.gather(read(), change(), *(write() for _ in range(sinks)))
    return sum(done[2:])


def one_by_one():
    total = 0
    for record in RECORDS:
        time.sleep(0.003)
        value = transform(record)
        time.sleep(0.004)
        total += value
    return total


def main():
    model, workers, _ = corpus_args.parse()
    sinks = max(1, workers - 2)
    if model == "serial":
        total = one_by_one()
    elif model == "threads":
        total = in_workers(threading.Thread, queue.Queue, sinks)
    elif model == "coroutines":
        total = asyncio.run(in_coroutines(sinks))
    else:
        total = in_workers(multiprocessing.Process, multiprocessing.Queue, sinks)
    print(total)


if __name__ == "__main__":
    main()
