# SPDX-License-Identifier: BSD-2-Clause
#
# Compresses blocks with zlib, in as many threads as there are CPUs.
#
# Folklore: CPU-bound Python needs processes. Measured: zlib lets go of the interpreter lock; threads fill the CPUs.
#
# run: python3 {file}
# expect: model=threads change=keep not-finding=CA2001
import os
import zlib
from concurrent.futures import ThreadPoolExecutor

BLOCK = b"".join(b"%d,%d;" % (n, n * n % 9973) for n in range(60_000))


def squeeze(_):
    return len(zlib.compress(BLOCK, 6))


cpus = len(os.sched_getaffinity(0))
with ThreadPoolExecutor(cpus) as pool:
    print(sum(pool.map(squeeze, range(30 * cpus))), "bytes")
