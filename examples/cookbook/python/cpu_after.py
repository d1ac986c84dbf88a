# SPDX-License-Identifier: BSD-2-Clause
#
# The documents of cpu_before.py in a pool of processes, one for each CPU.
#
# run: python3 {file}
# expect: model=processes not-finding=CA1001
import os
from concurrent.futures import ProcessPoolExecutor


def score(document):
    total = 0
    for position in range(500_000):
        total = (total * 31 + position ^ document) & 0xFFFFFFFF
    return total


if __name__ == "__main__":
    with ProcessPoolExecutor(max_workers=len(os.sched_getaffinity(0))) as pool:
        print(sum(pool.map(score, range(24))))
