# SPDX-License-Identifier: BSD-2-Clause
"""What is slowed down: each load runs under a tracer and returns the nanoseconds that one of its operations took."""
import contextlib
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("CONCADVISE_BUILD", ROOT / "build"))
BENCH = BUILD / "tests" / "bench"
PATIENCE_S = 120


def output_of(argv):
    """Standard output of a program that must succeed."""
    argv = list(map(str, argv))
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=PATIENCE_S, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(argv)}: exit status {done.returncode}: {done.stderr.decode(errors='replace')[-300:]}")
    return done.stdout.decode(errors="replace")


def number_in(pattern, text):
    found = re.search(pattern, text)
    if not found:
        raise RuntimeError(f"no {pattern!r} in: {text[-300:]}")
    return float(found.group(1))


class Program:
    """A load of our own, which prints the nanoseconds it took for `count` operations of `unit` events each."""

    def __init__(self, argv, count, unit=1):
        self.argv, self.count, self.unit = argv, count, unit
        self.missing = None

    def run(self, tracer):
        count = max(int(self.count * tracer.share), 1)
        with tracer.started([self.argv[0], *self.argv[1:], count]) as command:
            return number_in(r"(\d+)\s*$", output_of(command)) / count / self.unit


class Sysbench:
    """sysbench with a fixed number of events: by its own clock."""

    def __init__(self, test, events, *options):
        self.test, self.events, self.options = test, events, options
        self.missing = None if shutil.which("sysbench") else "sysbench is not installed"

    def run(self, tracer):
        events = int(self.events * max(tracer.share, 0.1))  # fewer would measure the start
        count = [f"--mutex-locks={events}"] if self.test == "mutex" else [f"--events={events}", "--time=0"]
        with tracer.started([shutil.which("sysbench"), *self.options, *count, self.test, "run"]) as command:
            return number_in(r"total time:\s*([\d.]+)s", output_of(command)) * 1e9 / events


class Server:
    """A server under the tracer, its client not."""

    def __init__(self, programs):
        absent = [name for name in programs if not shutil.which(name)]
        self.missing = f"{', '.join(absent)}: not installed" if absent else None

    @contextlib.contextmanager
    def serving(self, tracer, command, is_up, stop):
        with tracer.started(command) as traced:
            server = subprocess.Popen(list(map(str, traced)), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                until = time.monotonic() + 20
                while not is_up():
                    if server.poll() is not None or time.monotonic() > until:
                        raise RuntimeError(f"{command[0]} did not come up")
                    time.sleep(0.02)
                yield
            finally:
                if server.poll() is None:
                    stop()
                try:
                    server.wait(PATIENCE_S)
                except subprocess.TimeoutExpired:
                    server.kill()
                    server.wait()


class Redis(Server):
    def __init__(self, requests):
        super().__init__(["redis-server", "redis-benchmark", "redis-cli"])
        self.requests = requests

    def run(self, tracer):
        with tempfile.TemporaryDirectory(prefix="concadvise-bench-") as folder:
            socket = f"{folder}/redis.sock"
            command = [shutil.which("redis-server"), "--port", "0", "--unixsocket", socket, "--save", "", "--dir", folder]
            client = ["redis-cli", "-s", socket]

            def is_up():
                return subprocess.run([*client, "ping"], capture_output=True, check=False).stdout == b"PONG\n"

            def stop():
                subprocess.run([*client, "shutdown", "nosave"], capture_output=True, check=False)

            with self.serving(tracer, command, is_up, stop):
                requests = max(int(self.requests * tracer.share), 1000)
                text = output_of(["redis-benchmark", "-s", socket, "-t", "get", "-n", requests, "-c", 50, "-q"])
                return 1e9 / number_in(r"GET: ([\d.]+) requests per second", text)


NGINX_CONF = """
daemon off; master_process off; user root; pid {0}/pid; error_log /dev/null;
events {{ worker_connections 256; }}
http {{
    access_log off; client_body_temp_path {0}/1; proxy_temp_path {0}/2; fastcgi_temp_path {0}/3; uwsgi_temp_path {0}/4;
    scgi_temp_path {0}/5; keepalive_requests 1000000000;
    server {{ listen 127.0.0.1:{1}; location / {{ return 200 "hello\\n"; }} }}
}}
"""


class Nginx(Server):
    PORT = 18095

    def __init__(self, seconds):
        super().__init__(["nginx", "wrk"])
        self.seconds = seconds

    def run(self, tracer):
        with tempfile.TemporaryDirectory(prefix="concadvise-bench-") as folder:
            conf = pathlib.Path(folder) / "nginx.conf"
            conf.write_text(NGINX_CONF.format(folder, self.PORT))
            url = f"http://127.0.0.1:{self.PORT}/"
            wrk = ["wrk", "-t1", "-c16"]

            def is_up():
                try:
                    with urllib.request.urlopen(url, timeout=5) as answer:
                        return answer.status == 200
                except OSError:
                    return False

            def stop():
                os.kill(int((pathlib.Path(folder) / "pid").read_text()), 15)

            with self.serving(tracer, [shutil.which("nginx"), "-p", folder, "-c", conf], is_up, stop):
                time.sleep(0.05)
                text = output_of([*wrk, f"-d{self.seconds}s", url])
                return 1e9 / number_in(r"Requests/sec:\s*([\d.]+)", text)


def all_loads():
    """By name, in the order of the table."""
    return {
        "pinned ping-pong, a switch": Program([BENCH / "bench_pingpong"], 40_000, 2),
        "system call": Program([BENCH / "bench_syscalls"], 1_500_000),
        "fork + exit + wait": Program([BENCH / "bench_spawn", "forks"], 1_000),
        "thread create + join": Program([BENCH / "bench_spawn", "threads"], 6_000),
        "sysbench cpu": Sysbench("cpu", 1_200, "--threads=2"),
        "sysbench threads": Sysbench("threads", 200, "--threads=8"),
        "sysbench mutex": Sysbench("mutex", 20_000, "--threads=8", "--mutex-num=4", "--mutex-loops=2000"),
        "redis GET": Redis(40_000),
        "nginx, a request": Nginx(1),
    }
