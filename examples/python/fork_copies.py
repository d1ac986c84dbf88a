# SPDX-License-Identifier: BSD-2-Clause
#
# Loads half a million objects and forks workers that only read them.
#
# Folklore: "fork shares memory, so workers are free". Measured: looking at an object counts a reference, which writes to
# its page: each worker ends up with a copy of nearly everything. Keep such data in arrays, or load it in the workers.
#
# run: python3 {file}
# expect: model=processes|threads finding=CA4201
import multiprocessing
import os
import sys
import time

WORKERS = len(os.sched_getaffinity(0))


def total(worker):
    until, result = time.monotonic() + 1.5, 0
    while time.monotonic() < until:
        result = sum(len(name) for name in names)
    return result + worker


if __name__ == "__main__":
    names = [f"name of the customer with the number {number}" for number in range(500_000)]
    workers = [multiprocessing.get_context("fork").Process(target=total, args=(worker,)) for worker in range(WORKERS)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    sys.exit(any(worker.exitcode for worker in workers))
