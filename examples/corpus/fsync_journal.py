# SPDX-License-Identifier: BSD-2-Clause
#
# Writes nine thousand records, each to the disk for good (fsync) before it counts, in 180 files.
#
# models: serial threads coroutines processes
# workers: threads=8 coroutines=8 processes=4
import asyncio
import os
import pathlib
import random
import tempfile
import threading
import zlib
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import corpus_args

FILES, RECORDS = range(180), 50
PIECE = random.Random(4711).randbytes(16384)


def journal(job):
    """One file: its records one after the other, as a journal must be."""
    folder, number = job
    total = 0
    with open(folder / f"{number}.journal", "wb", buffering=0) as file:
        for record in range(RECORDS):
            data = PIECE[record:] + bytes([number])
            total += zlib.crc32(data)
            file.write(data)
            os.fsync(file.fileno())
    return total


def in_threads(jobs, workers):
    """As many threads as may write at once; each takes every Nth file."""
    totals = [0] * workers

    def work(index):
        totals[index] = sum(map(journal, jobs[index::workers]))

    threads = [threading.Thread(target=work, args=(index,)) for index in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(totals)


async def in_coroutines(jobs, workers):
    """Files know no readiness: the loop's executor does the waiting."""
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(workers))
    return sum(await asyncio.gather(*(loop.run_in_executor(None, journal, job) for job in jobs)))


def main():
    model, workers, _ = corpus_args.parse()
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        jobs = [(pathlib.Path(folder), number) for number in FILES]
        if model == "serial":
            total = sum(map(journal, jobs))
        elif model == "threads":
            total = in_threads(jobs, workers)
        elif model == "coroutines":
            total = asyncio.run(in_coroutines(jobs, workers))
        else:
            with ProcessPoolExecutor(workers) as pool:
                total = sum(pool.map(journal, jobs))
    print(total)


if __name__ == "__main__":
    main()
