# SPDX-License-Identifier: BSD-2-Clause
#
# The texts of locks_before.py in processes: each has an interpreter lock of its own.
#
# run: python3 {file}
# expect: model=processes|threads not-finding=CA2001
import os
from concurrent.futures import ProcessPoolExecutor

TEXT = "of every nanosecond of every thread it is known where it went " * 4000


def count(number):
    words = {}
    for word in TEXT.split():
        word = word[number % 2 :]
        words[word] = words.get(word, 0) + 1
    return len(words)


if __name__ == "__main__":
    with ProcessPoolExecutor(max_workers=len(os.sched_getaffinity(0))) as pool:
        print(sum(pool.map(count, range(144))))
