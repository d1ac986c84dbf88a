# SPDX-License-Identifier: BSD-2-Clause
#
# Hashes large blocks with hashlib, in as many threads as there are CPUs.
#
# Folklore: CPU-bound Python needs processes. Measured: hashlib lets go of the interpreter lock for blocks above 2 KiB;
# threads fill the CPUs and share the blocks without copying.
#
# run: python3 {file}
# expect: model=threads change=keep not-finding=CA2001
import hashlib
import os
from concurrent.futures import ThreadPoolExecutor

BLOCK = bytes(range(256)) * 16384  # 4 MiB


def digest(_):
    return hashlib.sha256(BLOCK).digest()[0]


cpus = len(os.sched_getaffinity(0))
with ThreadPoolExecutor(cpus) as pool:
    print(sum(pool.map(digest, range(400 * cpus))))
