# SPDX-License-Identifier: BSD-2-Clause
"""The numbers are true: against the kernel's own bill, against clocks of the target, against what a program provably did."""
import glob
import json
import os
import pathlib
import re
import tempfile
import unittest

import support

QUIET = ("--no-evidence",)


def python(script, *options, interpreter=support.PYTHON):
    return support.measure([interpreter, "-c", script], *QUIET, *options)


def stolen_ns():
    """Time that the hypervisor gave to other machines, in ticks: the kernel bills it to nobody, a clock sees it pass."""
    with open("/proc/stat", encoding="ascii") as stat:
        return int(stat.readline().split()[8]) * 1_000_000_000 // os.sysconf("SC_CLK_TCK")


class KernelBillTest(unittest.TestCase):
    """On-CPU time of a CPU-bound program is within 1 % of what getrusage() tells the program itself."""

    def check(self, threads, milliseconds):
        stolen = stolen_ns()
        done = support.measure([support.BUILD / "tests/e2e/burn", threads, milliseconds], *QUIET)
        stolen = stolen_ns() - stolen
        self.assertEqual(done.status, 0, str(done))
        own, m = json.loads(done.stdout), done.report["measurement"]
        support.on_cpu_and_waits_add_up(self, done.report)
        self.assertEqual(m["threads"], int(threads))
        billed = own["user_ns"] + own["system_ns"]
        self.assertGreater(m["on_cpu_ns"] / billed, 0.99)
        self.assertLess((m["on_cpu_ns"] - stolen) / billed, 1.01)
        self.assertGreaterEqual(m["wall_ns"], own["wall_ns"])
        self.assertLess(m["wall_ns"], own["wall_ns"] * 1.2)

    def test_one_thread(self):
        self.check("1", "1000")

    def test_more_threads_than_cpus(self):
        self.check("8", "250")


class LightTest(unittest.TestCase):
    """--light: the same totals, and nothing else."""

    SCRIPT = (
        "import threading, time\n"
        "lock = threading.Lock()\n"
        "def work():\n"
        "    with lock: time.sleep(0.2)\n"
        "    sum(range(3000000))\n"
        "threads = [threading.Thread(target=work) for _ in range(3)]\n"
        "for t in threads: t.start()\n"
        "for t in threads: t.join()\n"
    )

    def test_totals_are_those_of_a_full_measurement(self):
        light, full = python(self.SCRIPT, "--light"), python(self.SCRIPT)
        self.assertEqual((light.status, full.status), (0, 0), str(light))
        for done in (light, full):
            support.on_cpu_and_waits_add_up(self, done.report)
            blocked = done.report["measurement"]["blocked_ns"]
            # Three times 0.2 s, but for what each spent on the way to sleep: the end is set before, and a CPU may be taken away.
            self.assertGreaterEqual(blocked["sleep"], 0.5e9)
            self.assertLess(blocked["sleep"], 1.0e9)
            # Two wait for the lock while the first sleeps, one while the second does; main waits for them all.
            self.assertGreaterEqual(sum(blocked.get(cause, 0) for cause in ("lock", "handoff", "join")), 1.1e9, blocked)
        self.assertEqual(light.report["measurement"]["threads"], 4)

    def test_it_says_so_and_keeps_nothing_else(self):
        with tempfile.TemporaryDirectory() as folder:
            done = support.measure([support.PYTHON, "-c", self.SCRIPT], "--light", keep=folder)
            self.assertEqual(done.status, 0, str(done))
            m = json.loads(done.saved.read_text())
        self.assertTrue(any("--light" in note for note in m["notes"]), m["notes"])
        self.assertEqual([t["tid"] for t in m["threads"] if t.get("slices")], [])
        self.assertFalse(m.get("sites"))
        self.assertEqual(m["loss"]["slices_dropped"], 0)


