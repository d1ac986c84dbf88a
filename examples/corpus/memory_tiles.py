# SPDX-License-Identifier: BSD-2-Clause
#
# Works on tiles of 48 MB each, made, sorted and thrown away by the worker: every worker needs about 100 MB.
#
# models: serial threads processes
# workers: threads=cpus processes=cpus
# needs: python3-numpy
import multiprocessing
from concurrent.futures import ThreadPoolExecutor

import numpy

import corpus_args

TILES = 32
CELLS = 6_000_000


def work(tile):
    cells = numpy.arange(CELLS, dtype=numpy.uint64)
    cells *= numpy.uint64(2654435761 + 2 * tile)
    cells &= numpy.uint64(0xFFFFFFFF)
    cells = numpy.partition(cells, CELLS // 2)
    return int(cells[CELLS // 2])


def main():
    model, workers, _ = corpus_args.parse()
    if model == "serial":
        total = sum(map(work, range(TILES)))
    elif model == "threads":
        with ThreadPoolExecutor(workers) as pool:
            total = sum(pool.map(work, range(TILES)))
    else:
        with multiprocessing.Pool(workers) as pool:
            total = sum(pool.imap(work, range(TILES)))
    print(total)


if __name__ == "__main__":
    main()
