# SPDX-License-Identifier: BSD-2-Clause
"""Sketches are true: each is Python, and "after" does what "before" did, the way it says. test_sketches.py PROGRAM

Each is run as a script of its own with work that says who did it: which process, which thread, how many at once. Workers
are spawned, so that a sketch that would start them again in each of them fails.
"""
import ast
import collections
import importlib.util
import json
import pathlib
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request

import counting_server

for _name in "aiohttp", "requests", "uvicorn":
    if not importlib.util.find_spec(_name):
        sys.exit(f"python3-{_name} is missing, which sketches use: install it, or run ./quickstart test")

DUMP = sys.argv[1]
WORKERS, WORKERS_NOW, IN_FLIGHT = 2, 3, 4  # the numbers that dump_sketches fills in
TIMEOUT_S = 120

# What programs that start like this have imported already.
KNOWN = """
import asyncio, json, os, pathlib, threading, time
import multiprocessing
if __name__ == "__main__":
    multiprocessing.set_start_method("spawn")
"""
POOLS = """
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import Pool, Process
from threading import Thread
"""
REQUESTS = POOLS + """
import aiohttp, requests
from urllib.request import urlopen
"""

# An item leaves a file that says what came out of it and who did it.
ITEMS = """
items = list(range(12))
import queue
todo = queue.Queue()
for item in [*items, None, None, None]:
    todo.put(item)
def work(item):
    name = pathlib.Path(f"{item}.item")
    assert not name.exists()
    name.write_text(f"{item * item} {os.getpid()} {threading.get_ident()}")
    time.sleep(0.02)
    return item * item
"""
TELL = """
if __name__ == "__main__":
    def tell():
        for thread in globals().get("threads", []):
            thread.ident or thread.start()
            thread.join()
        files = {int(path.stem): path.read_text().split() for path in pathlib.Path().glob("*.item")}
        done = {item: [int(word) for word in words] for item, words in files.items()}
        print(json.dumps({"done": done, "me": [os.getpid(), threading.get_ident()], "results": globals().get("results")}))
    tell()
"""

# How many are under way at once, without a clock: whoever comes in counts, whoever leaves counts down.
COUNTED = """
now = most = 0
async def step():
    global now, most
    now, most = now + 1, max(most, now + 1)
    await asyncio.sleep(0.01)
    now -= 1
"""


class Sketch:
    def __init__(self, folder, stem):
        self.id, self.source = stem.rsplit(".", 1)
        self.imports, self.before, self.after = ((folder / f"{stem}.{part}").read_text() for part in ("imports", "before", "after"))

    def __str__(self):
        return f"{self.id} from {self.source}"


class SketchTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.sketches, cls.runs = {}, {}
        for name in "", "parse_page", "results":
            with tempfile.TemporaryDirectory(prefix="concadvise-sketch-") as folder:
                subprocess.run([DUMP, folder, name], check=True)
                stems = sorted(path.stem for path in pathlib.Path(folder).glob("*.after"))
                cls.sketches[name] = {stem: Sketch(pathlib.Path(folder), stem) for stem in stems}

    def script(self, text):
        """Run `text` as a program in a folder of its own; what it printed as JSON."""
        if text not in self.runs:
            with tempfile.TemporaryDirectory(prefix="concadvise-sketch-") as folder:
                path = pathlib.Path(folder) / "program.py"
                path.write_text(text)
                done = subprocess.run(
                    [sys.executable, path], cwd=folder, capture_output=True, text=True, timeout=TIMEOUT_S, stdin=subprocess.DEVNULL
                )
                self.assertEqual(done.returncode, 0, f"{text}\n{done.stderr[-2000:]}")
                self.runs[text] = json.loads(done.stdout)
        return self.runs[text]

    def both(self, sketch, given="", tell=TELL):
        """Run both sides. A pool that is there before has been imported; what is new the sketch has to import."""
        imports = sketch.imports if sketch.id not in ("pool-size", "chunks") else POOLS
        first = self.script("\n".join([KNOWN, POOLS, given, sketch.before, tell]))
        return first, self.script("\n".join([KNOWN, imports, given, sketch.after, tell]))

    def of(self, *ids):
        chosen = [sketch for sketch in self.sketches[""].values() if sketch.id in ids]
        self.assertGreaterEqual(len(chosen), len(ids))
        return chosen

    def of_waits(self, *ids):
        """Processes are no usual way to wait; what comes after is the same for all."""
        return [sketch for sketch in self.of(*ids) if sketch.source in ("loop", "threads", "thread_pool")]

    # --- all of them ---

    def test_all_are_python(self):
        for name, sketches in self.sketches.items():
            self.assertGreater(len(sketches), 40)
            for sketch in sketches.values():
                for code in sketch.before, sketch.after, sketch.imports + "\n" + sketch.after:
                    ast.parse(code)
                for code in sketch.before, sketch.after:
                    self.assertLessEqual(len(code.split("\n")), 10, sketch)
                if not name:
                    for line in [*sketch.before.split("\n"), *sketch.imports.split("\n"), *sketch.after.split("\n")]:
                        self.assertLessEqual(len(line), 76, f"{sketch}: {line}")
                        self.assertTrue(line.isascii() and "`" not in line, line)

    def test_names(self):
        """A name that means something else in the code is not put there; any other one is."""
        for stem, neutral in self.sketches[""].items():
            named, taken = self.sketches["parse_page"][stem], self.sketches["results"][stem]
            placeholder = neutral.before != named.before or neutral.after != named.after
            self.assertEqual(placeholder, "parse_page" in named.before + named.after, stem)
            if "results" in neutral.before + neutral.after:
                self.assertEqual((neutral.before, neutral.after), (taken.before, taken.after))
        self.assertIn("parse_page", self.sketches["parse_page"]["process-pool.threads"].after)

    def test_every_sketch_is_run(self):
        """By a test of this file that names it."""
        tree = ast.parse(pathlib.Path(__file__).read_text())
        named = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
        self.assertEqual({sketch.id for sketch in self.sketches[""].values()} - named, set())

    # --- pools ---

    def who(self, run):
        return {tuple(words[1:]) for words in run["done"].values()}

    def test_pools(self):
        """The same results and files as before, made by as many workers as asked for."""
        for sketch in self.of("process-pool", "thread-pool", "plain-loop", "pool-size", "chunks"):
            with self.subTest(str(sketch)):
                before, after = self.both(sketch, ITEMS)
                values = [{item: words[0] for item, words in run["done"].items()} for run in (before, after)]
                self.assertEqual(values[0], values[1])
                self.assertEqual(after["results"], [item * item for item in range(12)])
                self.assertIn(before["results"], (None, after["results"]))
                processes, threads = {process for process, _ in self.who(after)}, self.who(after)
                if sketch.id == "process-pool" or sketch.id in ("pool-size", "chunks") and sketch.source != "thread_pool":
                    self.assertNotIn(after["me"][0], processes)
                    self.assertLessEqual(len(processes), WORKERS)
                elif sketch.id == "plain-loop":
                    self.assertEqual(threads, {tuple(after["me"])})
                else:
                    self.assertNotIn(tuple(after["me"]), threads)
                    self.assertEqual(len(threads), WORKERS)

    def test_chunks_are_handed_over_whole(self):
        """Five items to a message: whoever does the first of a chunk does the others, too."""
        for sketch in self.of("chunks"):
            with self.subTest(str(sketch)):
                _, after = self.both(sketch, ITEMS)
                for start in (0, 5, 10):
                    items = range(start, min(start + 5, 12))
                    self.assertEqual(len({tuple(after["done"][str(item)][1:]) for item in items}), 1)

    # --- event loops ---

    def test_gather(self):
        given = COUNTED + "\nitems = list(range(12))\nasync def fetch(item):\n    await step()\n    return item * item\n"
        tell = "print(json.dumps([asyncio.run(main()), most]))"
        for sketch in self.of("gather"):
            with self.subTest(str(sketch)):
                before, after = self.both(sketch, given, tell)
                self.assertEqual((before[0], before[1]), (after[0], 1))
                self.assertEqual(after[1], IN_FLIGHT)

    def test_gather_client(self):
        awaited = COUNTED + "\nasync def fetch(item):\n    await step()\n    return item * item\n"
        for sketch in self.of_waits("gather-client"):
            with self.subTest(str(sketch)):
                blocking = ITEMS.replace("def work", "def fetch")
                before = self.script("\n".join([KNOWN, POOLS, blocking, sketch.before, TELL]))
                after = self.script("\n".join([KNOWN, sketch.imports, "items = list(range(12))", awaited, sketch.after,
                                               "print(json.dumps([results, most]))"]))
                self.assertEqual([words[0] for _, words in sorted(before["done"].items(), key=lambda row: int(row[0]))], after[0])
                self.assertEqual(after[1], IN_FLIGHT)

    def test_event_loop_in_each_process(self):
        loops = ("async def work(limit, item):\n    async with limit:\n        await asyncio.sleep(0.01)\n    return [item * item, os.getpid()]\n"
                 "items = list(range(12))\n")
        one = ("items = list(range(12))\nasync def work(item):\n    await asyncio.sleep(0.01)\n    return [item * item, os.getpid()]\n"
               "async def main(some):\n    return await asyncio.gather(*(work(item) for item in some))\n")
        tell = 'if __name__ == "__main__":\n    print(json.dumps([parts, os.getpid()]))'
        for sketch in self.of("gather-per-process", "event-loop-per-process"):
            with self.subTest(str(sketch)):
                alone = sketch.id == "event-loop-per-process"
                parts, me = self.script("\n".join([KNOWN, sketch.imports, one if alone else loops, sketch.after, tell]))
                self.assertEqual(len(parts), WORKERS)
                self.assertEqual(sorted(value for part in parts for value, _ in part), [item * item for item in range(12)])
                self.assertNotIn(me, {process for part in parts for _, process in part})
                if alone:
                    before = self.script("\n".join([KNOWN, one, sketch.before, "print(json.dumps([value for value, _ in results]))"]))
                    self.assertEqual(before, sorted(value for part in parts for value, _ in part))
                else:
                    before = self.script("\n".join([KNOWN, POOLS, ITEMS, sketch.before, TELL]))
                    self.assertEqual(len(before["done"]), 12)

    def test_sleep(self):
        """While it sleeps another task gets on; before, none did."""
        tell = """
async def other():
    for _ in range(5):
        order.append("other")
        await asyncio.sleep(0)
async def sleeper():
    await pause(0.1)
    order.append("slept")
async def all_of_them():
    await asyncio.gather(sleeper(), other())
order = []
asyncio.run(all_of_them())
print(json.dumps(order.index("slept")))
"""
        for sketch in self.of("async-sleep"):
            with self.subTest(str(sketch)):
                before, after = self.both(sketch, "", tell)
                self.assertEqual((before, after), (0, 5))

    CALLS = """
items = list(range(12))
lock, now, most, threads = threading.Lock(), 0, 0, set()
def blocking_call(item):
    global now, most
    with lock:
        now, most = now + 1, max(most, now + 1)
        threads.add(threading.get_ident())
    time.sleep(0.02)
    with lock:
        now -= 1
    return item * item
"""

    def test_executor_of_threads(self):
        tell = """
async def all_of_them():
    return await asyncio.gather(*(handle(item) for item in items))
print(json.dumps([asyncio.run(all_of_them()), most, threading.get_ident() in threads]))
"""
        for sketch in self.of("executor-threads"):
            with self.subTest(str(sketch)):
                before, after = self.both(sketch, self.CALLS, tell)
                self.assertEqual(before, [[item * item for item in range(12)], 1, True])
                self.assertEqual(after, [before[0], WORKERS, False])

    def test_executor_of_processes(self):
        given = "items = list(range(12))\ndef compute(item):\n    return [item * item, os.getpid()]\n"
        tell_before = "async def all_of_them():\n    return await asyncio.gather(*(handle(item) for item in items))\nresults = asyncio.run(all_of_them())\n"
        tell = 'if __name__ == "__main__":\n    print(json.dumps([results, os.getpid()]))'
        for sketch in self.of("executor-processes"):
            with self.subTest(str(sketch)):
                before, me = self.script("\n".join([KNOWN, given, sketch.before, tell_before, tell]))
                self.assertEqual({process for _, process in before}, {me})
                after, me = self.script("\n".join([KNOWN, sketch.imports, given, sketch.after, tell]))
                self.assertEqual([value for value, _ in after], [value for value, _ in before])
                self.assertNotIn(me, {process for _, process in after})
                self.assertLessEqual(len({process for _, process in after}), WORKERS)

    # --- requests: a real server counts ---

    def ask(self, imports, code, tell):
        with counting_server.Server() as server:
            urls = f'urls = [f"{server.url}/{{number}}" for number in range(12)]'
            got = self.script("\n".join([KNOWN, imports, urls, code, 'if __name__ == "__main__":', tell]))
            self.assertIn(got, ([f"/{number}" for number in range(12)], None))
            return got, server.connections, server.most

    TELL_RESULTS = '    print(json.dumps([text.decode() for text in results] if "results" in globals() else None))'
    TELL_MAIN = "    print(json.dumps([text.decode() for text in asyncio.run(main())]))"
    TELL_ALL = """
    async def all_of_them():
        return await asyncio.gather(*(fetch(url) for url in urls))
    print(json.dumps([text.decode() for text in asyncio.run(all_of_them())]))
"""

    def test_requests_together(self):
        for sketch in self.of_waits("gather-http"):
            with self.subTest(str(sketch)):
                got, _, most = self.ask(REQUESTS, sketch.before, self.TELL_RESULTS)
                self.assertEqual(most == 1, sketch.source == "loop")
                self.assertEqual(got is None, sketch.source == "threads")
        for code, limit in {(sketch.after, sketch.id == "gather-http") for sketch in self.of("gather-http", "gather-http-many")}:
            got, _, most = self.ask("import asyncio\nimport aiohttp", code, self.TELL_RESULTS)
            self.assertIsNotNone(got)
            self.assertGreater(most, 1)
            self.assertLessEqual(most, IN_FLIGHT if limit else 12)

    def test_requests_that_leave_the_loop_free(self):
        for sketch in self.of("async-http"):
            with self.subTest(str(sketch)):
                _, _, most = self.ask(REQUESTS, sketch.before, self.TELL_ALL)
                self.assertEqual(most, 1)
                got, _, most = self.ask(sketch.imports, sketch.after, self.TELL_MAIN)
                self.assertIsNotNone(got)
                self.assertGreater(most, 1)

    def test_kept_sessions(self):
        for sketch in self.of("kept-session", "session-per-thread"):
            if sketch.source not in ("coroutines", "thread_pool"):
                continue
            with self.subTest(str(sketch)):
                _, connections, _ = self.ask(REQUESTS, sketch.before, self.TELL_RESULTS)
                self.assertEqual(connections, 12)
                got, connections, _ = self.ask(sketch.imports, sketch.after, self.TELL_RESULTS)
                self.assertIsNotNone(got)
                self.assertLessEqual(connections, 1 if sketch.id == "kept-session" else WORKERS)

    def test_kept_async_session(self):
        one_by_one = """
    async def one_by_one():
        async with aiohttp.ClientSession() as session:
            return [await fetch(session, url) for url in urls]
    print(json.dumps([text.decode() for text in asyncio.run(one_by_one())]))
"""
        for sketch in self.of("async-session"):
            with self.subTest(str(sketch)):
                _, connections, _ = self.ask(REQUESTS, sketch.before, self.TELL_ALL)
                self.assertEqual(connections, 12)
                got, _, _ = self.ask(sketch.imports, sketch.after, self.TELL_MAIN)
                self.assertIsNotNone(got)
                _, connections, _ = self.ask(sketch.imports, sketch.after, one_by_one)
                self.assertEqual(connections, 1)

    def test_kept_connection(self):
        given = """
import contextlib
items, opened = list(range(12)), 0
@contextlib.contextmanager
def connect():
    global opened
    opened += 1
    yield opened
def ask(connection, item):
    return item * item
"""
        for sketch in self.of("kept-connection"):
            with self.subTest(str(sketch)):
                before, after = self.both(sketch, given, "print(json.dumps([results, opened]))")
                self.assertEqual((before[0], before[1], after[1]), (after[0], 12, 1))

    def test_server_workers(self):
        """One port; before one process, after as many below it as asked for."""
        for sketch in self.of("server-workers"):
            with self.subTest(str(sketch)):
                self.assertEqual(self.serve(sketch.before), 1)
                self.assertEqual(self.serve(sketch.after), WORKERS)

    APP = """
import functools, os
import uvicorn
async def app(scope, receive, send):
    if scope["type"] == "http":
        await send({{"type": "http.response.start", "status": 200, "headers": []}})
        await send({{"type": "http.response.body", "body": str(os.getpid()).encode()}})
uvicorn.run = functools.partial(uvicorn.run, port={port}, log_level="warning", lifespan="off")
"""

    def serve(self, code):
        """Processes that answer, in the end: the server's own, or its workers."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        with tempfile.TemporaryDirectory(prefix="concadvise-sketch-") as folder:
            (pathlib.Path(folder) / "main.py").write_text(self.APP.format(port=port) + code)
            server = subprocess.Popen([sys.executable, "main.py"], cwd=folder, stdin=subprocess.DEVNULL)
            try:
                return len(self.answering(port, server))
            finally:
                server.terminate()
                server.wait(TIMEOUT_S)

    def answering(self, port, server):
        seen, deadline = collections.Counter(), time.monotonic() + TIMEOUT_S / 2
        while time.monotonic() < deadline and server.poll() is None and len(seen) < WORKERS and sum(seen.values()) < 300:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
                    seen[int(answer.read())] += 1
            except OSError:
                time.sleep(0.05)
        return seen

    # --- messages and locks ---

    def test_batches_in_a_queue(self):
        given = """
