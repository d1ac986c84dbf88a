# SPDX-License-Identifier: BSD-2-Clause
#
# Downloads files and compresses each with zlib, one after the other.
#
# Folklore: waits and CPU, so coroutines feeding a process pool. Measured: zlib lets go of the interpreter lock, so that
# a plain thread pool overlaps the downloads and fills the CPUs; the hybrid is no faster.
#
# run: python3 {file}
# server: delay
# needs: python3-requests
# expect: model=threads|processes+coroutines change=switch
import os
import sys
import zlib

import requests

URL = os.environ.get("CONCADVISE_DELAY_URL") or sys.exit("needs the delay server: run examples/with_server python3 ...")
NOISE = os.urandom(1 << 19)

total = 0
with requests.Session() as session:
    for _ in range(24):
        content = session.get(f"{URL}/delay/30/500000").content
        total += len(zlib.compress(content + NOISE, 9))
print(total, "bytes")
