# SPDX-License-Identifier: BSD-2-Clause
#
# The six jobs of a night, each another piece of pure Python, of 0.1 to 0.9 s: too few to even out.
#
# models: serial threads processes
# workers: threads=6 processes=cpus
import itertools
import multiprocessing
from concurrent.futures import ThreadPoolExecutor

import corpus_args


def invoices():
    """Rounded sums of lines, tax by tax."""
    total = 0
    for number in range(2_000_000):
        net = number * 37 % 9973
        total += net + net * (7, 19)[number & 1] // 100
    return total


def calendar():
    """Which combinations of shifts are allowed?"""
    return sum(1 for shifts in itertools.product(range(4), repeat=10) if sum(shifts) % 5 == 2)


def duplicates():
    """Edit distances between customers' names."""
    names = [f"{'abcdefgh'[number % 8]}{number * 7919 % 4000:o}x{number * 31 % 97}" for number in range(270)]
    total = 0
    for one, other in itertools.combinations(names, 2):
        if (len(one) + len(other)) % 3 == 0:
            continue
        row = list(range(len(other) + 1))
        for i, a in enumerate(one, 1):
            last, row[0] = row[0], i
            for j, b in enumerate(other, 1):
                last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (a != b))
        total += row[-1]
    return total


def routes():
    """Shortest ways between all pairs of depots."""
    depots = range(265)
    ways = [[(one * 37 + other * 91) % 113 + 1 for other in depots] for one in depots]
    for middle in depots:
        through = ways[middle]
        for way in ways:
            first = way[middle]
            for other in depots:
                if first + through[other] < way[other]:
                    way[other] = first + through[other]
    return sum(map(sum, ways))


def forecast():
    """Smooths two years of sales for ten thousand articles."""
    total = 0.0
    for article in range(9800):
        level, trend = 100.0, 0.0
        for day in range(730):
            sales = (article * 31 + day * 17) % 200
            before = level
            level = 0.25 * sales + 0.75 * (level + trend)
            trend = 0.125 * (level - before) + 0.875 * trend
        total += level
    return int(total * 1000)


def layouts():
    """In how many ways can twelve queens share a board? The packers' puzzle is the same."""

    def place(row, columns, left, right):
        if row == 12:
            return 1
        free, found = 0xFFF & ~(columns | left | right), 0
        while free:
            spot = free & -free
            free ^= spot
            found += place(row + 1, columns | spot, (left | spot) << 1, (right | spot) >> 1)
        return found

    return place(0, 0, 0, 0)


TASKS = [duplicates, calendar, routes, invoices, forecast, layouts]


def main():
    model, workers, _ = corpus_args.parse()
    if model == "serial":
        results = [task() for task in TASKS]
    elif model == "threads":
        with ThreadPoolExecutor(workers) as pool:
            results = [future.result() for future in [pool.submit(task) for task in TASKS]]
    else:
        pool = multiprocessing.Pool(workers)
        started = [pool.apply_async(task) for task in TASKS]
        pool.close()
        results = [result.get() for result in started]
        pool.join()
    print(sum(number * result for number, result in enumerate(results, 1)))


if __name__ == "__main__":
    main()
