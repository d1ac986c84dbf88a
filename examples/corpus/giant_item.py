# SPDX-License-Identifier: BSD-2-Clause
#
# Forty reports, and one of them is thirty times as long as the others: nothing can finish before it does.
#
# models: serial threads processes
# workers: threads=cpus processes=cpus
import threading
from concurrent.futures import ProcessPoolExecutor

import corpus_args

SIZES = [250_000] * 25 + [7_500_000] + [250_000] * 14


def report(size):
    value = size
    for _ in range(size):
        value = (value * 69069 + 1) & 0xFFFFFFFF
    return value


def in_threads(workers):
    """Threads share one iterator; the interpreter lock makes next() safe."""
    todo, found = iter(SIZES), []

    def work():
        for size in todo:
            found.append(report(size))

    threads = [threading.Thread(target=work) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(found)


def main():
    model, workers, _ = corpus_args.parse()
    if model == "serial":
        total = sum(map(report, SIZES))
    elif model == "threads":
        total = in_threads(workers)
    else:
        with ProcessPoolExecutor(workers) as pool:
            # The giant first, as one does who knows the sizes.
            total = sum(pool.map(report, sorted(SIZES, reverse=True)))
    print(total)


if __name__ == "__main__":
    main()
