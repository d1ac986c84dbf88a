# SPDX-License-Identifier: BSD-2-Clause
#
# Takes the lines of forty-eight log files apart with a regular expression and counts statuses, paths and hosts.
#
# models: serial threads processes
# workers: threads=4 processes=cpus
#
# Processes are spawned, not forked, as they are where programs must also run elsewhere: each imports this file anew.
import collections
import multiprocessing
import re
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, as_completed

import corpus_args

FILES = 48
LINES = 16_000
LINE = re.compile(
    r'(?P<host>[\d.]+) - (?P<user>\S+) \[(?P<time>[^\]]+)\] "(?P<verb>[A-Z]+) (?P<path>[^ ?"]+)(?:\?(?P<query>\S*))? HTTP/[\d.]+"'
    r" (?P<status>\d{3}) (?P<size>\d+|-)"
)


def lines_of(number):
    """The log file of this number; what a disk would give is made up here."""
    value = number + 1
    for _ in range(LINES):
        value = (value * 69069 + 1234567) & 0xFFFFFFFF
        query = f"?page={value >> 9 & 31}&sort=date" if value & 256 else ""
        yield (
            f'10.{value >> 28}.{value >> 24 & 15}.{value >> 16 & 63} - user{value >> 20 & 127} [21/Nov/2026:10:{value >> 12 & 31}:07] '
            f'"GET /shop/{value >> 10 & 255}/item{query} HTTP/1.1" {200 if value & 15 else 404} {value >> 8 & 0xFFFF}'
        )


def tokenize(number):
    counts, sizes = collections.Counter(), 0
    for line in lines_of(number):
        match = LINE.match(line)
        if match is None:
            continue
        counts["status", match["status"]] += 1
        counts["path", match["path"]] += 1
        counts["host", match["host"]] += 1
        for pair in (match["query"] or "").split("&"):
            counts["query", pair] += 1
        sizes += int(match["size"])
    return counts, sizes


def merge(results):
    counts, sizes = collections.Counter(), 0
    for part, size in results:
        counts.update(part)
        sizes += size
    return sum(count * count for count in counts.values()) + sizes


def main():
    model, workers, _ = corpus_args.parse()
    if model == "serial":
        print(merge(map(tokenize, range(FILES))))
        return
    if model == "threads":
        executor = ThreadPoolExecutor(max_workers=workers)
    else:
        executor = ProcessPoolExecutor(max_workers=workers, mp_context=multiprocessing.get_context("spawn"))
    with executor:
        futures = [executor.submit(tokenize, number) for number in range(FILES)]
        print(merge(future.result() for future in as_completed(futures)))


if __name__ == "__main__":
    main()
