# SPDX-License-Identifier: BSD-2-Clause
#
# A producer writes records in pure Python, consumers pack them with bz2, without the interpreter lock.
#
# models: serial threads processes
# workers: threads=cpus processes=cpus
import bz2
import multiprocessing
import queue
import threading
import zlib

import corpus_args

BATCHES = 720


def produce(batch):
    lines = []
    for number in range(2400):
        value = (number * 2654435761 + batch * 40503) & 0xFFFFFFFF
        lines.append(f"{batch},{number},{value:08x},{value % 97}")
    return "\n".join(lines).encode()


def pack(data):
    return zlib.crc32(bz2.compress(data, 5))


def consume(batches, results):
    total = 0
    while (data := batches.get()) is not None:
        total += pack(data)
    results.put(total)


def with_consumers(worker, make_queue, workers):
    """The main thread produces; `worker` makes the consumers, threads or processes."""
    batches, results = make_queue(8), make_queue()
    consumers = [worker(target=consume, args=(batches, results)) for _ in range(workers)]
    for consumer in consumers:
        consumer.start()
    for batch in range(BATCHES):
        batches.put(produce(batch))
    for _ in consumers:
        batches.put(None)
    total = sum(results.get() for _ in consumers)
    for consumer in consumers:
        consumer.join()
    return total


def main():
    model, workers, _ = corpus_args.parse()
    if model == "serial":
        total = sum(pack(produce(batch)) for batch in range(BATCHES))
    elif model == "threads":
        total = with_consumers(threading.Thread, queue.Queue, workers)
    else:
        total = with_consumers(multiprocessing.Process, multiprocessing.Queue, workers)
    print(total)


if __name__ == "__main__":
    main()
