# SPDX-License-Identifier: BSD-2-Clause
#
# Keeps every answer that it ever computed, in a cache without a bound.
#
# Folklore: "memory is cheap". Measured: it grows to the end, at the rate of the work; nothing stops it but the limit of
# the machine. Bound the cache (functools.lru_cache with a maxsize).
#
# run: python3 {file}
# expect: model=serial|processes|threads|coroutines finding=CA5002
import time

cache = {}
until, key = time.monotonic() + 4, 0
while time.monotonic() < until:
    cache[key] = bytes(100_000 + key)  # the flaw: nothing is ever dropped
    key += 1
    sum(range(60_000))
print(len(cache), "answers kept")
