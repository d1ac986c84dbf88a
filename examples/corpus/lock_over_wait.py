# SPDX-License-Identifier: BSD-2-Clause
#
# Ninety items: 12 ms with a device, then 4 ms with the one printer, which is locked meanwhile, and some work.
#
# models: serial threads coroutines processes
# workers: threads=8 coroutines=16 processes=6
import asyncio
import multiprocessing
import threading
import time

import corpus_args

ITEMS = range(90)


def compute(item):
    return sum(number * item % 7 for number in range(3000))


def worker(items, lock):
    total = 0
    for item in items:
        time.sleep(0.012)
        total += compute(item)
        with lock:
            time.sleep(0.004)
    return total


def in_threads(workers):
    lock, totals = threading.Lock(), []
    threads = [
        threading.Thread(target=lambda share: totals.append(worker(share, lock)), args=(ITEMS[index::workers],))
        for index in range(workers)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(totals)


async def in_coroutines(workers):
    lock, semaphore = asyncio.Lock(), asyncio.Semaphore(workers)

    async def one(item):
        async with semaphore:
            await asyncio.sleep(0.012)
            total = compute(item)
            async with lock:
                await asyncio.sleep(0.004)
            return total

    return sum(await asyncio.gather(*map(one, ITEMS)))


def child(items, lock, end):
    end.send(worker(items, lock))
    end.close()


def in_processes(workers):
    """A process and a pipe for each share."""
    lock, ends, children = multiprocessing.Lock(), [], []
    for index in range(workers):
        ours, theirs = multiprocessing.Pipe(duplex=False)
        process = multiprocessing.Process(target=child, args=(ITEMS[index::workers], lock, theirs))
        process.start()
        theirs.close()
        ends.append(ours)
        children.append(process)
    total = sum(end.recv() for end in ends)
    for process in children:
        process.join()
    return total


def main():
    model, workers, _ = corpus_args.parse()
    if model == "serial":
        total = worker(ITEMS, threading.Lock())
    elif model == "threads":
        total = in_threads(workers)
    elif model == "coroutines":
        total = asyncio.run(in_coroutines(workers))
    else:
        total = in_processes(workers)
    print(total)


if __name__ == "__main__":
    main()