import queue
items, todo, done = list(range(12)), queue.Queue(), queue.Queue()
work = lambda item: item * item
"""
        tell = """
messages = todo.qsize()
todo.put(None)
worker(todo, done)
print(json.dumps([[done.get() for _ in range(done.qsize())], messages]))
"""
        for sketch in self.of("queue-batches"):
            with self.subTest(str(sketch)):
                (before, many), (after, few) = self.both(sketch, given, tell)
                self.assertEqual(before, [value for batch in after for value in batch])
                self.assertEqual((many, few), (12, 3))

    def test_counts_that_are_merged(self):
        parts = "parts = [list('abcab'), list('bca'), list('aa')]\n"
        managed = "if __name__ == '__main__':\n    with multiprocessing.Manager() as manager:\n        shared = manager.dict()\n"
        managed += "        for part in parts:\n            count(shared, part)\n        print(json.dumps(dict(shared)))"
        for sketch in self.of("local-counts"):
            with self.subTest(str(sketch)):
                before = self.script("\n".join([KNOWN, parts, sketch.before, managed]))
                after = self.script("\n".join([KNOWN, sketch.imports, parts, sketch.after, 'if __name__ == "__main__":\n    print(json.dumps(shared))']))
                self.assertEqual(before, {"a": 5, "b": 3, "c": 2})
                self.assertEqual(before, after)

    LOCK = """
