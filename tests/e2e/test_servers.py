# SPDX-License-Identifier: BSD-2-Clause
"""Well-known servers and the standard library's own pools: not one finding that an expert would call wrong.

Each case names the findings that fit; any other fails it. What CI's distribution does not bring (node, nginx where it is
not installed) has no test made for it; everything that quickstart installs is always tested.
"""
import contextlib
import functools
import os
import pathlib
import shutil
import signal
import threading
import time
import unittest

import support
from served import ServiceCase, drive

SATURATED = "CA1301"  # a fact, where it is one: all CPUs are in use
IDLE = "CA9003"  # likewise: it mostly waited for work
ONE_CORE = "CA1001"
GIL = "CA2001"
COPIED = "CA4201"  # what forked workers write to they copy; of a few MiB it is said at the lowest severity
NO_SYMBOLS = "CA9005"  # distributions strip their programs
FORECAST_ONLY = ["--no-evidence"]
SECONDS = 2.5

APPLICATION = '''
def compute():
    total = 0
    for step in range(3000):
        total = (total * 31 + step) & 0xFFFF
    return b"%d\\n" % total

def wsgi(environ, start_response):
    body = compute()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]

async def asgi(scope, receive, send):
    if scope["type"] == "http":
        body = compute()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
        await send({"type": "http.response.body", "body": body})
'''

NODE_SERVER = """
const steps = +process.argv[3];
require('http').createServer((request, response) => {
  let total = 0;
  for (let step = 0; step < steps; step++) total = (total * 31 + step) & 0xffff;
  response.end('total ' + total);
}).listen(+process.argv[2], '127.0.0.1');
"""

NGINX = """
worker_processes 2; daemon off; pid {folder}/pid; error_log {folder}/error.log; {user}
events {{ worker_connections 512; }}
http {{
  access_log off; keepalive_requests 1000000; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{ listen 127.0.0.1:{port}; root {folder}; }}
}}
"""


class PythonServerTest(ServiceCase):
    def setUp(self):
        super().setUp()
        (self.folder / "application.py").write_text(APPLICATION)
        self.port = support.free_port()

    def serve(self, *command, idle=False, keep_alive=False):
        command = [support.PYTHON, "-m", *map(str, command)]
        with self.served(command, self.port, options=FORECAST_ONLY, cwd=self.folder):
            if idle:
                time.sleep(SECONDS)
            else:
                self.assertGreater(drive(self.port, SECONDS, 6, keep_alive=keep_alive), 200)

    def gunicorn(self, *options, **how):
        bind = ["--bind", f"127.0.0.1:{self.port}", "--workers", 2, "--worker-tmp-dir", self.folder]
        self.serve("gunicorn", *bind, *options, "application:wsgi", **how)

    def test_gunicorn_with_sync_workers(self):
        self.gunicorn()
        self.assert_an_expert_agrees(["processes"], ["keep"], now=["processes"], allowed=[SATURATED, COPIED])

    def test_gunicorn_with_threads(self):
        """Its pool's idle threads queue for no mutex; that they share a GIL under load is true."""
        self.gunicorn("--worker-class", "gthread", "--threads", 4)
        self.assert_an_expert_agrees(["processes"], ["keep"], now=["processes"], allowed=[SATURATED, GIL, COPIED])

    def test_gunicorn_idle(self):
        self.gunicorn(idle=True)
        self.assert_an_expert_agrees([None, "processes"], ["keep"], allowed=[IDLE, COPIED])

    def test_uvicorn(self):
        """One event loop that computes: further processes with a loop each would help, a pool beside it would not."""
        self.serve("uvicorn", "--port", self.port, "--log-level", "warning", "application:asgi", keep_alive=True)
        models, allowed = ["coroutines", "processes+coroutines"], [SATURATED, ONE_CORE]
        self.assert_an_expert_agrees(models, ["keep", "switch"], now=["coroutines"], allowed=allowed)

    def test_full_event_loop(self):
        """Of callbacks of a millisecond or two: they hold the loop for no long stretch, however seldom it waits."""
        (self.folder / "application.py").write_text(APPLICATION.replace("range(3000)", "range(20000)"))
        self.serve("uvicorn", "--loop", "asyncio", "--port", self.port, "--log-level", "warning", "application:asgi",
                   keep_alive=True)
        models, allowed = ["coroutines", "processes+coroutines"], [SATURATED, ONE_CORE]
        self.assert_an_expert_agrees(models, ["keep", "switch"], now=["coroutines"], allowed=allowed)

    def test_http_server(self):
        """A thread for each request, all under one GIL."""
        self.serve("http.server", "--bind", "127.0.0.1", self.port)
        allowed = [SATURATED, ONE_CORE, GIL, "CA4002"]
        self.assert_an_expert_agrees(["threads", "processes"], ["keep", "fix", "switch"], now=["threads"], allowed=allowed)

    def test_http_server_idle(self):
        self.serve("http.server", "--bind", "127.0.0.1", self.port, idle=True)
        self.assert_an_expert_agrees([None, "serial"], ["keep"], allowed=[IDLE])


