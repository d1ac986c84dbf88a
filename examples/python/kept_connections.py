# SPDX-License-Identifier: BSD-2-Clause
#
# Sixteen connections, opened once and kept, over which threads ask a service two hundred times.
#
# Folklore: "many connections are bad". Measured: as many as there are requests under way at once, each opened once: what
# a connection pool does, and nothing to mend.
#
# run: python3 {file}
# server: delay
# needs: python3-requests
# expect: model=threads|coroutines not-finding=CA3301 not-finding=CA4003 not-finding=CA2201
import concurrent.futures
import os
import sys
import threading

import requests

URL = os.environ.get("CONCADVISE_DELAY_URL") or sys.exit("needs the delay server: run examples/with_server python3 ...")
local = threading.local()


def connect():
    local.session = requests.Session()


def fetch(number):
    return len(local.session.get(f"{URL}/delay/100/2000").content)


with concurrent.futures.ThreadPoolExecutor(16, initializer=connect) as pool:
    print(sum(pool.map(fetch, range(200))), "bytes")
