# SPDX-License-Identifier: BSD-2-Clause
#
# Fetches thirty pages one after the other with requests.
#
# Folklore: "the network is slow". Measured: so it is, but the program waits for one answer at a time. An async twin of
# requests exists (aiohttp, httpx), so coroutines; a small thread pool is just as fast at this number of requests.
#
# run: python3 {file}
# server: delay
# needs: python3-requests
# expect: model=coroutines|threads change=switch finding=CA3001
import os
import sys

import requests

URL = os.environ.get("CONCADVISE_DELAY_URL") or sys.exit("needs the delay server: run examples/with_server python3 ...")

with requests.Session() as session:
    print(sum(len(session.get(f"{URL}/delay/50/2000").content) for _ in range(30)), "bytes")
