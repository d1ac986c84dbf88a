# SPDX-License-Identifier: BSD-2-Clause
#
# Two hundred and forty customers: for each a connection, a log-in of 10 ms, a query of 25 ms that needs its answer, a little work.
#
# models: serial threads coroutines processes processes+coroutines
# workers: threads=10 coroutines=25 processes=10 processes+coroutines=cpusx12
# flawed: coroutines
# server: delay
#
# Flawed coroutines serve one customer after the other: each step is awaited before the next is begun.
import asyncio
import hashlib
import multiprocessing
import queue
import socket
import threading

import corpus_args

HOST, PORT = corpus_args.server()
CUSTOMERS = range(240)


def request(path):
    return f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()


def evaluate(customer, answer):
    key = answer
    for _ in range(1500):
        key = hashlib.sha256(key).digest()
    return key[0] + customer


def ask(connection, path):
    connection.sendall(request(path))
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += connection.recv(65536)
    head, _, body = answer.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    while len(body) < length:
        body += connection.recv(65536)
    return body


def serve(customer):
    with socket.create_connection((HOST, PORT)) as connection:
        token = ask(connection, "/delay/10/64")
        return evaluate(customer, ask(connection, f"/delay/25/{1000 + len(token) + customer}"))


def in_threads(workers):
    """Workers that wait at a queue; None tells them to go home."""
    todo, found = queue.SimpleQueue(), []

    def work():
        for customer in iter(todo.get, None):
            found.append(serve(customer))

    threads = [threading.Thread(target=work, daemon=True) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for customer in [*CUSTOMERS, *[None] * workers]:
        todo.put(customer)
    for thread in threads:
        thread.join()
    return sum(found)


async def ask_async(reader, writer, path):
    writer.write(request(path))
    head = await reader.readuntil(b"\r\n\r\n")
    return await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]))


async def worker(customers):
    total = 0
    for customer in customers:
        reader, writer = await asyncio.open_connection(HOST, PORT)
        token = await ask_async(reader, writer, "/delay/10/64")
        total += evaluate(customer, await ask_async(reader, writer, f"/delay/25/{1000 + len(token) + customer}"))
        writer.close()
    return total


async def in_coroutines(customers, workers):
    shared = iter(customers)
    return sum(await asyncio.gather(*(worker(shared) for _ in range(workers))))


def run_loop(results, customers, workers):
    results.put(asyncio.run(in_coroutines(customers, workers)))


def in_loops(processes, in_flight):
    results = multiprocessing.SimpleQueue()
    shares = [CUSTOMERS[index::processes] for index in range(processes)]
    loops = [multiprocessing.Process(target=run_loop, args=(results, share, in_flight)) for share in shares]
    for loop in loops:
        loop.start()
    total = sum(results.get() for _ in loops)
    for loop in loops:
        loop.join()
    return total


def main():
    model, workers, in_flight = corpus_args.parse()
    if model == "serial":
        total = sum(map(serve, CUSTOMERS))
    elif model == "threads":
        total = in_threads(workers)
    elif model == "coroutines":
        total = asyncio.run(in_coroutines(CUSTOMERS, 1 if corpus_args.flawed() else workers))
    elif model == "processes":
        with multiprocessing.Pool(workers) as pool:
            total = sum(pool.map(serve, CUSTOMERS, chunksize=1))
    else:
        total = in_loops(workers, in_flight)
    print(total)


if __name__ == "__main__":
    main()