def workers_of(name, folder):
    """Processes of that name that work in this folder, but for their parent."""
    parents = {}
    for path in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (path / "comm").read_text().strip() == name and os.readlink(path / "cwd") == str(folder):
                parents[int(path.name)] = int((path / "stat").read_text().rsplit(")", 1)[1].split()[1])
    return [pid for pid, parent in parents.items() if parent in parents]


class NginxCase:
    def serve(self, load):
        port = support.free_port()
        self.folder.chmod(0o755)
        user = "user root;" if os.geteuid() == 0 else ""
        (self.folder / "index.html").write_text("hello\n" * 300)
        (self.folder / "conf").write_text(NGINX.format(folder=self.folder, port=port, user=user))
        with self.served([NGINX_PATH, "-c", self.folder / "conf"], port, options=FORECAST_ONLY, cwd=self.folder):
            load(port)

    def test_under_load(self):
        self.serve(lambda port: self.assertGreater(drive(port, SECONDS, 8, keep_alive=True), 500))
        models = ["processes+coroutines"]
        self.assert_an_expert_agrees(models, ["keep"], now=models, allowed=[SATURATED])

    def test_all_connections_went_to_one_worker(self):
        """Whom the kernel wakes takes them; here the other one can't. It is a worker all the same."""

        def load(port):
            until = time.monotonic() + support.TIMEOUT_S
            while len(workers := workers_of("nginx", self.folder)) < 2 and time.monotonic() < until:
                time.sleep(0.01)
            other = workers[-1]
            os.kill(other, signal.SIGSTOP)
            later = threading.Timer(0.5, os.kill, (other, signal.SIGCONT))
            later.start()
            self.assertGreater(drive(port, SECONDS, 8, keep_alive=True), 500)
            later.join()

        self.serve(load)
        models = ["processes+coroutines"]
        self.assert_an_expert_agrees(models, ["keep"], now=models, allowed=[SATURATED])
        self.assertEqual(self.report["current"]["workers"], 2, self.log)

    def test_idle(self):
        self.serve(lambda _: time.sleep(SECONDS))
        self.assert_an_expert_agrees([None], ["keep"], allowed=[IDLE])


class NodeCase:
    def serve(self, load, steps=20000):
        port = support.free_port()
        (self.folder / "server.js").write_text(NODE_SERVER)
        with self.served(["node", self.folder / "server.js", port, steps], port, options=FORECAST_ONLY):
            load(port)

    def test_under_load(self):
        self.serve(lambda port: self.assertGreater(drive(port, SECONDS, 6, keep_alive=True), 500))
        models = ["coroutines", "processes+coroutines"]
        self.assert_an_expert_agrees(models, ["keep", "switch"], now=["coroutines"], allowed=[ONE_CORE, SATURATED])

    def test_full(self):
        """A CPU full of short callbacks: a further loop on a further CPU, not threads that would do as well."""
        load = functools.partial(drive, seconds=SECONDS, clients=6, keep_alive=True)
        self.serve(lambda port: self.assertGreater(load(port), 100), steps=500_000)
        self.assert_an_expert_agrees(["processes+coroutines"], ["switch"], now=["coroutines"], allowed=[ONE_CORE, SATURATED])

    def test_idle(self):
        self.serve(lambda _: time.sleep(SECONDS))
        self.assert_an_expert_agrees([None], ["keep"], allowed=[IDLE])


NGINX_PATH = shutil.which("nginx", path="/usr/sbin:" + os.environ.get("PATH", ""))
if NGINX_PATH:
    NginxTest = type("NginxTest", (NginxCase, ServiceCase), {})
if shutil.which("node"):
    NodeTest = type("NodeTest", (NodeCase, ServiceCase), {})

COMPUTE = "def compute(n):\n    total = 0\n    for step in range(n):\n        total = (total * 31 + step) & 0xFFFF\n    return total\n"
THREADS = "from concurrent.futures import ThreadPoolExecutor\nimport hashlib, threading, time\n"
PROCESSES = "from concurrent.futures import ProcessPoolExecutor\nimport multiprocessing, time\n"


