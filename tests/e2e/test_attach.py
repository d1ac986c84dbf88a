# SPDX-License-Identifier: BSD-2-Clause
"""concadvise -p: a process that runs already is measured from then on, and left as it was."""
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import time
import unittest

import jsonschema
import support
from attaching import PROGRAM, AttachCase, is_loaded, programs_of, running, state_of, wait_until

GIL = """
import threading, time
def parse():
    return sum(i * i for i in range(20000))
def work():
    while True:
        parse()
for _ in range(3):
    threading.Thread(target=work, daemon=True).start()
time.sleep(0.3)
print("up", flush=True)
time.sleep(60)
"""

# Processes and threads begin and end all the time, also while the threads that are there are looked for.
STORM = """
import os, threading, time
def children():
    child = os.fork()
    if child == 0:
        grandchild = os.fork()
        if grandchild:
            os.waitpid(grandchild, 0)
        os._exit(0)
    os.waitpid(child, 0)
def threads():
    four = [threading.Thread(target=time.sleep, args=(0.001,)) for _ in range(4)]
    for thread in four:
        thread.start()
    for thread in four:
        thread.join()
def repeat(what):
    child = os.fork()
    if child == 0:
        while not os.path.exists(os.environ["MARK"]):
            what()
        os._exit(0)
    return child
running = [repeat(what) for what in (children, threads, children, threads)]
print("up", flush=True)
for child in running:
    os.waitpid(child, 0)
"""

LOOP = """
import asyncio, time
async def tick():
    while True:
        await asyncio.sleep(0.01)
async def block():
    while True:
        await asyncio.sleep(0.02)
        time.sleep(0.15)
async def main():
    await asyncio.gather(block(), *(tick() for _ in range(9)), up())
async def up():
    print("up", flush=True)
asyncio.run(main())
"""



