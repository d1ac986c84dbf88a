# SPDX-License-Identifier: BSD-2-Clause
#
# Starts a thread for every one of six hundred requests, all at once.
#
# Folklore: threads are fine for waiting. Measured: so they are, but nothing bounds their number: memory, connections and
# the peer's load grow with the input. Bound it with a pool, or use coroutines behind a semaphore.
#
# run: python3 {file}
# server: delay
# expect: model=threads|coroutines change=fix|switch finding=CA4003
import os
import sys
import threading
import urllib.request

URL = os.environ.get("CONCADVISE_DELAY_URL") or sys.exit("needs the delay server: run examples/with_server python3 ...")
lengths = []


def fetch():
    with urllib.request.urlopen(f"{URL}/delay/1200/2000") as answer:
        lengths.append(len(answer.read()))


threads = [threading.Thread(target=fetch) for _ in range(600)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(sum(lengths), "bytes")
