# SPDX-License-Identifier: BSD-2-Clause
#
# Imports numpy and requests, builds a table for a third of a second, scores rows, and writes a summary: half is serial.
#
# models: serial threads processes
# workers: threads=cpus processes=cpus
# needs: python3-numpy python3-requests
import json
import multiprocessing
import tempfile
from concurrent.futures import ThreadPoolExecutor

import numpy
import requests

import corpus_args

ROWS = 130


def set_up():
    """Needs to be done once, before anything else."""
    table = {}
    for number in range(1_600_000):
        table[number] = (number * 7919) % 1000
    return table


def score(row):
    """The table is there: made before threads start, and before processes are forked."""
    total = 0
    for number in range(row * 900, row * 900 + 160_000):
        total += TABLE[number] ^ row
    return total


def tear_down(scores):
    """A summary of everything."""
    with tempfile.TemporaryFile("w") as file:
        for _ in range(20):
            json.dump({str(number): [value, scores] for number, value in enumerate(scores * 8)}, file)
    return int(numpy.median(scores)) + len(requests.__name__)


def main():
    global TABLE
    model, workers, _ = corpus_args.parse()
    TABLE = set_up()
    if model == "serial":
        scores = list(map(score, range(ROWS)))
    elif model == "threads":
        with ThreadPoolExecutor(workers) as pool:
            scores = list(pool.map(score, range(ROWS)))
    else:
        with multiprocessing.Pool(workers) as pool:
            scores = pool.map(score, range(ROWS), chunksize=2)
    print(sum(scores), tear_down(scores))


if __name__ == "__main__":
    main()
