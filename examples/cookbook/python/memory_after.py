# SPDX-License-Identifier: BSD-2-Clause
#
# The service of memory_before.py with room for a hundred answers.
#
# run: python3 {file}
# expect: model=serial|coroutines|threads|processes|none not-finding=CA5002
import time
from functools import lru_cache


@lru_cache(maxsize=100)
def answer(request):
    return b"x" * (200_000 + request)


for request in range(500):
    answer(request)
    time.sleep(0.005)
