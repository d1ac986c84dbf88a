# SPDX-License-Identifier: BSD-2-Clause
"""What the tests of servers and well-known programs share: running them under concadvise, with load where they serve."""
import contextlib
import http.client
import json
import pathlib
import subprocess
import tempfile
import threading
import time
import unittest

import support

HERE = pathlib.Path(__file__).resolve().parent


class ServiceCase(unittest.TestCase):
    """A server or a program under concadvise; self.report and self.log (for messages) are those of the last run."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="concadvise-service-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    @contextlib.contextmanager
    def served(self, command, port, env=None, options=(), cwd=HERE):
        """Run a server under concadvise while the body drives load; afterwards self.report is its report."""
        path = self.folder / "report.json"
        argv = [support.CONCADVISE, *options, "-o", path, "--", *map(str, command)]
        with open(self.folder / "log", "w+b") as log:
            process = subprocess.Popen(
                argv, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=env or support.target_environment(), cwd=cwd
            )
            try:
                support.wait_for_port(port, process)
                yield
                process.terminate()
                process.wait(support.TIMEOUT_S)
            finally:
                support.stop(process)
            log.seek(0)
            self.log = log.read().decode(errors="replace")
        self.assertTrue(path.exists(), self.log)
        self.report = json.loads(path.read_text())
        support.on_cpu_and_waits_add_up(self, self.report)

    def measured(self, *command, options=()):
        done = support.measure(command, *options)
        self.assertEqual(done.status, 0, str(done))
        support.on_cpu_and_waits_add_up(self, done.report)
        self.report, self.log = done.report, str(done)

    def assert_advice(self, models, changes, wanted=(), unwanted=()):
        recommendation = self.report["recommendation"]
        self.assertIn(recommendation["model"], models, self.log)
        self.assertIn(recommendation["change"], changes, self.log)
        for finding in wanted:
            self.assertIn(finding, support.findings(self.report), self.log)
        for finding in unwanted:
            self.assertNotIn(finding, support.findings(self.report), self.log)

    def assert_an_expert_agrees(self, models, changes, now=(), allowed=()):
        """Nothing but the findings that fit this program, a verdict that fits it, and no promise against physics."""
        self.assert_advice(models, changes)
        found = set(support.findings(self.report))
        self.assertLessEqual(found, set(allowed), self.log)
        if now:
            self.assertIn(self.report["current"]["model"], now, self.log)
        m, recommendation = self.report["measurement"], self.report["recommendation"]
        cpus = self.report["machine"]["cpus_allowed"]
        # The same work on all CPUs all the time: no arrangement of it is faster.
        self.assertLessEqual(recommendation["expected_speedup"], 1.15 * max(1, cpus * m["wall_ns"] / m["on_cpu_ns"]), self.log)
        if "CA1001" in found:
            self.assertGreater((m["on_cpu_ns"] + m["runnable_ns"]) / m["wall_ns"], 0.6, self.log)


def drive(port, seconds, clients, path="/", keep_alive=False):
    """Clients that each ask again as soon as they have an answer; returns the number of answers."""
    answers, until = [0] * clients, time.monotonic() + seconds

    def client(slot):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        while time.monotonic() < until:
            connection.request("GET", path)
            response = connection.getresponse()
            response.read()
            answers[slot] += response.status == 200
            if not keep_alive:
                connection.close()
        connection.close()

    threads = [threading.Thread(target=client, args=(slot,)) for slot in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(answers)