class StandardPoolTest(ServiceCase):
    """The pools of the standard library: threads and processes that wait for work do not queue for a lock."""

    def program(self, *parts):
        path = self.folder / "program.py"
        path.write_text("".join(parts) + "\n")
        self.measured(support.PYTHON, path, options=FORECAST_ONLY)

    def test_threads_that_are_idle(self):
        self.program(THREADS, "with ThreadPoolExecutor(8) as pool:\n    barrier = threading.Barrier(8)\n"
                     "    list(pool.map(lambda _: barrier.wait(), range(8)))\n    time.sleep(2)\n")
        self.assert_an_expert_agrees([None, "threads", "serial"], ["keep"], allowed=[IDLE])

    def test_threads_of_which_most_never_had_work(self):
        self.program(THREADS, "with ThreadPoolExecutor(8) as pool:\n    list(pool.map(abs, range(8)))\n    time.sleep(2)\n")
        self.assert_an_expert_agrees([None, "threads", "serial"], ["keep"], allowed=[IDLE])

    def test_threads_that_sleep(self):
        self.program(THREADS, "with ThreadPoolExecutor(8) as pool:\n    list(pool.map(time.sleep, [0.05] * 200))\n")
        self.assert_an_expert_agrees(["threads", "coroutines"], ["keep"], now=["threads"])

    def test_threads_that_compute_in_python(self):
        self.program(THREADS, COMPUTE, "with ThreadPoolExecutor(4) as pool:\n    list(pool.map(compute, [400_000] * 200))\n")
        self.assert_an_expert_agrees(["processes"], ["switch"], now=["threads"], allowed=[GIL, ONE_CORE])
        self.assertIn(GIL, support.findings(self.report), self.log)

    def test_threads_that_compute_without_the_lock(self):
        workers = len(os.sched_getaffinity(0))
        self.program(THREADS, f"data = bytes(4 << 20)\nwith ThreadPoolExecutor({workers}) as pool:\n"
                     f"    list(pool.map(lambda _: hashlib.sha256(data).digest(), range({200 * workers})))\n")
        self.assert_an_expert_agrees(["threads"], ["keep"], now=["threads"], allowed=[SATURATED])

    def test_processes_that_are_idle(self):
        self.program(PROCESSES, "with multiprocessing.Pool(2) as pool:\n    pool.map(abs, range(4))\n    time.sleep(2)\n")
        self.assert_an_expert_agrees([None, "serial", "processes"], ["keep"], allowed=[IDLE])

    def test_pool_of_processes(self):
        workers = len(os.sched_getaffinity(0))
        self.program(PROCESSES, COMPUTE, f"with multiprocessing.Pool({workers}) as pool:\n"
                     f"    pool.map(compute, [400_000] * {60 * workers})\n")
        self.assert_an_expert_agrees(["processes"], ["keep"], now=["processes"], allowed=[SATURATED])

    def test_executor_of_processes(self):
        workers = len(os.sched_getaffinity(0))
        self.program(PROCESSES, COMPUTE, f"with ProcessPoolExecutor({workers}) as pool:\n"
                     f"    list(pool.map(compute, [400_000] * {60 * workers}))\n")
        self.assert_an_expert_agrees(["processes"], ["keep"], now=["processes"], allowed=[SATURATED])

    def test_sqlite(self):
        self.program("import sqlite3\nconnection = sqlite3.connect(':memory:')\nconnection.execute('create table t(a, b)')\n"
                     "for turn in range(400):\n"
                     "    connection.executemany('insert into t values(?, ?)', ((i, i * 7 % 1001) for i in range(3000)))\n")
        models = ["serial", "threads", "processes"]
        self.assert_an_expert_agrees(models, ["keep", "switch"], now=["serial"], allowed=[ONE_CORE])


class CommandTest(ServiceCase):
    """Programs that do it right, each in its own way."""

    def data(self):
        path = self.folder / "data"
        path.write_bytes(b"".join(b"%d %d\n" % (n * 7919 % 1000003, n * n % 99991) for n in range(2_000_000)))
        return path

    def test_sort(self):
        """Its threads do queue for the merge tree's nodes, for a tenth of their time."""
        self.measured("sort", "-n", "--parallel=2", "-S", "200M", self.data(), "-o", "/dev/null", options=FORECAST_ONLY)
        self.assert_an_expert_agrees(["threads"], ["keep"], now=["threads"], allowed=[SATURATED, NO_SYMBOLS, "CA2101"])

    def test_xz(self):
        self.measured("xz", "-T2", "-1", "--block-size=2MiB", "-k", self.data(), options=FORECAST_ONLY)
        self.assert_an_expert_agrees(["threads"], ["keep"], now=["threads"], allowed=[SATURATED, NO_SYMBOLS])

    def test_make(self):
        names = [f"part{n}" for n in range(12)]
        body = "".join(f"int f{k}(int x){{for(int j=0;j<x;j++)x^=j*{k};return x;}}\n" for k in range(300))
        for name in names:
            (self.folder / (name + ".c")).write_text(body)
        rules = f"all: {' '.join(name + '.o' for name in names)}\n%.o: %.c\n\tgcc -O2 -c $< -o $@\n"
        (self.folder / "Makefile").write_text(rules)
        self.measured("make", "-s", "-j2", "-C", self.folder, options=FORECAST_ONLY)
        self.assert_an_expert_agrees(["processes"], ["keep"], now=["processes"], allowed=[SATURATED, NO_SYMBOLS])

    def test_pipeline(self):
        """Back-pressure is not chatter: the checksum computes all the time, and what feeds it waits for room."""
        self.measured("sh", "-c", "head -c 700M /dev/zero | sha256sum", options=FORECAST_ONLY)
        models = ["serial", "processes", "threads"]
        self.assert_an_expert_agrees(models, ["keep", "switch"], allowed=[ONE_CORE, SATURATED, NO_SYMBOLS])


if __name__ == "__main__":
    unittest.main()
