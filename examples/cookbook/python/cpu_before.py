# SPDX-License-Identifier: BSD-2-Clause
#
# Scores twenty-four documents in pure Python, one after the other.
#
# run: python3 {file}
# expect: model=processes finding=CA1001


def score(document):
    total = 0
    for position in range(500_000):
        total = (total * 31 + position ^ document) & 0xFFFFFFFF
    return total


print(sum(map(score, range(24))))