class StateTest(AttachCase):
    """What the threads were doing when concadvise came counts."""

    def test_threads_that_queue_for_the_gil(self):
        with running([support.PYTHON, "-c", GIL]) as target:
            self.attach(target.pid, "-d", "2s")
        self.assert_all_there_from_the_start(4)
        # On a busy machine they wait for CPUs as well; of what blocks the three it is nearly all.
        blocked = self.report["measurement"]["blocked_ns"]
        self.assertGreater(blocked["interpreter_lock"], 0.9 * (sum(blocked.values()) - blocked["sleep"]), self.text)
        self.assertAlmostEqual(support.blocked_share(self.report, "sleep"), 0.25, delta=0.02)
        self.assertIn("CA2001", support.findings(self.report), self.text)
        self.assertEqual(self.report["target"]["runtime"]["name"], "cpython")
        (held,) = {site["frames"][0]["function"] for site in self.saved["holders"][:1]}
        self.assertIn(held, ("parse", "parse.<locals>.<genexpr>"))
        self.assertIn("parse", self.text)
        self.assertIn(f"attached to pid {target.pid}", self.text)

    def test_two_looks_at_one_process(self):
        """One takes longer than the other: that says nothing about the process."""
        looks = []
        with running([support.PYTHON, "-c", GIL]) as target:
            for name, seconds in (("long", "1600ms"), ("short", "800ms")):
                self.attach(target.pid, "-d", seconds)
                looks.append(pathlib.Path(self.folder, f"{name}.json"))
                pathlib.Path(self.folder, "saved.json").rename(looks[-1])
        done = support.run("diff", *looks, "-f", "json")
        self.assertEqual(done.status, 0, str(done))
        document = json.loads(done.stdout)
        jsonschema.validate(document, json.loads((support.ROOT / "report/diff.schema.json").read_text()))
        self.assertEqual(document["verdict"]["result"], "not_comparable")
        self.assertIn("attached", document["caveats"])
        self.assertNotIn("unfinished", document["caveats"])
        self.assertEqual(document["forecast"]["kind"], "attached")
        changes = {finding["id"]: finding["change"] for finding in document["findings"]}
        self.assertIn(changes["CA2001"], ("still", "changed"), changes)
        text = support.run("diff", *looks).stdout.decode()
        self.assertIn("Times can't be compared", text)
        self.assertNotIn("wall time  ", text)

    def test_threads_blocked_on_a_mutex_since_before(self):
        """None of them wakes while it is watched: which lock, where, and who has it, is known all the same."""
        with running([PROGRAM, "lock"]) as target:
            self.attach(target.pid, "-d", "600ms")
        self.assert_all_there_from_the_start(4)
        self.assertAlmostEqual(support.blocked_share(self.report, "lock"), 0.75, delta=0.01)
        self.assertAlmostEqual(support.blocked_share(self.report, "sleep"), 0.25, delta=0.01)
        self.assertIn("CA2101", support.findings(self.report))
        (lock,) = [lock for lock in self.saved["locks"] if lock["cause"] == "lock"]
        self.assertEqual(lock["waiters"], 3)
        places = [frame for site in self.saved["sites"] if site["cause"] == "lock" for frame in site["frames"]]
        self.assertIn("wait_for_owner", [frame["function"] for frame in places], self.log)
        self.assertEqual([holder["tid"] for holder in self.saved["holders"]], [target.pid])

    def test_a_thread_on_a_cpu_and_others_asleep(self):
        with running([PROGRAM, "spin"]) as target:
            self.attach(target.pid, "-d", "1s")
        self.assert_all_there_from_the_start(4)
        (busy,) = [t for t in self.threads if t["on_cpu_ns"] > 0]
        # What is not on a CPU waits for one: this thread never sleeps.
        lifetime = busy["death_ns"] - busy["birth_ns"]
        self.assertGreater(busy["on_cpu_ns"] + busy.get("runnable_ns", 0), 0.98 * lifetime)
        self.assertAlmostEqual(support.blocked_share(self.report, "sleep"), 0.75, delta=0.01)

    def test_an_idle_redis(self):
        port = support.free_port()
        options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", self.folder]
        server = subprocess.Popen(["redis-server", *options], stdout=subprocess.DEVNULL)
        try:
            support.wait_for_port(port, server)
            self.attach(server.pid, "-d", "1s")
        finally:
            support.stop(server)
        self.assertIsNone(self.report["recommendation"]["model"], self.log)
        self.assertIn("CA9003", support.findings(self.report))

    def test_a_loop_that_runs_already(self):
        with running([support.PYTHON, "-c", LOOP]) as target:
            self.attach(target.pid, "-d", "2s")
        self.assertEqual([loop["kind"] for loop in self.saved["loops"]], ["asyncio"], self.log)
        self.assertEqual(self.report["current"]["model"], "coroutines")
        self.assertIn("CA3101", support.findings(self.report))

    def test_a_storm_of_threads_and_processes(self):
        """None is missed, none is counted twice, and all are seen to end: else it would wait for them."""
        mark = pathlib.Path(self.folder, "mark")
        with running([support.PYTHON, "-c", STORM], env=support.target_environment(MARK=str(mark))) as target:
            process = self.start(target.pid)
            self.attached_helper(process)
            time.sleep(1)
            mark.touch()
            self.finish(process)
        self.assertGreater(len(self.threads), 300)
        self.assertEqual(self.saved["threads_total"], len(self.threads), self.log)
        self.assertEqual(self.saved["processes_total"], len(self.saved["processes"]), self.log)
        self.assertEqual([t for t in self.threads if t.get("alive")], [])
        self.assertNotIn("outlived", str(self.saved["notes"]))
        before = [t for t in self.threads if t["birth_ns"] == 0]
        self.assertGreaterEqual(len(before), 5)
        support.on_cpu_and_waits_add_up(self, self.report)

    def test_the_work_is_replayed(self):
        """Also of a program that goes on meanwhile: its report says so."""
        waits = "import time\nprint('up', flush=True)\nwhile True: time.sleep(0.02)"  # a busy machine does not stretch these
        with running([support.PYTHON, "-c", waits]) as target:
            self.attach(target.pid, "-d", "1500ms", evidence="--evidence-time=3s")
        # A replayer may find the machine too busy to be of use, and says so.
        self.assertEqual(len(self.saved["replays"]) > 1, "nothing was replayed" not in self.log, self.log)
        self.assertEqual(len(self.saved["replays"]) > 1, "ran beside the program" in str(self.saved["notes"]))

    def test_children_and_threads_from_before_and_since(self):
        self.measure_family(self.attached_helper)


