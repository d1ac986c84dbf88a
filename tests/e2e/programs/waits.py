# SPDX-License-Identifier: BSD-2-Clause
"""waits.py MODE: waits in one known line each, which the tests look for by its mark; prints the threads' ids as JSON.

Runs on every CPython from 3.6 on.
"""
import ctypes
import json
import queue
import socket
import sys
import threading
import time

ROUNDS, STEP = 12, 0.05
tids = {}


def own_tid():
    return ctypes.CDLL(None).syscall(186)  # gettid; threading.get_native_id() is from 3.8 on


def sleeper():
    for _ in range(ROUNDS):
        time.sleep(STEP)  # MARK sleep


def receiver(connection):
    for _ in range(ROUNDS):
        connection.recv(1)  # MARK recv


def getter(items):
    for _ in range(ROUNDS):
        items.get()  # MARK get


def locker(lock):
    for _ in range(ROUNDS):
        lock.acquire()  # MARK acquire


def caller(library):
    for _ in range(ROUNDS):
        library.wait_in_library(int(STEP * 1000))  # MARK ctypes


def user(extension):
    for _ in range(ROUNDS):
        extension.wait_in_extension(int(STEP * 1000))  # MARK extension


def feeder(connection, items, lock):
    for _ in range(ROUNDS):
        time.sleep(STEP)
        connection.send(b"x")
        items.put(1)
        lock.release()


def start(name, function, *arguments):
    def run():
        tids[name] = own_tid()
        function(*arguments)

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def every_wait(library, folder):
    here, there = socket.socketpair()
    items, lock = queue.Queue(), threading.Lock()
    lock.acquire()
    threads = [
        start("sleep", sleeper),
        start("recv", receiver, here),
        start("get", getter, items),
        start("acquire", locker, lock),
        start("feeder", feeder, there, items, lock),
        start("ctypes", caller, ctypes.CDLL(library)),
    ]
    if folder:
        sys.path.insert(0, folder)
        import waits_extension

        threads.append(start("extension", user, waits_extension))
    for thread in threads:
        thread.join()


def burn(seconds):
    until, total = time.monotonic() + seconds, 0
    while time.monotonic() < until:  # MARK burn first
        for step in range(20000):
            total = (total * 31 + step) & 0xFFFF  # MARK burn last
    return total


def victim(seconds):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(0.001)


def convoy():
    threads = [start("burn", burn, 1.5), start("victim", victim, 1.5)]
    for thread in threads:
        thread.join()


def produce(items):
    for number in range(40):
        burn(0.02)
        items.put(number)  # MARK put
    items.put(None)


def consume(items):
    while items.get() is not None:  # MARK consume
        pass


def handoff():
    items = queue.Queue()
    threads = [start("producer", produce, items), start("consumer", consume, items)]
    for thread in threads:
        thread.join()


def stalled_loop():
    import asyncio

    async def stall():
        for _ in range(8):
            time.sleep(0.12)  # MARK stall
            await asyncio.sleep(0.01)

    async def tick():
        for _ in range(60):
            await asyncio.sleep(0.005)

    async def both():
        await asyncio.gather(stall(), tick())

    asyncio.get_event_loop_policy().new_event_loop().run_until_complete(both())


def subinterpreters():
    try:
        import _interpreters as interpreters  # 3.13
    except ImportError:
        import _xxsubinterpreters as interpreters
    code = "import time\nfor _ in range(10): time.sleep(0.05)\n"
    threads = [start(f"interpreter{n}", interpreters.run_string, interpreters.create(), code) for n in range(2)]
    for thread in threads:
        thread.join()


def main():
    mode, arguments = sys.argv[1], sys.argv[2:]
    modes = {
        "waits": every_wait,
        "convoy": convoy,
        "handoff": handoff,
        "asyncio": stalled_loop,
        "subinterpreters": subinterpreters,
    }
    tids["main"] = own_tid()
    modes[mode](*arguments)
    print(json.dumps(tids))


main()
