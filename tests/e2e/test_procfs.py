# SPDX-License-Identifier: BSD-2-Clause
"""Measuring with no privilege at all: the same verdict, the same sums, the same manners, and it says what is missing."""
import json
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import time
import unittest

import jsonschema

import probes
import support

# The verdicts of these leave no doubt, and a machine that is busy with something else does not change them.
CLEAR = ("c/fork_per_item", "c/lock_across_wait", "c/mutex_convoy", "c/pipe_pingpong", "python/http_serial",
         "python/requests_in_coroutine", "python/sleep_in_coroutine", "python/subprocess_per_item")


def measure(command, *options, **more):
    return probes.measure("procfs", command, None, *options, **more)


class SameVerdict(unittest.TestCase):
    def test_the_verdict_is_the_same_as_with_bpf(self):
        for example in (example for example in support.examples() if example.name in CLEAR):
            with self.subTest(example.name), support.peers(example.server) as environment:
                done = probes.measure("procfs", example.command, environment, "--no-evidence")
                self.assertEqual(done.status, 0, str(done))
                recommendation = done.report["recommendation"]
                self.assertIn(recommendation["model"], example.models, str(done))
                if example.changes:
                    self.assertIn(recommendation["change"], example.changes, str(done))
                support.on_cpu_and_waits_add_up(self, done.report)
                m = done.report["measurement"]
                self.assertLess(m["unattributed_ns"], m["thread_time_ns"] / 20, str(done))


class Report(unittest.TestCase):
    """One run of the interpreter-lock example, many questions."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="concadvise-procfs-")
        os.chmod(cls.folder.name, 0o777)
        example = [support.PYTHON, str(support.ROOT / "examples/python/gil_threads.py")]
        cls.done = measure(example, "--evidence-time", "1s", keep=cls.folder.name)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def setUp(self):
        self.assertEqual(self.done.status, 0, str(self.done))

    def test_it_says_what_it_is(self):
        self.assertEqual(self.done.report["tool"]["probe"], "procfs")
        self.assertIn("CA9006", support.findings(self.done.report))
        self.assertTrue(any("/proc" in text or "privilege" in text for text in self.done.report["recommendation"]["not_seen"]),
                        self.done.report["recommendation"]["not_seen"])

    def test_waits_for_the_interpreter_lock_are_told_apart(self):
        """Most of what the futexes are for in this program, by far; and none of it is a lock of the program's."""
        share = support.blocked_share(self.done.report, "interpreter_lock")
        self.assertGreater(share, 3 * support.blocked_share(self.done.report, "lock", "handoff"), str(self.done))
        self.assertIn("CA2001", support.findings(self.done.report))

    def test_python_lines_are_named(self):
        finding = next(f for f in self.done.report["findings"] if f["id"] == "CA2001")
        names = [frame["function"] for site in finding["sites"] for frame in site["stack"]]
        self.assertIn("is_prime", names, finding)

    def test_the_share_of_cpu_time_under_the_lock_is_known(self):
        m = self.done.report["measurement"]
        self.assertGreater(m["cpu_samples"], 100)
        self.assertGreater(m["lock_held_samples"] / m["cpu_samples"], 0.5)

    def test_the_json_is_what_the_schema_promises(self):
        schema = json.loads((support.ROOT / "report" / "report.schema.json").read_text())
        jsonschema.Draft202012Validator(schema).validate(self.done.report)

    def test_a_saved_run_gives_the_same_advice(self):
        again = support.run("report", "-f", "json", self.done.saved)
        self.assertEqual(again.status, 0, str(again))
        self.assertEqual(json.loads(again.stdout)["recommendation"], self.done.report["recommendation"])