class LeftAloneTest(AttachCase):
    """The target can't tell."""

    def test_nothing_is_left_behind(self):
        with running([PROGRAM, "spin"]) as target:
            process = self.start(target.pid, "-d", "1s")
            helper = self.attached_helper(process)
            programs = programs_of(helper)
            self.assertTrue(all(is_loaded(program) for program in programs))
            self.assertEqual(state_of(target.pid, "TracerPid"), "0")
            self.finish(process)
            self.assertFalse(os.path.exists(f"/proc/{helper}"), "the helper is gone")
            wait_until(lambda: not any(map(is_loaded, programs)), "its programs are unloaded")  # after a grace period
            self.assertEqual(state_of(target.pid, "TracerPid"), "0")
            for task in pathlib.Path(f"/proc/{target.pid}/task").iterdir():
                self.assertIn(state_of(f"{target.pid}/task/{task.name}", "State")[0], "RS")

    def test_output_and_status_are_its_own(self):
        """120 lines and exit status 3, as without us; that is its parent's to know."""
        with running([PROGRAM, "ticks", "120"]) as target:
            process = self.start(target.pid)
            self.finish(process)
            self.assertEqual(target.stdout.read(), "".join(f"{i}\n" for i in range(120)))
            self.assertEqual(target.wait(), 3)
        self.assertIsNone(self.report["target"]["exit_status"])
        self.assertIs(self.report["target"]["attached"], True)
        self.assertTrue(self.saved["target"]["exited"])
        self.assertIn("has ended", self.text)

    def test_ctrl_c_ends_the_measurement_alone(self):
        self.interrupt(self.attached_helper)

    def test_killed_it_leaves_the_target_alone(self):
        with running([PROGRAM, "ticks", "150"]) as target:
            process = self.start(target.pid)
            helper = self.attached_helper(process)
            programs = programs_of(helper)
            process.kill()
            process.communicate()
            wait_until(lambda: not any(map(is_loaded, programs)), "the programs are unloaded")
            self.assertEqual(target.stdout.read(), "".join(f"{i}\n" for i in range(150)))
            self.assertEqual(target.wait(), 3)


class RefusedTest(AttachCase):
    """One sentence each, exit status 125, and nobody is touched."""

    def refused(self, *words, options=()):
        done = support.run(*options)
        self.assertEqual(done.status, 125, done)
        for word in words:
            self.assertIn(word, done.stderr.decode())
        self.assertEqual(done.stderr.count(b"\n"), 1, done)

    def test_no_such_process(self):
        gone = subprocess.Popen(["true"])
        gone.wait()
        self.refused("there is no process", options=["-p", gone.pid])

    def test_a_zombie(self):
        zombie = subprocess.Popen(["true"])
        wait_until(lambda: state_of(zombie.pid, "State").startswith("Z"), "it has ended")
        self.refused("has ended", options=["-p", zombie.pid])
        zombie.wait()

    def test_a_kernel_thread(self):
        def is_kernels(pid):
            try:
                return "VmSize" not in pathlib.Path(f"/proc/{pid}/status").read_text() and state_of(pid, "PPid") in "02"
            except OSError:
                return False
        pids = [int(p.name) for p in pathlib.Path("/proc").iterdir() if p.name.isdigit()]
        kernels = [pid for pid in pids if is_kernels(pid) and not state_of(pid, "State").startswith("Z")]
        self.assertTrue(kernels, "every Linux has kernel threads")
        self.refused("thread of the kernel", options=["-p", kernels[0]])

    def test_a_thread(self):
        with running([PROGRAM, "spin"]) as target:
            tid = max(int(task.name) for task in pathlib.Path(f"/proc/{target.pid}/task").iterdir())
            self.refused(f"-p {target.pid}", options=["-p", tid])

    def test_one_that_we_descend_from(self):
        self.refused("measure itself", options=["-p", os.getpid()])

    def test_it_ends_before_it_can_be_measured(self):
        """The helper is the first to see it: this one ends the process itself, and then can't do its work."""
        with tempfile.TemporaryDirectory() as folder, running([PROGRAM, "spin"]) as target:
            folder = pathlib.Path(folder)
            shutil.copy(support.CONCADVISE, folder)
            helper = folder / "concadvise-probe"
            helper.write_text(f"#!/bin/sh\nkill -9 {target.pid}\nsleep 0.2\nexit 1\n")
            helper.chmod(0o755)
            done = subprocess.run([folder / "concadvise", "-p", str(target.pid)], capture_output=True, timeout=support.TIMEOUT_S)
        self.assertEqual(done.returncode, 125, done)
        self.assertIn(b"has ended meanwhile", done.stderr)
        self.assertEqual(done.stderr.count(b"\n"), 1, done)

    def test_what_does_not_go_together(self):
        self.refused("takes no command", options=["-p", "1", "--", "true"])
        self.refused("--user", options=["-p", "1", "-u", "nobody"])
        self.refused("--runs", options=["-p", "1", "-r", "3"])
        for value in ("0", "-1", "4711x", "", "99999999"):
            self.refused("expected the number of a process", options=["-p", value])


if __name__ == "__main__":
    unittest.main()
