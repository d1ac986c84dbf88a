# SPDX-License-Identifier: BSD-2-Clause
#
# Asks a quick service four hundred times with requests.get(), which opens a connection for each.
#
# Folklore: "requests.get() is the way to fetch". Measured: as many connections as requests, one open at a time; each
# costs a round trip before the first byte (with TLS: two or three). One requests.Session keeps it open.
#
# run: python3 {file}
# server: delay
# needs: python3-requests
# expect: model=coroutines|threads|processes+coroutines change=switch finding=CA3301
import os
import sys

import requests

URL = os.environ.get("CONCADVISE_DELAY_URL") or sys.exit("needs the delay server: run examples/with_server python3 ...")

print(sum(len(requests.get(f"{URL}/delay/5/2000").content) for _ in range(400)), "bytes")
