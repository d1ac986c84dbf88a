# SPDX-License-Identifier: BSD-2-Clause
"""The chain of waits behind the wall time, and who waited for whom, of programs that know both about themselves."""
import textwrap
import unittest

import sites
import support

SLOWEST = """
    import json, threading, time
    tids = {}
    def work(name, seconds):
        tids[name] = threading.get_native_id()
        time.sleep(seconds)
    threads = [threading.Thread(target=work, args=item) for item in (("a", 0.2), ("slow", 0.9), ("b", 0.4))]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    print(json.dumps(dict(tids, main=threading.get_native_id())))
"""

LOCKED = """
    import json, threading
    def work():
        total = 0
        for i in range(9_000_000): total += i * i
    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    print(json.dumps({"main": threading.get_native_id()}))
"""

# The child burns, the parent waits for what it has to say, then the child sleeps until the parent says something.
MESSAGES = """
    import json, os, time
    up, down = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        end = time.thread_time() + 0.5
        while time.thread_time() < end: pass
        os.write(up[1], b"x")
        os.read(down[0], 1)
        os._exit(0)
    os.read(up[0], 1)
    time.sleep(0.4)
    os.write(down[1], b"x")
    os.waitpid(child, 0)
    print(json.dumps({"main": os.getpid(), "child": child}))
"""


def measured(program):
    return sites.Measured(support.PYTHON, "-c", textwrap.dedent(program))


class CriticalPathTest(unittest.TestCase):
    def path(self, run):
        path = run.report["critical_path"]
        self.assertEqual(path["wall_ns"], run.report["measurement"]["wall_ns"])
        self.assertEqual(sum(part["time_ns"] for part in path["parts"]) + path["rest_ns"], path["wall_ns"])
        return path

    def time(self, path, tid, *causes, state="blocked"):
        return sum(part["time_ns"] for part in path["parts"]
                   if part["tid"] == tid and part["state"] == state and (not causes or part["cause"] in causes))

    def share(self, path, *causes, state="blocked"):
        return sum(part["time_ns"] for part in path["parts"]
                   if part["state"] == state and (not causes or part["cause"] in causes)) / path["wall_ns"]

    def test_a_pool_is_as_slow_as_its_slowest(self):
        run = measured(SLOWEST)
        path = self.path(run)
        slept = {name: self.time(path, tid, "sleep") for name, tid in run.said.items()}
        self.assertGreater(slept["slow"], 0.6 * path["wall_ns"], path)
        self.assertEqual([slept["a"], slept["b"], slept["main"]], [0, 0, 0], path)
        self.assertLess(self.share(path, "handoff", "join"), 0.05, path)
        (row,) = [row for row in run.report["wait_summary"] if row["waiter"] == "main" and row["cause"] == "join"][:1]
        self.assertGreater(row["time_ns"], 0.6 * path["wall_ns"])
        self.assertIn("thread", row["waker"])

    def test_the_path_of_a_convoy_is_work(self):
        """One lock, always held by a thread that computes or waits for a CPU: no wait for it shortens the run."""
        run = measured(LOCKED)
        path = self.path(run)
        waited = run.report["measurement"]["blocked_ns"]["interpreter_lock"]
        self.assertGreater(waited, 0.3 * path["wall_ns"], "the threads did not get into each other's way")
        worked = self.share(path, state="on_cpu") + self.share(path, state="run_queue")
        self.assertGreater(worked, 0.9, path)

    def test_messages_between_processes_lead_to_the_sender(self):
        run = measured(MESSAGES)
        path = self.path(run)
        self.assertGreater(self.time(path, run.said["child"], state="on_cpu"), 0.4e9, path)
        self.assertGreater(self.time(path, run.said["main"], "sleep"), 0.39e9, path)
        self.assertLess(self.share(path, "ipc"), 0.05, path)


if __name__ == "__main__":
    unittest.main()
