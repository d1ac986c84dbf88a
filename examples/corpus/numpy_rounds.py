# SPDX-License-Identifier: BSD-2-Clause
#
# A simulation in a hundred and fifty rounds over one array: every round is spread over the workers, then summed up serially.
#
# models: serial threads processes
# workers: threads=cpus processes=cpus
# needs: python3-numpy
import multiprocessing
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import shared_memory

import numpy

import corpus_args

CELLS = 3_200_000
PIECES = 8
ROUNDS = 150


def advance(array, piece):
    """One piece of one round; numpy lets go of the interpreter lock inside."""
    part = array[piece * CELLS // PIECES : (piece + 1) * CELLS // PIECES]
    numpy.sqrt(numpy.sin(part) * 0.5 + 1.0, out=part)


def balance(array):
    """The serial end of a round."""
    mean = array.mean()
    array -= mean * 0.25
    return round(float(mean), 6)


def attach(name):
    """In a worker process: the shared array, attached once."""
    global memory, cells
    memory = shared_memory.SharedMemory(name)
    cells = numpy.ndarray(CELLS, dtype=float, buffer=memory.buf)


def advance_shared(piece):
    advance(cells, piece)


def fill(array):
    array[:] = numpy.random.default_rng(4711).random(CELLS)


def main():
    model, workers, _ = corpus_args.parse()
    means = []
    if model == "processes":
        shared = shared_memory.SharedMemory(create=True, size=CELLS * 8)
        array = numpy.ndarray(CELLS, dtype=float, buffer=shared.buf)
        fill(array)
        with multiprocessing.Pool(workers, attach, (shared.name,)) as pool:
            for _ in range(ROUNDS):
                pool.map(advance_shared, range(PIECES), chunksize=1)
                means.append(balance(array))
        del array
        shared.close()
        shared.unlink()
    else:
        array = numpy.empty(CELLS)
        fill(array)
        pool = ThreadPoolExecutor(workers) if model == "threads" else None
        run = pool.map if pool else map
        for _ in range(ROUNDS):
            list(run(advance, [array] * PIECES, range(PIECES)))
            means.append(balance(array))
        if pool:
            pool.shutdown()
    print(sum(means))


if __name__ == "__main__":
    main()
