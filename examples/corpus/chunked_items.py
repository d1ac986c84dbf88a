# SPDX-License-Identifier: BSD-2-Clause
#
# A quarter of a million items of some 6 us, handed over in chunks of a thousand: the hand-over costs next to nothing.
#
# models: serial threads processes
# workers: threads=cpus processes=cpus
import multiprocessing
import threading

import corpus_args

ITEMS = 250_000


def collatz(number):
    steps = 0
    while number != 1:
        number = number * 3 + 1 if number & 1 else number >> 1
        steps += 1
    return steps


def count_range(numbers, totals):
    totals.append(sum(map(collatz, numbers)))


def main():
    model, workers, _ = corpus_args.parse()
    numbers = range(300_001, 300_001 + ITEMS)
    if model == "serial":
        total = sum(map(collatz, numbers))
    elif model == "threads":
        totals = []
        threads = [threading.Thread(target=count_range, args=(numbers[i::workers], totals)) for i in range(workers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        total = sum(totals)
    else:
        with multiprocessing.Pool(workers) as pool:
            total = sum(pool.imap_unordered(collatz, numbers, chunksize=1000))
    print(total)


if __name__ == "__main__":
    main()
