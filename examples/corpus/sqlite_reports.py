# SPDX-License-Identifier: BSD-2-Clause
#
# Sixty reports over one SQLite file: each a query of some tens of milliseconds, without the interpreter lock.
#
# models: serial threads processes
# workers: threads=cpus processes=cpus
import multiprocessing
import pathlib
import sqlite3
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor

import corpus_args

REPORTS = range(60)
QUERY = "SELECT count(*), sum(price * amount % 97) FROM sale WHERE shop % 60 = ? OR note LIKE ?"


def make_database(path):
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE sale (shop INTEGER, price INTEGER, amount INTEGER, note TEXT)")
        rows = ((n * 7919 % 1000, n * 31 % 499, n % 9, f"note {n * 104729 % 100_003}") for n in range(150_000))
        database.executemany("INSERT INTO sale VALUES (?, ?, ?, ?)", rows)
    database.close()


class Reports:
    """A connection for each thread, as sqlite3 asks for."""

    def __init__(self, path):
        self.path, self.own = path, threading.local()

    def __call__(self, number):
        if not hasattr(self.own, "database"):
            self.own.database = sqlite3.connect(self.path)
        count, total = self.own.database.execute(QUERY, (number, f"%{number}7%")).fetchone()
        return count + total


def open_reports(path):
    global reports
    reports = Reports(path)


def report(number):
    return reports(number)


def main():
    model, workers, _ = corpus_args.parse()
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "sales.db"
        make_database(path)
        if model == "serial":
            total = sum(map(Reports(path), REPORTS))
        elif model == "threads":
            with ThreadPoolExecutor(workers) as pool:
                total = sum(pool.map(Reports(path), REPORTS))
        else:
            with multiprocessing.Pool(workers, open_reports, (path,)) as pool:
                total = sum(pool.imap_unordered(report, REPORTS))
    print(total)


if __name__ == "__main__":
    main()
