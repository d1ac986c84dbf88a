# SPDX-License-Identifier: BSD-2-Clause
#
# Answers a request every 5 ms and keeps each answer in a cache without a bound.
#
# run: python3 {file}
# expect: model=serial|coroutines|threads|processes|none finding=CA5002
import time
from functools import lru_cache


@lru_cache(maxsize=None)
def answer(request):
    return b"x" * (200_000 + request)


for request in range(500):
    answer(request)
    time.sleep(0.005)