class CauseTest(unittest.TestCase):
    """A wait whose cause is certain is billed to that cause."""

    def check(self, script, cause, seconds):
        done = python(script)
        self.assertEqual(done.status, 0, str(done))
        support.on_cpu_and_waits_add_up(self, done.report)
        blocked = done.report["measurement"]["blocked_ns"]
        self.assertGreaterEqual(blocked.get(cause, 0), seconds * 0.95e9, (cause, blocked))
        self.assertLess(blocked.get(cause, 0), seconds * 1e9 + 0.4e9, (cause, blocked))

    def test_sleep(self):
        self.check("import time; time.sleep(0.6)", "sleep", 0.6)

    def test_join_of_a_child(self):
        self.check("import subprocess; subprocess.run(['sleep', '0.6'])", "join", 0.6)

    def test_handoff_between_threads(self):
        script = (
            "import queue, threading, time\n"
            "q = queue.Queue()\n"
            "threading.Thread(target=lambda: (time.sleep(0.6), q.put(1))).start()\n"
            "q.get()\n"
        )
        self.check(script, "handoff", 0.6)

    def test_ipc_through_a_pipe_of_its_own(self):
        script = (
            "import os, time\n"
            "r, w = os.pipe()\n"
            "if os.fork() == 0:\n"
            "    time.sleep(0.6); os.write(w, b'x'); os._exit(0)\n"
            "os.read(r, 1)\n"
        )
        self.check(script, "ipc", 0.6)

    def test_network_peer_outside(self):
        with support.delay_server() as url:
            script = f"import urllib.request; urllib.request.urlopen('{url}/delay/600').read()"
            self.check(script, "network", 0.6)


class FollowTest(unittest.TestCase):
    """Nobody who belongs to the target gets away."""

    def test_every_thread_is_counted(self):
        script = (
            "import threading\n"
            "for _ in range(1500):\n"
            "    t = threading.Thread(target=int); t.start(); t.join()\n"
        )
        m = python(script).report["measurement"]
        self.assertEqual((m["threads"], m["processes"]), (1501, 1))
        # join() returns a moment before the kernel has buried the thread: a few more may be born meanwhile, the more
        # so if the dying one is preempted. The dead must not add up, though.
        self.assertGreaterEqual(m["max_live_threads"], 2)
        self.assertLess(m["max_live_threads"], 15)

    def test_every_process_is_counted(self):
        loop = "i=0; while [ $i -lt 300 ]; do /bin/true; i=$((i+1)); done"
        done = support.measure(["/bin/sh", "-c", loop], *QUIET)
        self.assertEqual(done.report["measurement"]["processes"], 301, str(done))
        support.on_cpu_and_waits_add_up(self, done.report)

    def test_daemon_is_followed(self):
        """A grandchild that detaches (own session, parent gone) still belongs to the target."""
        script = (
            "import os, time\n"
            "if os.fork() == 0:\n"
            "    os.setsid()\n"
            "    if os.fork() == 0:\n"
            "        until = time.process_time() + 0.4\n"
            "        while time.process_time() < until: pass\n"
            "    os._exit(0)\n"
            "os.wait()\n"
        )
        m = python(script).report["measurement"]
        self.assertEqual(m["processes"], 3)
        self.assertGreater(m["on_cpu_ns"], 0.4e9)

    def test_exec_keeps_the_account(self):
        """The program after exec in the same process goes on in the same row, and is the runtime reported."""
        done = support.measure(["/bin/sh", "-c", f"exec {support.PYTHON} -c 'import time; time.sleep(0.5)'"], *QUIET)
        self.assertEqual(done.report["target"]["runtime"]["name"], "cpython", str(done))
        self.assertEqual(done.report["measurement"]["processes"], 1)


def interpreters():
    """Every CPython 3.8-3.13 on this machine, by version."""
    places = ["/usr/bin", "/usr/local/bin", "/opt/*/bin", os.path.expanduser("~/.pyenv/versions/*/bin")]
    found = {}
    for place in places:
        for path in map(pathlib.Path, sorted(glob.glob(place + "/python3.*"))):
            match = re.fullmatch(r"python(3\.(?:[89]|1[0-3]))", path.name)
            if match:
                found.setdefault(match[1], str(path))
    return found


class InterpreterTest(unittest.TestCase):
    def test_gil_convoy_in_every_interpreter(self):
        example = str(support.ROOT / "examples" / "python" / "gil_threads.py")
        found = interpreters()
        self.assertTrue(found, "not even the system's own")
        for version, interpreter in found.items():
            with self.subTest(version=version):
                done = support.measure([interpreter, example], *QUIET)
                self.assertEqual(done.status, 0, str(done))
                runtime = done.report["target"]["runtime"]
                self.assertEqual(runtime["name"], "cpython", str(done))
                self.assertTrue(runtime["version"].startswith(version), runtime)
                self.assertGreater(support.blocked_share(done.report, "interpreter_lock"), 0.4, str(done))
                self.assertIn("CA2001", support.findings(done.report))
                self.assertEqual(done.report["recommendation"]["model"], "processes")


if __name__ == "__main__":
    unittest.main()
