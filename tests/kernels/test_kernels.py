# SPDX-License-Identifier: BSD-2-Clause
"""The probe on Debian's kernels, under QEMU: it loads, its account is exact, and what is missing is named.

Kernels: CONCADVISE_KERNELS, by default 6.1 and 6.12; `tests/kernels/run --all` takes the real-time ones, too.
Bounds are physical: a thread lives at least from its first act to its last, at most from before its creation to after
its burial, and after a bill was read it can't run for longer than until it was buried.
"""
import concurrent.futures
import json
import os
import unittest

import debian
import guest

DEFAULT = "6.1 6.12"
TOLERANCE = 0.001
# Whoever joins a thread is woken in the middle of its exit (mm_release()), may take its CPU, and stamps before it is gone:
# a slice (kernel/sched/fair.c: at most 3 ms as it is scaled by CPUs) and a tick (4 ms at 250 Hz).
JOINED_EARLY_NS = 7_000_000
# What each thread of `lives waits` waits for. Who does nothing but wait for a condition may be a parked worker: idle.
CAUSES = {
    "sleep": ["sleep"],
    "mutex": ["lock"],
    "pi": ["lock"],
    "condition": ["handoff", "idle"],
    "pipe": ["ipc"],
    "unix": ["ipc"],
    "tcp": ["ipc"],
    "poll": ["handoff"],
    "timer": ["sleep"],
    "child": ["join"],
    "disk": ["disk"],
}
# A loaded host stretches what is short: the first faults of new threads and their exit, which wait for locks that sleep
# (PREEMPT_RT) for as long as it halts the virtual CPU of the one who has them.
STRETCHED = ["memory", "other"]
# What softirqs have no time for (2 ms, kernel/softirq.c) is left to ksoftirqd. In a guest that crawls that may be what
# was sent over the loopback device; nobody can tell then who sent it. The guest for exact accounts has to.
UNTOLD = {"tcp": ["network"]}


def life_ns(row):
    return row["on_cpu_ns"] + row["runnable_ns"] + sum(row["blocked_ns"].values()) + row["unattributed_ns"]


def bill(step):
    """Pairs of what a thread (or a child's only one) says of itself and the row of the report for it."""
    own = json.loads(step.stdout)
    rows = {row["tid"]: row for row in step.report["measurement"]["threads_detail"]}
    return [(life, rows[life["tid"]]) for life in own["threads"] + own.get("children", [])]


