# SPDX-License-Identifier: BSD-2-Clause
#
# Moves money between the accounts of two branches with a lock each; before every transfer the other bank is asked for 3 ms.
#
# models: serial threads coroutines processes processes+coroutines
# workers: threads=8 coroutines=16 processes=8 processes+coroutines=cpusx8
#
# Both locks are short: some 50 us of pure Python. Processes book into ledgers of their own, which are added at the end.
import asyncio
import multiprocessing
import threading
import time

import corpus_args

TRANSFERS = 1700
ACCOUNTS = 200
WAIT_S = 0.003


class Branch:
    """Accounts, and an entry in the journal for each booking."""

    def __init__(self):
        self.lock, self.accounts, self.journal = threading.Lock(), [0] * ACCOUNTS, 0

    def book(self, account, cents):
        with self.lock:
            fee = 0
            for step in range(1500):
                fee = (fee * 31 + cents + step) % 9973
            self.accounts[account] += cents - fee % 5
            self.journal += fee

    def add(self, accounts, journal):
        self.accounts = [own + other for own, other in zip(self.accounts, accounts)]
        self.journal += journal


def sign(number):
    """What the other bank wants to see on every transfer."""
    value = number
    for _ in range(4000):
        value = (value * 1103515245 + 12345) & 0x7FFFFFFF
    return value


def transfer(branches, number):
    """Everything but the question to the other bank."""
    cents = sign(number) % 10_000
    giving, taking = branches if number % 2 else branches[::-1]
    giving.book(number * 7 % ACCOUNTS, -cents)
    taking.book(number * 13 % ACCOUNTS, cents)


def one_by_one(branches, numbers):
    for number in numbers:
        time.sleep(WAIT_S)
        transfer(branches, number)


def in_threads(branches, workers):
    tellers = []
    for index in range(workers):
        teller = threading.Thread(target=one_by_one, args=(branches, range(index, TRANSFERS, workers)))
        teller.start()
        tellers.append(teller)
    for teller in tellers:
        teller.join()


async def in_coroutines(branches, numbers, workers):
    todo = asyncio.Queue()
    for number in numbers:
        todo.put_nowait(number)

    async def teller():
        while True:
            number = await todo.get()
            await asyncio.sleep(WAIT_S)
            transfer(branches, number)
            todo.task_done()

    tellers = [asyncio.create_task(teller()) for _ in range(workers)]
    await todo.join()
    for task in tellers:
        task.cancel()
    await asyncio.gather(*tellers, return_exceptions=True)


def child(end, numbers, in_flight):
    branches = (Branch(), Branch())
    if in_flight:
        asyncio.run(in_coroutines(branches, numbers, in_flight))
    else:
        one_by_one(branches, numbers)
    end.send([(branch.accounts, branch.journal) for branch in branches])
    end.close()


def in_processes(branches, workers, in_flight):
    children = []
    for index in range(workers):
        ours, theirs = multiprocessing.Pipe(duplex=False)
        process = multiprocessing.Process(target=child, args=(theirs, range(index, TRANSFERS, workers), in_flight))
        process.start()
        theirs.close()
        children.append((process, ours))
    for process, end in children:
        for branch, booked in zip(branches, end.recv()):
            branch.add(*booked)
        process.join()


def main():
    model, workers, in_flight = corpus_args.parse()
    branches = (Branch(), Branch())
    if model == "serial":
        one_by_one(branches, range(TRANSFERS))
    elif model == "threads":
        in_threads(branches, workers)
    elif model == "coroutines":
        asyncio.run(in_coroutines(branches, range(TRANSFERS), workers))
    else:
        in_processes(branches, workers, in_flight if model == "processes+coroutines" else 0)
    print(sum((number + 1) * cents for branch in branches for number, cents in enumerate(branch.accounts)), end=" ")
    print(sum(branch.journal for branch in branches))


if __name__ == "__main__":
    main()
