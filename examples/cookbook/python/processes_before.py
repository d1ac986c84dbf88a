# SPDX-License-Identifier: BSD-2-Clause
#
# Squares numbers in a pool of processes, one number a message.
#
# run: python3 {file}
# expect: model=serial|processes|threads finding=CA4102
import os
from concurrent.futures import ProcessPoolExecutor


def square(number):
    return number * number


if __name__ == "__main__":
    with ProcessPoolExecutor(max_workers=len(os.sched_getaffinity(0))) as pool:
        print(sum(pool.map(square, range(8_000))))
