# SPDX-License-Identifier: BSD-2-Clause
#
# Packs twenty-six pieces of a backup with lzma: bursts of a few hundred milliseconds without the interpreter lock.
#
# models: serial threads coroutines processes
# workers: threads=cpus coroutines=cpus processes=cpus
import asyncio
import lzma
import random
import zlib
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import corpus_args

PIECES = 26


def pack(number):
    numbers = random.Random(number)
    piece = b"".join(b"%d,%d;" % (numbers.randrange(1000), numbers.randrange(90)) for _ in range(50_000))
    return zlib.crc32(lzma.compress(piece, preset=4))


async def in_coroutines(workers):
    """The loop hands each piece to its executor, and awaits."""
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(workers) as pool:
        return sum(await asyncio.gather(*(loop.run_in_executor(pool, pack, number) for number in range(PIECES))))


def main():
    model, workers, _ = corpus_args.parse()
    if model == "serial":
        total = sum(map(pack, range(PIECES)))
    elif model == "threads":
        with ThreadPoolExecutor(workers) as pool:
            total = sum(pool.map(pack, range(PIECES)))
    elif model == "coroutines":
        total = asyncio.run(in_coroutines(workers))
    else:
        with ProcessPoolExecutor(workers) as pool:
            total = sum(pool.map(pack, range(PIECES)))
    print(total)


if __name__ == "__main__":
    main()
