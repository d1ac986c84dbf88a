# SPDX-License-Identifier: BSD-2-Clause
#
# Counts the primes in sixty ranges, in pure Python: the interpreter lock is held all the time.
#
# models: serial threads coroutines processes
# workers: threads=cpus coroutines=8 processes=cpus
import asyncio
import multiprocessing
import threading

import corpus_args

RANGES = [(start, start + 6000) for start in range(1_000_000, 1_360_000, 6000)]


def primes(bounds):
    found = 0
    for number in range(bounds[0] | 1, bounds[1], 2):
        divisor = 3
        while divisor * divisor <= number:
            if number % divisor == 0:
                break
            divisor += 2
        else:
            found += 1
    return found


def in_threads(workers):
    """Every thread has its slice of the ranges from the start."""
    found = [0] * workers

    def work(index):
        found[index] = sum(primes(bounds) for bounds in RANGES[index::workers])

    threads = [threading.Thread(target=work, args=(index,)) for index in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(found)


async def in_coroutines(workers):
    """What does not help: there is nothing to await."""
    semaphore = asyncio.Semaphore(workers)

    async def work(bounds):
        async with semaphore:
            return primes(bounds)

    return sum(await asyncio.gather(*(work(bounds) for bounds in RANGES)))


def main():
    model, workers, _ = corpus_args.parse()
    if model == "serial":
        total = sum(primes(bounds) for bounds in RANGES)
    elif model == "threads":
        total = in_threads(workers)
    elif model == "coroutines":
        total = asyncio.run(in_coroutines(workers))
    else:
        with multiprocessing.Pool(workers) as pool:
            total = sum(pool.map(primes, RANGES))
    print(total)


if __name__ == "__main__":
    main()
