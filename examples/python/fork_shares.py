# SPDX-License-Identifier: BSD-2-Clause
#
# The same with the data in one array: forked workers read it and share it to the end.
#
# Folklore: "Python copies everything after a fork". Measured: only pages that are written to; the numbers in an array
# have no reference counts.
#
# run: python3 {file}
# expect: model=processes|threads not-finding=CA4201
import array
import multiprocessing
import os
import sys
import time

WORKERS = len(os.sched_getaffinity(0))


def total(worker):
    until, result = time.monotonic() + 1.5, 0
    while time.monotonic() < until:
        result = sum(lengths)
    return result + worker


if __name__ == "__main__":
    lengths = array.array("q", range(6_000_000))
    workers = [multiprocessing.get_context("fork").Process(target=total, args=(worker,)) for worker in range(WORKERS)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    sys.exit(any(worker.exitcode for worker in workers))
