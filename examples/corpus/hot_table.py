# SPDX-License-Identifier: BSD-2-Clause
#
# Counts hits in one table under one lock: half of the work is inside the lock, all of it under the interpreter lock.
#
# models: serial threads processes
# workers: threads=4 processes=cpus
import threading
from concurrent.futures import ProcessPoolExecutor

import corpus_args

BLOCKS = range(640)


def parse(block):
    """The hits of one block of the log."""
    value, hits = block + 1, []
    for _ in range(9000):
        value = (value * 1103515245 + 12345) & 0x7FFFFFFF
        hits.append(value >> 16 & 0x3FF)
    return hits


def enter(table, hits):
    for hit in hits:
        table[hit] = table.get(hit, 0) + 1


def in_threads(workers):
    lock, table = threading.Lock(), {}

    def work(index):
        for block in BLOCKS[index::workers]:
            hits = parse(block)
            with lock:
                enter(table, hits)

    threads = [threading.Thread(target=work, args=(index,)) for index in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return table


def own_table(blocks):
    table = {}
    for block in blocks:
        enter(table, parse(block))
    return table


def main():
    model, workers, _ = corpus_args.parse()
    if model == "serial":
        table = own_table(BLOCKS)
    elif model == "threads":
        table = in_threads(workers)
    else:
        table = {}
        with ProcessPoolExecutor(workers) as pool:
            for part in pool.map(own_table, [BLOCKS[index : index + 8] for index in range(0, 640, 8)]):
                for hit, count in part.items():
                    table[hit] = table.get(hit, 0) + count
    print(sum((hit + 1) * count * count for hit, count in table.items()))


if __name__ == "__main__":
    main()
