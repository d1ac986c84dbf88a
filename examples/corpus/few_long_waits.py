# SPDX-License-Identifier: BSD-2-Clause
#
# Sixteen waits of 0.15-0.2 s, and hardly any computing: few, but long.
#
# models: serial threads coroutines processes
# workers: threads=8 coroutines=16 processes=4
# flawed: coroutines
#
# Flawed coroutines wait with time.sleep(), which stops the loop.
import asyncio
import multiprocessing
import time
from concurrent.futures import ThreadPoolExecutor

import corpus_args

WAITS = [0.15 + 0.003 * number for number in range(16)]


def compute(wait):
    return sum(divmod(int(wait * 1e6) * number, 97)[1] for number in range(3000))


def job(wait):
    time.sleep(wait)
    return compute(wait)


async def in_coroutines(workers):
    semaphore = asyncio.Semaphore(workers)

    async def one(wait):
        async with semaphore:
            if corpus_args.flawed():
                time.sleep(wait)
            else:
                await asyncio.sleep(wait)
            return compute(wait)

    return sum(await asyncio.gather(*map(one, WAITS)))


def main():
    model, workers, _ = corpus_args.parse()
    if model == "serial":
        total = sum(map(job, WAITS))
    elif model == "threads":
        with ThreadPoolExecutor(workers) as pool:
            total = sum(pool.map(job, WAITS))
    elif model == "coroutines":
        total = asyncio.run(in_coroutines(workers))
    else:
        with multiprocessing.Pool(workers) as pool:
            total = sum(pool.map(job, WAITS, chunksize=1))
    print(total)


if __name__ == "__main__":
    main()
