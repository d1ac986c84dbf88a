# SPDX-License-Identifier: BSD-2-Clause
#
# Polls devices six hundred times: each takes 10 ms to answer (a sleep here), and the reading is decoded in a fifth of a millisecond.
#
# models: serial threads coroutines processes processes+coroutines
# workers: threads=10 coroutines=12 processes=8 processes+coroutines=cpusx5
#
# Whoever is free takes the next reading: threads from a deque, coroutines from an iterator, processes from a counter in shared memory.
import asyncio
import collections
import multiprocessing
import threading
import time

import corpus_args

READINGS = 600
WAIT_S = 0.010


def decode(reading):
    """A checksum over the frame, bit by bit, as the manual of the device has it."""
    crc = 0xFFFF
    for position in range(400):
        crc ^= reading * position & 0xFF
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
    return crc


class Poller(threading.Thread):
    """Polls until nothing is left."""

    def __init__(self, todo):
        super().__init__(name="poller")
        self.todo, self.total = todo, 0

    def run(self):
        while True:
            try:
                reading = self.todo.popleft()
            except IndexError:
                return
            time.sleep(WAIT_S)
            self.total += decode(reading)


def in_threads(workers):
    todo = collections.deque(range(READINGS))
    pollers = [Poller(todo) for _ in range(workers)]
    for poller in pollers:
        poller.start()
    for poller in pollers:
        poller.join()
    return sum(poller.total for poller in pollers)


async def in_coroutines(claim, workers):
    total = 0

    async def poller():
        nonlocal total
        while (reading := claim()) < READINGS:
            await asyncio.sleep(WAIT_S)
            total += decode(reading)

    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(poller())
    return total


def claimer(counter):
    """Takes the next number from a counter that processes share."""

    def claim():
        with counter.get_lock():
            counter.value += 1
            return counter.value - 1

    return claim


def child(counter, totals, index, in_flight):
    claim = claimer(counter)
    if in_flight:
        totals[index] = asyncio.run(in_coroutines(claim, in_flight))
        return
    while (reading := claim()) < READINGS:
        time.sleep(WAIT_S)
        totals[index] += decode(reading)


def in_processes(workers, in_flight):
    counter, totals = multiprocessing.Value("i", 0), multiprocessing.Array("q", workers, lock=False)
    children = [multiprocessing.Process(target=child, args=(counter, totals, index, in_flight)) for index in range(workers)]
    for process in children:
        process.start()
    for process in children:
        process.join()
    return sum(totals)


def main():
    model, workers, in_flight = corpus_args.parse()
    if model == "serial":
        total = 0
        for reading in range(READINGS):
            time.sleep(WAIT_S)
            total += decode(reading)
    elif model == "threads":
        total = in_threads(workers)
    elif model == "coroutines":
        numbers = iter(range(READINGS))
        total = asyncio.run(in_coroutines(lambda: next(numbers, READINGS), workers))
    else:
        total = in_processes(workers, in_flight if model == "processes+coroutines" else 0)
    print(total)


if __name__ == "__main__":
    main()
