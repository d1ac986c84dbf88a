# SPDX-License-Identifier: BSD-2-Clause
#
# A process pool with as many workers as CPUs and pieces of work of some ten milliseconds.
#
# Folklore and measurement agree: CPU-bound Python belongs in processes, and this is how. Leave it.
#
# run: python3 {file}
# expect: model=processes change=keep not-finding=CA4001 not-finding=CA4101
import multiprocessing
import os


def score(document):
    total = 0
    for position in range(250_000):
        total = (total * 31 + position ^ document) & 0xFFFFFFFF
    return total


if __name__ == "__main__":
    multiprocessing.set_start_method("fork")
    cpus = len(os.sched_getaffinity(0))
    with multiprocessing.Pool(cpus) as pool:
        print(sum(pool.imap_unordered(score, range(50 * cpus))))
