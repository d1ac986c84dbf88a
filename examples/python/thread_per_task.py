# SPDX-License-Identifier: BSD-2-Clause
#
# Starts a thread for each of thousands of tiny pieces of pure Python.
#
# Folklore: threads are light. Measured: creating one costs more than such a piece, and under the interpreter lock only
# one of them computes. A plain loop is the fastest of all.
#
# run: python3 {file}
# expect: model=serial|threads|processes change=fix|switch finding=CA4002
import threading

total = 0


def add(number):
    global total
    total += sum(range(number % 400))


for start in range(0, 14_000, 20):
    threads = [threading.Thread(target=add, args=(number,)) for number in range(start, start + 20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
print(total)
