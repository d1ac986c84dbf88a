# SPDX-License-Identifier: BSD-2-Clause
#
# Hashes blocks of 2 MiB with hashlib, which lets go of the interpreter lock. The blocks are made at the start.
#
# models: serial threads processes
# workers: threads=cpus processes=cpus
import hashlib
import random
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import corpus_args

BLOCKS = [random.Random(seed).randbytes(2 << 20) for seed in range(16)]


def digest(number):
    return hashlib.sha256(BLOCKS[number % len(BLOCKS)] + number.to_bytes(4, "little")).digest()[0]


def main():
    model, workers, _ = corpus_args.parse()
    numbers = range(1200)
    if model == "serial":
        total = sum(map(digest, numbers))
    elif model == "threads":
        with ThreadPoolExecutor(workers) as pool:
            total = sum(pool.map(digest, numbers))
    else:
        with ProcessPoolExecutor(workers) as pool:  # forked: the blocks are there already
            total = sum(pool.map(digest, numbers, chunksize=10))
    print(total)


if __name__ == "__main__":
    main()
