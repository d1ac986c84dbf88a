# SPDX-License-Identifier: BSD-2-Clause
#
# Fills a cache in its first second and works with it for three more.
#
# Folklore: "it takes a lot of memory, so it leaks". Measured: it stays level once it is loaded.
#
# run: python3 {file}
# expect: model=serial|processes|threads|coroutines not-finding=CA5002
import time

start, key = time.monotonic(), 0
cache = {}
while time.monotonic() < start + 4:
    if time.monotonic() < start + 1:
        cache[key] = bytes(400_000)
        key += 1
    sum(range(60_000))
print(len(cache), "answers kept")
