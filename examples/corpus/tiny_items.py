# SPDX-License-Identifier: BSD-2-Clause
#
# Eighty thousand items of some 20 us, handed over one by one: with processes the hand-over costs more than the work.
#
# models: serial threads processes
# workers: threads=cpus processes=cpus
import multiprocessing
from concurrent.futures import ThreadPoolExecutor

import corpus_args


def score(number):
    total = 0
    for digit in range(number % 400 + 400):
        total += digit ^ number
    return total & 0xFF


def main():
    model, workers, _ = corpus_args.parse()
    numbers = range(80_000)
    if model == "serial":
        total = sum(map(score, numbers))
    elif model == "threads":
        with ThreadPoolExecutor(workers) as pool:
            total = sum(pool.map(score, numbers))
    else:
        with multiprocessing.Pool(workers) as pool:
            total = sum(pool.imap(score, numbers))
    print(total)


if __name__ == "__main__":
    main()
