# SPDX-License-Identifier: BSD-2-Clause
#
# Eighty thousand items of some 20 us: a hand-over to another process costs more than the work.
#
# models: serial threads processes
# workers: threads=cpus processes=cpus
# flawed: threads processes
#
# Workers take chunks of two hundred items; flawed, one item at a time.
import multiprocessing
from concurrent.futures import ThreadPoolExecutor

import corpus_args


def score(number):
    total = 0
    for digit in range(number % 400 + 400):
        total += digit ^ number
    return total & 0xFF


def score_chunk(numbers):
    return sum(map(score, numbers))


def main():
    model, workers, _ = corpus_args.parse()
    numbers = range(80_000)
    chunks = [numbers[start : start + 200] for start in range(0, len(numbers), 200)]
    if model == "serial":
        total = sum(map(score, numbers))
    elif model == "threads":
        with ThreadPoolExecutor(workers) as pool:
            total = sum(pool.map(score, numbers) if corpus_args.flawed() else pool.map(score_chunk, chunks))
    else:
        with multiprocessing.Pool(workers) as pool:
            total = sum(pool.imap(score, numbers, chunksize=1 if corpus_args.flawed() else 200))
    print(total)


if __name__ == "__main__":
    main()
