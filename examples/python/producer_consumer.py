# SPDX-License-Identifier: BSD-2-Clause
#
# A producer thread makes lines, a consumer thread parses them, a bounded queue in between.
#
# Folklore: two threads, so both sides run at once. Measured: both are pure Python and share one interpreter lock; the
# parsing is the longer side. Batches of lines parsed by a process pool use every CPU.
#
# run: python3 {file}
# expect: model=processes change=switch
import queue
import threading

lines = queue.Queue(maxsize=100)
total = 0


def produce():
    for number in range(4000):
        lines.put(",".join(str(number * factor) for factor in range(600)))
    lines.put(None)


def consume():
    global total
    for line in iter(lines.get, None):
        for field in line.split(","):
            for letter in field:
                total = (total * 31 + ord(letter)) & 0xFFFFFFFF


threads = [threading.Thread(target=produce), threading.Thread(target=consume)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(total)
