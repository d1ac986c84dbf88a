# SPDX-License-Identifier: BSD-2-Clause
#
# Counts the words of a hundred and forty-four texts in a pool of threads, all in bytecode.
#
# run: python3 {file}
# expect: model=processes|threads finding=CA2001
from concurrent.futures import ThreadPoolExecutor

TEXT = "of every nanosecond of every thread it is known where it went " * 4000


def count(number):
    words = {}
    for word in TEXT.split():
        word = word[number % 2 :]
        words[word] = words.get(word, 0) + 1
    return len(words)


with ThreadPoolExecutor(max_workers=4) as pool:
    print(sum(pool.map(count, range(144))))