class Accounts(unittest.TestCase):
    def threads_of(self, command, **more):
        with tempfile.TemporaryDirectory(prefix="concadvise-procfs-") as folder:
            os.chmod(folder, 0o777)
            done = measure(command, "--no-evidence", keep=folder, **more)
            self.assertEqual(done.status, 0, str(done))
            saved = json.loads(pathlib.Path(done.saved).read_text())
        return done, saved.get("measurement", saved)

    def test_cpu_time_is_the_kernels(self):
        """What the program itself is told of its CPU time, to a fiftieth."""
        program = ("import resource,sys,time\nend=time.process_time()+0.5\nwhile time.process_time()<end: pass\n"
                   "u=resource.getrusage(resource.RUSAGE_SELF); print(u.ru_utime+u.ru_stime)")
        done, m = self.threads_of([support.PYTHON, "-c", program])
        own = float(done.stdout)
        self.assertAlmostEqual(sum(t["on_cpu_ns"] for t in m["threads"]) / 1e9, own, delta=own / 50 + 0.005)

    def test_a_sleep_is_as_long_as_it_was(self):
        _, m = self.threads_of(["/bin/sleep", "0.5"])
        slept = sum(t["blocked_ns"].get("sleep", 0) for t in m["threads"])
        self.assertGreater(slept, 0.45e9)
        self.assertLessEqual(slept, m["wall_ns"])

    def test_children_grandchildren_and_orphans_are_found(self):
        done, m = self.threads_of(["/bin/sh", "-c", "(sh -c 'sleep 2 & sleep 1' &) ; sleep 3"])
        self.assertGreaterEqual(sum(t["name"] == "sleep" for t in m["threads"]), 3, [t["name"] for t in m["threads"]])

    def test_processes_too_short_to_be_seen_are_counted(self):
        """CPU time is complete: what the parent was told of its children is in the sums."""
        program = ("import os,resource\nfor i in range(400):\n  p=os.fork()\n  if p==0: os._exit(0)\n  os.waitpid(p,0)\n"
                   "a=[resource.getrusage(w) for w in (resource.RUSAGE_SELF,resource.RUSAGE_CHILDREN)]\n"
                   "print(sum(u.ru_utime+u.ru_stime for u in a))")
        done, m = self.threads_of([support.PYTHON, "-c", program])
        own = float(done.stdout)
        self.assertAlmostEqual(m["on_cpu_ns"] / 1e9, own, delta=own / 10 + 0.02)
        self.assertGreater(done.report["measurement"]["processes"], 100)

    def test_a_thousand_threads_are_cheap_to_look_at(self):
        """The sampler's own clock, 2 % of a CPU, but for what it may overdraw (60 ms) and one round more."""
        program = ("import threading,time\nthreading.stack_size(65536)\n"
                   "ts=[threading.Thread(target=time.sleep,args=(3,)) for _ in range(1000)]\n"
                   "[t.start() for t in ts]; [t.join() for t in ts]")
        done, m = self.threads_of([support.PYTHON, "-c", program])
        self.assertEqual(m["max_live_threads"], 1001)
        self.assertGreater(support.blocked_share(done.report, "sleep"), 0.9)
        self.assertLess(m["loss"]["threads_omitted"], 10)
        (note,) = (note for note in m["notes"] if note.startswith("Sampling took"))
        spent_ms, rounds = map(float, re.search(r"([\d.]+) ms of CPU time in ([\d]+) rounds", note).groups())
        self.assertLess(spent_ms, m["wall_ns"] / 1e6 * 0.02 + 60 + 40, note)
        self.assertGreater(rounds, 5, note)


class Manners(unittest.TestCase):
    def test_exit_status_and_signals_pass_through(self):
        self.assertEqual(measure(["/bin/sh", "-c", "exit 7"], "--no-evidence").status, 7)
        self.assertEqual(measure(["/bin/sh", "-c", "kill -SEGV $$"], "--no-evidence").status, -signal.SIGSEGV)

    def test_output_is_untouched(self):
        self.assertEqual(measure(["/bin/echo", "a  b"], "--no-evidence").stdout, b"a  b\n")

    def test_duration_ends_it(self):
        done = measure(["/bin/sleep", "30"], "--no-evidence", "-d", "300ms")
        self.assertIsNotNone(done.report, str(done))
        self.assertLess(done.report["measurement"]["wall_ns"], 10e9)

    def test_several_runs(self):
        done = measure(["/bin/sleep", "0.2"], "--no-evidence", "-r", "2")
        self.assertEqual(done.report["measurement"]["runs"]["count"] if isinstance(
            done.report["measurement"]["runs"], dict) else len(done.report["measurement"]["runs"]), 2, str(done))

    def test_nothing_stays_behind(self):
        """An orphan that ends while we measure is reaped by us: no zombie, and the target's status is the target's."""
        done = measure(["/bin/sh", "-c", "(sh -c 'sleep 0.1' &) ; sleep 0.4; exit 5"], "--no-evidence")
        self.assertEqual(done.status, 5, str(done))

    def test_the_target_inherits_no_descriptor(self):
        done = measure(["/bin/ls", "/proc/self/fd"], "--no-evidence")
        self.assertEqual(len(done.stdout.split()), 4, done.stdout)  # three, and the folder itself


class Automatic(unittest.TestCase):
    def test_without_privileges_it_says_so_in_one_line_and_goes_on(self):
        done = support.run("--no-evidence", "--", "/bin/sleep", "0.3", before=probes.without_privileges())
        self.assertEqual(done.status, 0, str(done))
        lines = [line for line in done.stderr.decode().splitlines() if "without privileges" in line and "/proc" in line]
        self.assertEqual(len([line for line in lines if line.startswith("concadvise: ")]), 1, str(done))
        self.assertIn("sampled from /proc", done.stderr.decode())

    def test_bpf_when_asked_for_is_bpf_or_nothing(self):
        done = support.run("--probe=bpf", "--no-evidence", "--", "/bin/echo", "started", before=probes.without_privileges())
        self.assertEqual(done.status, 125, str(done))
        self.assertEqual(done.stdout, b"")
        self.assertIn("--probe=procfs", done.stderr.decode())
        self.assertIn("not started", done.stderr.decode())

    def test_in_a_user_namespace(self):
        """Where a container without privileges is: root in name only."""
        done = support.run("--no-evidence", "--", "/bin/sleep", "0.3", before=["unshare", "-U", "-r"])
        if b"unshare failed" in done.stderr:
            self.fail("user namespaces are switched off here: " + done.stderr.decode())
        self.assertEqual(done.status, 0, str(done))
        self.assertIn("sampled from /proc", done.stderr.decode())


if __name__ == "__main__":
    unittest.main()
