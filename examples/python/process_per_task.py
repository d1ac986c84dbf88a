# SPDX-License-Identifier: BSD-2-Clause
#
# Starts a multiprocessing.Process for each small piece of work, as many at once as there are CPUs.
#
# Folklore: "CPU-bound: multiprocessing". Measured: right model, but starting a process costs as much as the piece. A
# pool pays that once per worker.
#
# run: python3 {file}
# expect: model=processes change=fix finding=CA4001
import multiprocessing
import os


def score(document):
    total = 0
    for position in range(20_000):
        total = (total * 31 + position ^ document) & 0xFFFFFFFF
    return total


if __name__ == "__main__":
    multiprocessing.set_start_method("fork")
    cpus = len(os.sched_getaffinity(0))
    running = []
    for document in range(500):
        process = multiprocessing.Process(target=score, args=(document,))
        process.start()
        running.append(process)
        if len(running) == cpus:
            running.pop(0).join()
    for process in running:
        process.join()
    print("scored 500 documents")
