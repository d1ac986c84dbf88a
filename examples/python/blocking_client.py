# SPDX-License-Identifier: BSD-2-Clause
#
# Asks a service sixty times over one kept connection, with a client that blocks.
#
# Folklore: "the library is fine, the network is slow". Measured: nearly all the time is in the library, one answer after
# another, and an asynchronous twin of it exists: sixty answers would take little longer than one.
#
# run: python3 {file}
# server: delay
# needs: python3-requests
# expect: model=coroutines|threads|processes+coroutines change=switch finding=CA3401 finding=CA3001 not-finding=CA3301 not-finding=CA3201
import os
import sys

import requests

URL = os.environ.get("CONCADVISE_DELAY_URL") or sys.exit("needs the delay server: run examples/with_server python3 ...")

with requests.Session() as session:
    print(sum(len(session.get(f"{URL}/delay/15/2000").content) for _ in range(60)), "bytes")
