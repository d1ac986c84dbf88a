# SPDX-License-Identifier: BSD-2-Clause
"""What the tests of -p share: targets that run already, and concadvise attached to them."""
import contextlib
import json
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import time
import unittest

import support

PROGRAM = str(support.BUILD / "tests" / "e2e" / "attached")

# A child and a thread from before; on SIGUSR1 one more of each, and both end.
FAMILY = """
import os, signal, subprocess, threading, time
def sleep_a_little():
    time.sleep(0.2)
def more(*_):
    threading.Thread(target=sleep_a_little).start()
    subprocess.run(["sleep", "0.3"])
    open(os.environ["MARK"], "w").close()
signal.signal(signal.SIGUSR1, more)
child = subprocess.Popen(["sleep", "60"])
threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
print("up", flush=True)
while True:
    time.sleep(60)
"""

INTERRUPTED = """
import signal, time
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCONT):
    signal.signal(number, lambda number, _: print("signal", number, flush=True))
print("up", flush=True)
while True:
    time.sleep(0.05)
"""


@contextlib.contextmanager
def running(command, **popen):
    """Start a program of ours and wait until it says "up"; yields the Popen, ends it by its id."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, **popen)
    try:
        if process.stdout.readline() != "up\n":
            raise RuntimeError(f"{command}: did not come up")
        yield process
    finally:
        support.stop(process, signal.SIGKILL)
        process.stdout.close()


def state_of(pid, key):
    (value,) = re.findall(rf"^{key}:\s*(.*)$", pathlib.Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return value


def children_of(pid):
    return [int(child) for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def wait_until(condition, what, seconds=30):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        result = condition()
        if result:
            return result
        time.sleep(0.02)
    raise AssertionError(f"{what}: not after {seconds} s")


class AttachCase(unittest.TestCase):
    def setUp(self):
        keep = tempfile.TemporaryDirectory(prefix="concadvise-test-")
        self.addCleanup(keep.cleanup)
        self.folder = keep.name

    def start(self, pid, *options, evidence="--no-evidence"):
        """concadvise -p PID in the background; returns the Popen."""
        argv = [support.CONCADVISE, evidence, "-p", str(pid), "-o", self.folder + "/report.json",
                "--save", self.folder + "/saved.json", *options]
        return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                env=support.target_environment())

    def finish(self, process):
        """Its end, and what it wrote."""
        _, self.log = process.communicate(timeout=support.TIMEOUT_S)
        self.assertEqual(process.returncode, 0, self.log)
        self.report = json.loads(pathlib.Path(self.folder + "/report.json").read_text())
        self.saved = json.loads(pathlib.Path(self.folder + "/saved.json").read_text())
        self.threads = self.saved["threads"]
        self.text = support.run("report", self.folder + "/saved.json").stdout.decode()

    def attach(self, pid, *options, **how):
        self.finish(self.start(pid, *options, **how))

    def attached_helper(self, process):
        """The helper of a concadvise, once its programs are attached: it holds some, and has dropped its rights."""
        def ready():
            for helper in children_of(process.pid):
                with contextlib.suppress(OSError):
                    if state_of(helper, "CapEff") == "0" * 16 and programs_of(helper):
                        return helper
            return None
        return wait_until(ready, "the helper is attached")

    def assert_all_there_from_the_start(self, n):
        """n threads, all there from the start to the end: thread time is n times the wall time."""
        m = self.report["measurement"]
        self.assertEqual([t["birth_ns"] for t in self.threads], [0] * n, self.log)
        self.assertLessEqual(abs(m["thread_time_ns"] - n * m["wall_ns"]), n * m["wall_ns"] / 1000)
        support.on_cpu_and_waits_add_up(self, self.report)

    def measure_family(self, ready):
        """A program with a child and a thread, and one more of each since. ready(process): waits until it measures."""
        mark = self.folder + "/mark"
        environment = support.target_environment(MARK=mark)
        with running([support.PYTHON, "-c", FAMILY], env=environment) as target:
            process = self.start(target.pid)
            ready(process)
            time.sleep(0.3)
            target.send_signal(signal.SIGUSR1)
            wait_until(lambda: os.path.exists(mark), "the second child has ended")
            process.send_signal(signal.SIGINT)
            self.finish(process)
            (child,) = subprocess.run(["pgrep", "-P", str(target.pid)], capture_output=True, text=True).stdout.split()
            os.kill(int(child), signal.SIGKILL)
        before = [t for t in self.threads if t["birth_ns"] == 0]
        since = [t for t in self.threads if t["birth_ns"] > 0]
        self.assertEqual(len(before), 3, self.log)  # two of the target, and its first child
        self.assertEqual({t["pid"] for t in before}, {target.pid, int(child)})
        self.assertEqual({t["pid"] == target.pid for t in since}, {True, False}, self.log)
        self.assertTrue(all(not t.get("alive") for t in since), self.log)
        parents = {p["pid"]: p.get("parent_pid", 0) for p in self.saved["processes"]}
        self.assertEqual(parents[int(child)], target.pid)
        self.assertEqual(parents[target.pid], 0)
        support.on_cpu_and_waits_add_up(self, self.report)

    def interrupt(self, ready):
        """Ctrl-C ends the measurement, and reaches nobody else."""
        with running([support.PYTHON, "-c", INTERRUPTED]) as target:
            process = self.start(target.pid)
            ready(process)
            time.sleep(0.5)
            process.send_signal(signal.SIGINT)
            self.finish(process)
            time.sleep(0.2)
            self.assertIsNone(target.poll())
            target.kill()
            self.assertEqual(target.stdout.read(), "")  # it would have told of a signal


def programs_of(pid):
    """Ids of the BPF programs that a process has open."""
    ids = set()
    with contextlib.suppress(OSError):
        for entry in os.scandir(f"/proc/{pid}/fdinfo"):
            with contextlib.suppress(OSError):
                ids.update(re.findall(r"^prog_id:\s*(\d+)$", pathlib.Path(entry.path).read_text(), re.MULTILINE))
    return ids


def is_loaded(program):
    return subprocess.run(["bpftool", "prog", "show", "id", program], capture_output=True).returncode == 0
