# SPDX-License-Identifier: BSD-2-Clause
#
# Worker processes count words in a multiprocessing.Manager().dict().
#
# Folklore: "share state through a Manager". Measured: every access is a message to the manager process and back; nearly
# all the time goes there. Count locally and merge once.
#
# run: python3 {file}
# expect: model=processes|serial change=fix|switch finding=CA4101
import multiprocessing
import os


def count(shared, worker):
    for word in range(20_000):
        key = worker, word % 50
        shared[key] = shared.get(key, 0) + 1


if __name__ == "__main__":
    multiprocessing.set_start_method("fork")
    with multiprocessing.Manager() as manager:
        shared = manager.dict()
        workers = [
            multiprocessing.Process(target=count, args=(shared, worker)) for worker in range(len(os.sched_getaffinity(0)))
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        print(sum(shared.values()))
