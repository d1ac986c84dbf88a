# SPDX-License-Identifier: BSD-2-Clause
#
# Unpacks messages with gzip, without the interpreter lock, and parses each as JSON under it: half the time the one, half the other.
#
# models: serial threads processes
# workers: threads=cpus processes=cpus
import base64
import gzip
import json
import multiprocessing
import random
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait

import corpus_args

MESSAGES = 400
KINDS = 6


def make(kind):
    """A message with an attachment, which costs gzip more than json, and rows, which cost json more than gzip."""
    numbers = random.Random(kind)
    rows = [{"id": number, "name": f"part {number % 50}", "price": number % 97 / 4} for number in range(5200)]
    attachment = base64.b64encode(numbers.randbytes(430_000)).decode()
    return gzip.compress(json.dumps({"rows": rows, "attachment": attachment}).encode(), compresslevel=1, mtime=0)


PACKED = [make(kind) for kind in range(KINDS)]


def parse(number):
    message = json.loads(gzip.decompress(PACKED[number % KINDS]))
    return int(sum(row["price"] for row in message["rows"]) * 4) + len(message["attachment"]) + number


def in_threads(workers):
    """No more than twice as many messages in hand as there are threads."""
    total, pending, numbers = 0, set(), iter(range(MESSAGES))
    with ThreadPoolExecutor(workers) as pool:
        for number in numbers:
            pending.add(pool.submit(parse, number))
            if len(pending) >= 2 * workers:
                done, pending = wait(pending, return_when=FIRST_COMPLETED)
                total += sum(future.result() for future in done)
        return total + sum(future.result() for future in pending)


def child(todo, results):
    total = 0
    while (number := todo.get()) is not None:
        total += parse(number)
    results.put(total)


def in_processes(workers):
    """Two queues, and a None for each child at the end."""
    todo, results = multiprocessing.Queue(), multiprocessing.Queue()
    children = [multiprocessing.Process(target=child, args=(todo, results)) for _ in range(workers)]
    for process in children:
        process.start()
    for number in range(MESSAGES):
        todo.put(number)
    for _ in children:
        todo.put(None)
    total = sum(results.get() for _ in children)
    for process in children:
        process.join()
    return total


def main():
    model, workers, _ = corpus_args.parse()
    if model == "serial":
        print(sum(parse(number) for number in range(MESSAGES)))
    elif model == "threads":
        print(in_threads(workers))
    else:
        print(in_processes(workers))


if __name__ == "__main__":
    main()
