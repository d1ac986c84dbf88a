# SPDX-License-Identifier: BSD-2-Clause
#
# Downloads documents and parses each in pure Python, one after the other: waits and CPU in about equal parts.
#
# Folklore and measurement agree: neither coroutines (one CPU) nor a few processes (they wait) use the machine; event
# loops in as many processes as CPUs do.
#
# run: python3 {file}
# server: delay
# needs: python3-requests
# expect: model=processes+coroutines|processes change=switch
import os
import sys

import requests

URL = os.environ.get("CONCADVISE_DELAY_URL") or sys.exit("needs the delay server: run examples/with_server python3 ...")


def parse(text):
    total = 0
    for line in text.split("\n"):
        for column, field in enumerate(line.split(",")):
            for letter in field:
                total = (total * 31 + ord(letter) + column) & 0xFFFFFFFF
    return total


with requests.Session() as session:
    print(sum(parse(session.get(f"{URL}/delay/40/300000").text) for _ in range(24)))
