# SPDX-License-Identifier: BSD-2-Clause
"""Three threads of pure Python: one runs, two queue for the interpreter lock. It ends by the clock, however slow the CPU."""
import threading
import time

SECONDS = 0.4


def grind(until):
    total = 0
    while time.monotonic() < until:
        for step in range(500):
            total = (total * 31 + step) & 0xFFFFFFFF


end = time.monotonic() + SECONDS
threads = [threading.Thread(target=grind, args=(end,)) for _ in range(3)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
