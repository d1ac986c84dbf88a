# SPDX-License-Identifier: BSD-2-Clause
#
# Scores sixty documents in pure Python, one after the other.
#
# Folklore: "it is slow, use threads". Measured: it computes all the time; threads would queue on the interpreter lock,
# a process pool uses every CPU.
#
# run: python3 {file}
# expect: model=processes change=switch finding=CA1001


def score(document):
    total = 0
    for position in range(250_000):
        total = (total * 31 + position ^ document) & 0xFFFFFFFF
    return total


print(sum(score(document) for document in range(60)))
