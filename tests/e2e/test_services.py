# SPDX-License-Identifier: BSD-2-Clause
"""Programs nobody here wrote, under load: the accounts add up and the advice makes sense."""
import os
import subprocess
import time
import unittest

import support
from served import ServiceCase, drive


class RedisTest(ServiceCase):
    def redis(self, port):
        options = ["--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", self.folder]
        return ["redis-server", *options]

    def test_under_load_it_is_a_loop_and_stays_one(self):
        """Redis under redis-benchmark: an event loop; nobody tells it to use coroutines elsewhere or blames a lock."""
        port = support.free_port()
        with self.served(self.redis(port), port):
            load = ["redis-benchmark", "-p", str(port), "-n", "60000", "-c", "30", "-t", "set,get", "-q"]
            subprocess.run(load, check=True, stdout=subprocess.DEVNULL, timeout=60)
        self.assertEqual(self.report["current"]["model"], "coroutines", self.log)
        self.assert_advice(["coroutines", None], ["keep"], unwanted=["CA2101", "CA3101", "CA3001", "CA4101", "CA1203"])

    def test_idle_it_gets_no_verdict(self):
        port = support.free_port()
        with self.served(self.redis(port), port):
            time.sleep(5)  # its start, which takes the longer the busier the machine is, is less than a tenth of this
        self.assertIsNone(self.report["recommendation"]["model"], self.log)
        self.assertIn("CA9003", support.findings(self.report))


class WebServerTest(ServiceCase):
    def gunicorn(self, port, application, *options):
        python = [support.PYTHON, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", "--workers", len(os.sched_getaffinity(0))]
        return [*python, "--worker-tmp-dir", self.folder, *options, application]

    def test_sync_workers_that_wait_for_a_peer(self):
        """Each sync worker handles one request at a time and waits for the peer: more must be in flight."""
        port = support.free_port()
        with support.peers("delay") as environment:
            with self.served(self.gunicorn(port, "app:wsgi"), port, environment):
                self.assertGreater(drive(port, 3, 12), 100)
        self.assert_advice(["threads", "coroutines", "processes+coroutines"], ["switch"])
        self.assertGreater(support.blocked_share(self.report, "network"), 0.3, self.log)

    def test_uvicorn_workers_are_left_alone(self):
        """Processes with an event loop each, waits overlapped, CPU on every core: the hybrid that others should be."""
        port = support.free_port()
        with support.peers("delay") as environment:
            command = self.gunicorn(port, "app:asgi", "--worker-class", "uvicorn.workers.UvicornWorker")
            with self.served(command, port, environment):
                self.assertGreater(drive(port, 3, 24), 300)
        self.assertEqual(self.report["current"]["model"], "processes+coroutines", self.log)
        self.assert_advice(["processes+coroutines"], ["keep"], unwanted=["CA3101", "CA4101", "CA2001"])


class ToolTest(ServiceCase):
    def test_sysbench_cpu_with_one_thread(self):
        self.measured("sysbench", "cpu", "--threads=1", "--time=1", "run")
        self.assert_advice(["threads"], ["switch"], wanted=["CA1001"])

    def test_sysbench_cpu_with_a_thread_per_cpu(self):
        self.measured("sysbench", "cpu", f"--threads={len(os.sched_getaffinity(0))}", "--time=1", "run")
        self.assert_advice(["threads"], ["keep"], unwanted=["CA1001", "CA1203", "CA2101"])

    def test_sysbench_threads_on_one_lock(self):
        self.measured("sysbench", "threads", "--threads=8", "--thread-locks=1", "--time=1", "run")
        self.assert_advice(["threads"], ["fix"], wanted=["CA2101"])

    def test_pigz(self):
        data = self.folder / "data"
        data.write_bytes(b"".join(b"%d %d\n" % (n, n * n % 99991) for n in range(2_500_000)))
        self.measured("pigz", "-k", "-p", len(os.sched_getaffinity(0)), data)
        self.assert_advice(["threads"], ["keep"], unwanted=["CA2101", "CA4101"])

    def test_gzip(self):
        data = self.folder / "data"
        data.write_bytes(b"".join(b"%d %d\n" % (n, n * n % 99991) for n in range(1_200_000)))
        self.measured("gzip", "-k", data)
        self.assert_advice(["threads"], ["switch"], wanted=["CA1001"])


if __name__ == "__main__":
    unittest.main()
