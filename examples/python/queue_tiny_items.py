# SPDX-License-Identifier: BSD-2-Clause
#
# Sends single numbers to worker processes through a multiprocessing.Queue, and squares back.
#
# Folklore: "queues make processes co-operate". Measured: pickling, pipes and wake-ups cost many times the squaring.
# Send batches, or do it in one process.
#
# run: python3 {file}
# expect: model=serial|processes change=fix|switch finding=CA4102 not-finding=CA4101
import multiprocessing
import os


def square(numbers, squares):
    for number in iter(numbers.get, None):
        squares.put(number * number)


if __name__ == "__main__":
    multiprocessing.set_start_method("fork")
    cpus = len(os.sched_getaffinity(0))
    numbers, squares = multiprocessing.Queue(), multiprocessing.Queue()
    workers = [multiprocessing.Process(target=square, args=(numbers, squares)) for _ in range(cpus)]
    for worker in workers:
        worker.start()
    for number in range(120_000):
        numbers.put(number)
    for _ in workers:
        numbers.put(None)
    print(sum(squares.get() for _ in range(120_000)))
    for worker in workers:
        worker.join()
