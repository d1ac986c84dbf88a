# SPDX-License-Identifier: BSD-2-Clause
#
# Fetches pages with requests in a pool of sixteen threads.
#
# Folklore: coroutines are faster than threads. Measured: with the same number of requests in flight they tie; a rewrite
# would gain nothing here. More threads would, as long as the peer bears as many requests at once.
#
# run: python3 {file}
# server: delay
# needs: python3-requests
# expect: model=threads change=fix not-finding=CA2001 not-finding=CA3001 not-finding=CA3401
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import requests

URL = os.environ.get("CONCADVISE_DELAY_URL") or sys.exit("needs the delay server: run examples/with_server python3 ...")
local = threading.local()


def fetch(_):
    if not hasattr(local, "session"):
        local.session = requests.Session()
    return len(local.session.get(f"{URL}/delay/150/2000").content)


with ThreadPoolExecutor(16) as pool:
    print(sum(pool.map(fetch, range(16 * 10))), "bytes")
