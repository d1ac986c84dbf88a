# SPDX-License-Identifier: BSD-2-Clause
#
# Squares numbers in a pool of processes, one number per message.
#
# Folklore: "use all cores: ProcessPoolExecutor.map". Measured: pickling, pipes and wake-ups take many times what the
# square does; with a chunksize of some thousands that goes away, and so does most of the run.
#
# run: python3 {file}
# expect: model=serial|processes|threads change=fix|switch finding=CA4102 not-finding=CA4101
import concurrent.futures
import os


def square(number):
    return number * number


if __name__ == "__main__":
    with concurrent.futures.ProcessPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        print(sum(pool.map(square, range(12_000))))
