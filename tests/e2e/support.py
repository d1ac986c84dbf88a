# SPDX-License-Identifier: BSD-2-Clause
"""What the end-to-end tests share: running concadvise, reading examples' headers, starting peers.

Peers (delay server, PostgreSQL, Redis, ...) listen on free loopback ports, are started outside the measured target and
stopped by their process id. Nothing here retries: a test that fails now and then is broken. (tests/run does where the
machine was not ours, see tests/steadiness.py.)
"""
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("CONCADVISE_BUILD", ROOT / "build")).resolve()
CONCADVISE = str(BUILD / "cli" / "concadvise")
PYTHON = "/usr/bin/python3"  # Debian's: the one that has the packages the examples need
TIMEOUT_S = 60


def target_environment(**extra):
    """The environment of a run: nothing that changes what the report looks like, plus `extra`."""
    environment = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "NO_COLOR", "PYTHONPATH")}
    environment.update(extra)
    return environment


class Run:
    """One finished run of concadvise: status, output and what it wrote."""

    def __init__(self, argv, status, stdout, stderr, report=None, saved=None):
        self.argv, self.status, self.stdout, self.stderr = argv, status, stdout, stderr
        self.report, self.saved = report, saved

    def __str__(self):
        tail = self.stderr.decode(errors="replace")[-3000:]
        return f"{' '.join(map(str, self.argv))}\nstatus {self.status}\nstderr:\n{tail}"


def run(*arguments, env=None, stdin=subprocess.DEVNULL, timeout=TIMEOUT_S, before=(), **popen):
    """Run concadvise with these arguments, `before` put before it. Status as subprocess gives it: negative for a signal."""
    argv = [*before, CONCADVISE, *map(str, arguments)]
    done = subprocess.run(argv, capture_output=True, env=env or target_environment(), stdin=stdin, timeout=timeout, **popen)
    return Run(argv, done.returncode, done.stdout, done.stderr)


def measure(command, *options, env=None, timeout=TIMEOUT_S, keep=None, **popen):
    """Run a target under concadvise; returns the Run with the JSON report. `keep`: folder for the saved measurement."""
    with tempfile.TemporaryDirectory(prefix="concadvise-test-") as folder:
        folder = pathlib.Path(keep or folder)
        report, saved = folder / "report.json", folder / "run.json"
        done = run(*options, "-o", report, "--save", saved, "--", *command, env=env, timeout=timeout, **popen)
        if report.exists():
            done.report = json.loads(report.read_text())
        if keep and saved.exists():
            done.saved = saved
        return done


def on_cpu_and_waits_add_up(test, report):
    """The accounting identity that every run must satisfy, to 0.1 % of thread time."""
    m = report["measurement"]
    total = m["on_cpu_ns"] + m["runnable_ns"] + sum(m["blocked_ns"].values()) + m["unattributed_ns"]
    test.assertGreater(m["thread_time_ns"], 0)
    test.assertLessEqual(abs(total - m["thread_time_ns"]), m["thread_time_ns"] / 1000, m)


def findings(report):
    """Ids of the findings in a report, as "CA2001"."""
    return [finding["id"] for finding in report["findings"]]


def blocked_share(report, *causes):
    """Share of thread time that was blocked on these causes."""
    m = report["measurement"]
    return sum(m["blocked_ns"].get(cause, 0) for cause in causes) / m["thread_time_ns"]


class Example:
    """A program under examples/ with the expectations of its header."""

    def __init__(self, path):
        self.path, self.name = path, f"{path.parent.name}/{path.stem}"
        self.command, self.server, self.needs = None, None, []
        self.models, self.changes, self.wanted, self.unwanted = None, None, [], []
        head = re.split(r"\n(?:import |#include|const )", path.read_text())[0]
        for key, value in re.findall(r"^(?:#|//| \*) (run|server|needs|expect): (.*)$", head, re.MULTILINE):
            getattr(self, "_read_" + key)(value.split())
        if not self.command or not self.models:
            raise ValueError(f"{path}: the header needs run: and expect: model=")

    def _read_run(self, words):
        places = {"{file}": str(self.path), "{bin}": str(BUILD / "examples" / self.path.stem), "python3": PYTHON}
        self.command = [places.get(word, word) for word in words]

    def _read_server(self, words):
        (self.server,) = words

    def _read_needs(self, words):
        self.needs = words

    def _read_expect(self, words):
        for word in words:
            key, _, value = word.partition("=")
            if key == "model":
                self.models = [None if model == "none" else model for model in value.split("|")]
            elif key == "change":
                self.changes = value.split("|")
            elif key == "finding":
                self.wanted.append(value)
            elif key == "not-finding":
                self.unwanted.append(value)
            else:
                raise ValueError(f"{self.path}: expect: does not know {key}")


def examples():
    """All examples, in order of name."""
    folders = ("c", "*.c"), ("node", "*.js"), ("python", "*.py")
    return [Example(path) for folder, files in folders for path in sorted((ROOT / "examples" / folder).glob(files))]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for_port(port, process, seconds=20):
    """Until something listens; fails at once when the process that should has ended."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"server ended with status {process.returncode} before it listened")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
            return
        time.sleep(0.02)
    raise RuntimeError(f"nothing listens on 127.0.0.1:{port} after {seconds} s")


def stop(process, signal_number=signal.SIGTERM):
    """Stop a process by its id; it gets ten seconds, then no more."""
    if process.poll() is None:
        process.send_signal(signal_number)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextlib.contextmanager
def delay_server():
    """The bundled delay server; yields its URL."""
    process = subprocess.Popen([BUILD / "examples" / "delay_server"], stdout=subprocess.PIPE, text=True)
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        stop(process)
        process.stdout.close()


@contextlib.contextmanager
def postgresql():
    """A PostgreSQL of our own, without durability; yields its connection string. Runs as `postgres` when we are root."""
    (programs, *_) = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    as_postgres = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
    folder = tempfile.mkdtemp(prefix="concadvise-pg-")
    if as_postgres:
        shutil.chown(folder, "postgres", "postgres")
    port, data = free_port(), folder + "/data"
    settings = {"port": port, "listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "off"}
    options = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
    try:
        initdb = [*as_postgres, programs / "initdb", "-D", data, "-A", "trust", "-U", "postgres", "-N", "-E", "UTF8"]
        subprocess.run(initdb, check=True, stdout=subprocess.DEVNULL, cwd="/")
        with open(folder + ".log", "wb") as log:
            process = subprocess.Popen([*as_postgres, programs / "postgres", "-D", data, *options], stderr=log, cwd="/")
        try:
            wait_for_port(port, process)
            yield f"host=127.0.0.1 port={port} user=postgres dbname=postgres"
        finally:
            stop(process, signal.SIGINT)  # "fast shutdown"
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        with contextlib.suppress(OSError):
            os.unlink(folder + ".log")


@contextlib.contextmanager
def peers(*names):
    """The servers that examples name in `server:`; yields the environment that leads to them."""
    starters = {"delay": ("CONCADVISE_DELAY_URL", delay_server), "postgresql": ("CONCADVISE_PG_DSN", postgresql)}
    with contextlib.ExitStack() as stack:
        variables = {}
        for name in filter(None, names):
            variable, starter = starters[name]
            variables[variable] = stack.enter_context(starter())
        yield target_environment(**variables)
