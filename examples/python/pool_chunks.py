# SPDX-License-Identifier: BSD-2-Clause
#
# Checks numbers for primes in a pool of processes, a thousand of them per message.
#
# Folklore: "a process pool does not pay for small items". Measured: it does when they travel in chunks; one by one
# (chunksize=1, the default of executor.map) the transfer takes more than the work.
#
# run: python3 {file}
# expect: model=processes change=keep|fix not-finding=CA4102 not-finding=CA4101 not-finding=CA4201
import concurrent.futures
import os


def is_prime(number):
    return number > 1 and all(number % divisor for divisor in range(2, int(number**0.5) + 1))


if __name__ == "__main__":
    with concurrent.futures.ProcessPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        print(sum(pool.map(is_prime, range(500_000), chunksize=1000)))