import collections
class Lock:
    def __init__(self):
        self.taken, self.held, self.real = 0, False, threading.Lock()
    def __enter__(self):
        self.real.acquire()
        self.taken, self.held = self.taken + 1, True
    def __exit__(self, *_):
        self.held = False
        self.real.release()
lock, cache, waits, counts = Lock(), {}, [], collections.Counter()
def fetch(key):
    waits.append(lock.held)
    return key * key
def in_threads(function, arguments):
    threads = [threading.Thread(target=function, args=(argument,)) for argument in arguments]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
"""

    def test_wait_outside_the_lock(self):
        tell = "for key in range(5):\n    refresh(key)\nprint(json.dumps([cache, waits]))"
        for sketch in self.of("wait-outside-lock"):
            with self.subTest(str(sketch)):
                before, after = self.both(sketch, self.LOCK, tell)
                self.assertEqual(before[0], after[0])
                self.assertEqual((before[1], after[1]), ([True] * 5, [False] * 5))

    def test_merged_at_the_end(self):
        tell = "in_threads(count, [list('abcab'), list('bca'), list('aa')])\nprint(json.dumps([counts, lock.taken]))"
        for sketch in self.of("merge-at-end"):
            with self.subTest(str(sketch)):
                before, after = self.both(sketch, self.LOCK, tell)
                self.assertEqual(before, [{"a": 5, "b": 3, "c": 2}, 10])
                self.assertEqual(after, [before[0], 3])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