class Kernel:
    """The tests of one kernel; make_tests() gives `kernel` a name of debian.KERNELS."""

    kernel = None
    seconds = 0

    @classmethod
    def setUpClass(cls):
        lacking = guest.missing_programs()
        if lacking:
            raise unittest.SkipTest(f"no {', '.join(lacking)} here (./quickstart test installs it)")
        try:
            folder = debian.get(cls.kernel, guest.CACHE)
        except debian.Unavailable as reason:
            raise unittest.SkipTest(f"kernel {cls.kernel} can't be had: {reason}") from None
        with concurrent.futures.ThreadPoolExecutor() as pool:  # side by side: no bound depends on who is faster
            booting = {steps: pool.submit(guest.boot, folder, steps) for steps in ("all", "exact")}
        cls.guests = {steps: booted.result() for steps, booted in booting.items()}
        cls.seconds = max(booted.seconds for booted in cls.guests.values())

    def step(self, name, status=0, steps="all"):
        booted = self.guests[steps]
        self.assertIn(name, booted.steps, f"not reached within {guest.LIMIT_S} s; the console says:\n{booted.console}")
        step = booted.steps[name]
        self.assertEqual(step.status, status, f"{name}: {step}")
        return step

    def check_accounts(self, step, exact=False):
        """on-CPU + runnable + blocked is the life that each thread stamped, and nothing was lost."""
        m = step.report["measurement"]
        lost = {key: m["loss"][key] for key in ("slices_dropped", "threads_dropped", "threads_omitted", "futexes_unnamed")}
        self.assertEqual(set(lost.values()), {0}, lost)
        for own, row in bill(step):
            if own["first_ns"]:
                self.assertGreaterEqual(life_ns(row), (own["last_ns"] - own["first_ns"]) * (1 - TOLERANCE), own)
            # Its burial is seen a moment before it leaves its CPU: nothing to a clock of its own, much to a halted CPU.
            if exact:
                between = own["joined_ns"] - own["created_ns"]
                self.assertLessEqual(life_ns(row), between * (1 + TOLERANCE) + JOINED_EARLY_NS, own)
        if exact:
            self.assertLessEqual(m["unattributed_ns"], m["thread_time_ns"] * 0.01)

    def check_causes(self, step, exact=False):
        """What a thread waited for is what it says: nearly all the time, or most of it beside what a host stretches."""
        beside, share = ([], 0.9) if exact else (STRETCHED, 0.5)
        for own, row in bill(step):
            causes = CAUSES[own["role"]] + ([] if exact else UNTOLD.get(own["role"], []))
            named = sum(row["blocked_ns"][cause] for cause in causes)
            blocked = sum(ns for cause, ns in row["blocked_ns"].items() if cause not in beside)
            with self.subTest(role=own["role"]):
                if exact or own["role"] != "child":  # a child may have ended before a halted parent gets to wait for it
                    self.assertGreater(blocked, 0)
                self.assertGreaterEqual(named, blocked * share, row["blocked_ns"])

    def test_every_step_was_reached(self):
        for steps in self.guests:
            self.step("end", steps=steps)

    def test_doctor(self):
        done = self.step("doctor")
        self.assertRegex(done.stdout, "ok +BPF probe +BPF programs load and attach")
        self.assertNotIn("MISSING", done.stdout)

    def test_lives_add_up(self):
        self.check_accounts(self.step("waits"))
        self.check_accounts(self.step("waits", steps="exact"), exact=True)
        self.check_accounts(self.step("burn", steps="exact"), exact=True)

    def test_causes(self):
        self.check_causes(self.step("waits"))
        self.check_causes(self.step("waits", steps="exact"), exact=True)

    def test_nothing_to_repair(self):
        """On a stock kernel the probe sees every event: a repair would be a transition it misread."""
        for name, steps in (("waits", "all"), ("storm", "all"), ("waits", "exact"), ("burn", "exact"), ("convoy", "exact")):
            with self.subTest(step=name, steps=steps):
                self.assertEqual(self.step(name, steps=steps).report["measurement"]["loss"]["repaired"], 0)

    def test_bill_of_the_scheduler(self):
        """se.sum_exec_runtime and sched_info.run_delay of CPU-bound threads, to 0.1 %."""
        for own, row in bill(self.step("burn", steps="exact")):
            with self.subTest(role=own["role"]):
                after_bill = own["joined_ns"] - own["released_ns"] if own["released_ns"] else 0
                for mine, kernel, whole in (
                    (row["on_cpu_ns"], own["exec_ns"], own["exec_ns"]),
                    (row["runnable_ns"], own["delay_ns"], life_ns(row)),
                ):
                    self.assertGreaterEqual(mine, kernel - whole * TOLERANCE, own)
                    self.assertLessEqual(mine, kernel + whole * TOLERANCE + after_bill, own)

    def test_threads_forks_execs(self):
        done = self.step("storm")
        own, m = json.loads(done.stdout), done.report["measurement"]
        self.assertEqual(m["processes"], 1 + own["processes_made"])
        self.assertEqual(m["threads"], 1 + own["processes_made"] + own["threads_made"])
        total = m["on_cpu_ns"] + m["runnable_ns"] + sum(m["blocked_ns"].values()) + m["unattributed_ns"]
        self.assertLessEqual(abs(total - m["thread_time_ns"]), m["thread_time_ns"] * TOLERANCE)
        self.assertEqual([m["loss"][key] for key in ("threads_dropped", "threads_omitted")], [0, 0])

    def test_interpreter_lock(self):
        done = self.step("convoy", steps="exact")
        m = done.report["measurement"]
        self.assertEqual(done.report["target"]["runtime"]["name"], "cpython")
        self.assertGreater(m["blocked_ns"]["interpreter_lock"], 0.2 * sum(m["blocked_ns"].values()), m["blocked_ns"])
        self.assertIn("CA2001", [finding["id"] for finding in done.report["findings"]])
        waits = [site for site in m["sites"] if site["cause"] == "interpreter_lock"]
        leaf = max(waits, key=lambda site: site["time_ns"])["stack"][0]
        self.assertEqual((leaf["function"], leaf["file"]), ("grind", "/convoy.py"))

    def test_capabilities_only(self):
        """cap_bpf,cap_perfmon on the helper, uid 1000, and Debian's perf_event_paranoid=3, which takes the samples."""
        self.assertEqual(self.step("paranoid").stdout.strip(), "3")
        done = self.step("capabilities")
        self.check_accounts(done)
        self.check_causes(done)
        self.assertIn("perf_event_paranoid", " ".join(done.report["measurement"]["notes"]))
        told = self.step("capabilities-doctor").stdout
        self.assertRegex(told, r"- +on-CPU samples .*perf_event_paranoid is 3")
        self.assertNotIn("MISSING", told)

    def test_no_rights(self):
        """BPF where it is asked for is refused in a sentence; else /proc does, and says so."""
        refused = self.step("nothing", 125).stderr
        self.assertRegex(refused, r"setcap cap_bpf,cap_perfmon\+ep .*target was not started.*--probe=procfs")
        done = self.step("fallback")
        self.assertRegex(done.stderr, r"measuring from /proc.*setcap cap_bpf,cap_perfmon\+ep")
        self.check_sampled(done)

    def check_sampled(self, step):
        """From /proc: the same sums, and of every cause that can be told there something was seen."""
        report = step.report
        self.assertEqual(report["tool"]["probe"], "procfs")
        m = report["measurement"]
        parts = m["on_cpu_ns"] + m["runnable_ns"] + sum(m["blocked_ns"].values()) + m["unattributed_ns"]
        self.assertLessEqual(abs(parts - m["thread_time_ns"]), m["thread_time_ns"] * TOLERANCE)
        for cause in ("sleep", "lock", "join"):
            self.assertGreater(m["blocked_ns"][cause], 0, m["blocked_ns"])

    def test_attach(self):
        """Who was waiting when we came and still is when we go has waited all the time, for what he says."""
        done = self.step("attach")
        m = done.report["measurement"]
        self.assertTrue(done.report["target"]["attached"])
        self.assertEqual([m["loss"][key] for key in ("slices_dropped", "threads_dropped", "threads_omitted")], [0, 0, 0])
        waits = {"lock": 2, "sleep": 1, "ipc": 1, "join": 1}
        for cause, threads in waits.items():
            self.assertGreaterEqual(m["blocked_ns"][cause], threads * m["wall_ns"] * 0.9, cause)
        # Whether a socket's other end is in the program shows when somebody sends: nobody has.
        peers = sum(m["blocked_ns"][cause] for cause in ("ipc", "pipe", "network"))
        self.assertGreaterEqual(peers, 3 * m["wall_ns"] * 0.9, m["blocked_ns"])
        self.assertLessEqual(m["unattributed_ns"], m["thread_time_ns"] * 0.05)
        self.step("attached-ends")

    def test_lockdown_integrity(self):
        done = self.step("integrity")
        self.check_accounts(done)
        self.check_causes(done)
        self.assertNotIn("MISSING", self.step("integrity-doctor").stdout)

    def test_lockdown_confidentiality(self):
        self.check_sampled(self.step("locked-down"))
        told = self.step("confidentiality", 125)
        self.assertRegex(told.stderr, r"locked down.*target was not started")
        self.assertEqual(told.stdout, "", "the target ran")
        self.assertRegex(self.step("confidentiality-doctor", 1).stdout, r"MISSING +lockdown .*lockdown=confidentiality")


def make_tests(names):
    """A test class for each kernel."""
    make = lambda name: type(f"Kernel_{name}", (Kernel, unittest.TestCase), {"kernel": name, "__module__": __name__})
    return [make(name) for name in names]


def load_tests(loader, _standard, _pattern):
    names = os.environ.get("CONCADVISE_KERNELS", DEFAULT).split()
    return unittest.TestSuite(loader.loadTestsFromTestCase(case) for case in make_tests(names))


if __name__ == "__main__":
    unittest.main()
