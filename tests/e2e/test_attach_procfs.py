# SPDX-License-Identifier: BSD-2-Clause
"""concadvise -p without privileges: what its threads did before is not counted, what they were doing is."""
import os
import pathlib
import shutil
import subprocess
import tempfile
import time
import unittest

import probes
import support
from attaching import PROGRAM, AttachCase, running, wait_until
from test_attach import GIL

WITH_SETUID_CHILD = """
import subprocess, sys, time
child = subprocess.Popen([sys.argv[1], "60"])
time.sleep(0.3)
print("up", flush=True)
child.wait()
"""


class UnprivilegedCase(AttachCase):
    def start(self, pid, *options, evidence="--no-evidence"):
        return super().start(pid, "--probe=procfs", *options, evidence=evidence)

    def wait_for_sampler(self, process):
        def is_there():
            names = [(task / "comm").read_text() for task in pathlib.Path(f"/proc/{process.pid}/task").iterdir()]
            return "sampler\n" in names
        wait_until(is_there, "the sampler looks")


class StateTest(UnprivilegedCase):
    def test_threads_that_queue_for_the_gil(self):
        with running([support.PYTHON, "-c", GIL]) as target:
            time.sleep(1)  # what it used until then must not count
            self.attach(target.pid, "-d", "2s")
        self.assert_all_there_from_the_start(4)
        self.assertEqual(self.report["tool"]["probe"], "procfs")
        m = self.report["measurement"]
        # A thread's share of a second before would be a third of that of the two measured; one lock, one core.
        self.assertLess(m["on_cpu_ns"], 1.1 * m["wall_ns"], self.text)
        blocked = m["blocked_ns"]
        self.assertGreater(blocked["interpreter_lock"], 0.8 * (sum(blocked.values()) - blocked["sleep"]), self.text)
        self.assertAlmostEqual(support.blocked_share(self.report, "sleep"), 0.25, delta=0.02)
        self.assertLessEqual({"CA2001", "CA9006"}, set(support.findings(self.report)), self.text)
        self.assertIn("parse", self.text)
        places = [frame for site in self.saved["sites"] if site["cause"] == "sleep" for frame in site["frames"]]
        self.assertIn("<module>", [frame["function"] for frame in places], "where the first thread slept since before")

    def test_threads_blocked_on_a_mutex_since_before(self):
        with running([PROGRAM, "lock"]) as target:
            self.attach(target.pid, "-d", "600ms")
        self.assert_all_there_from_the_start(4)
        self.assertAlmostEqual(support.blocked_share(self.report, "lock"), 0.75, delta=0.01)
        self.assertAlmostEqual(support.blocked_share(self.report, "sleep"), 0.25, delta=0.01)
        (lock,) = [lock for lock in self.saved["locks"] if lock["cause"] == "lock"]
        self.assertEqual(lock["waiters"], 3)
        self.assertEqual([t.get("voluntary", 0) for t in self.threads if t["on_cpu_ns"] > 0], [])

    def test_children_and_threads_from_before_and_since(self):
        self.measure_family(self.wait_for_sampler)


class LeftAloneTest(UnprivilegedCase):
    def test_it_ends_while_it_is_measured(self):
        with running([PROGRAM, "ticks", "60"]) as target:
            self.attach(target.pid)
            self.assertEqual(target.stdout.read(), "".join(f"{i}\n" for i in range(60)))
            self.assertEqual(target.wait(), 3)
        self.assertIn("has ended", self.text)

    def test_ctrl_c_ends_the_measurement_alone(self):
        self.interrupt(self.wait_for_sampler)


class OthersTest(unittest.TestCase):
    """As a user without any privilege, who is not the one that the target's children run as."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="concadvise-test-", dir="/var/tmp")  # /tmp may be mounted nosuid
        self.addCleanup(shutil.rmtree, self.folder)
        os.chmod(self.folder, 0o755)

    def report_of(self, pid):
        command = probes.without_privileges(support.CONCADVISE, "--no-evidence", "-d", "500ms", "-p", str(pid))
        return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              env=support.target_environment(), timeout=support.TIMEOUT_S)

    def test_what_is_not_shown_is_said(self):
        sleeper = self.folder + "/sleeper"
        shutil.copy("/bin/sleep", sleeper)
        os.chmod(sleeper, 0o4755)
        # Not no_new_privs here: that would keep it from gaining its rights.
        user = [word for word in probes.without_privileges() if word != "--no-new-privs"]
        with running([*user, support.PYTHON, "-c", WITH_SETUID_CHILD, sleeper]) as target:
            done = self.report_of(target.pid)
        subprocess.run(["pkill", "-f", sleeper], check=True)
        text = " ".join(done.stderr.split())
        self.assertEqual(done.returncode, 0, text)
        self.assertIn("The system calls of 1 of 2 threads are not shown to us", text)
        self.assertIn("measuring from /proc", text)

    def test_another_users_process(self):
        with running([PROGRAM, "spin"]) as target:
            done = self.report_of(target.pid)
        self.assertEqual(done.returncode, 125, done.stderr)
        self.assertIn("it belongs to user", done.stderr)
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)


if __name__ == "__main__":
    unittest.main()
