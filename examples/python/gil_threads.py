# SPDX-License-Identifier: BSD-2-Clause
#
# Four threads look for odd primes in pure Python.
#
# Folklore: four threads, four cores. Measured: bytecode runs one thread at a time behind the interpreter lock (GIL);
# three of four threads wait for it at any moment, and processes are faster by the number of CPUs.
#
# run: python3 {file}
# expect: model=processes change=switch finding=CA2001
import threading

LIMIT = 26_000
found = [0] * 4


def is_prime(n):
    for divisor in range(2, n):
        if n % divisor == 0:
            return False
    return n > 1


def count_primes(slot):
    found[slot] = sum(is_prime(n) for n in range(2 * slot + 1, LIMIT, 8))


threads = [threading.Thread(target=count_primes, args=(slot,)) for slot in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(sum(found), "odd primes")
