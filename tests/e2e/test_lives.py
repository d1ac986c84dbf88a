# SPDX-License-Identifier: BSD-2-Clause
"""Nothing lost: every thread and process that a program had, held against births and deaths that it stamped itself.

A life lies between its inner stamps (first and last act) and its outer ones (before it was made, after it was seen to be
gone). Whoever sees it gone may do so before it has left its CPU for the last time, which on a busy machine may take: so
what is compared with the outer stamps is the life without the time it was ready and did not run.
"""
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import tempfile
import unittest

import stamps
import support

ROWS_MAX = 16384  # probe/follow/run_state.c: further threads are in the totals only
ACCURACY = 0.001  # DESIGN 10


class LivesCase(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="concadvise-lives-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def measure(self, program, mode, count=1, before=(), options=()):
        """Run a mode of lives or oddities; `before`: a program that starts it. Sets self.saved and self.lives."""
        stamped = self.folder / "stamps"
        command = [*before, str(support.BUILD / "tests" / "e2e" / program), stamped, mode, str(count)]
        done = support.measure(command, "--no-evidence", *options, keep=self.folder)
        self.assertEqual(done.status, 0, str(done))
        self.saved, self.lives = json.loads(done.saved.read_text()), stamps.read(stamped)
        self.rows = {}
        for row in self.saved["threads"]:
            self.rows.setdefault(row["tid"], []).append(row)
        self.check_whole()
        return done

    def check_whole(self):
        """Nothing is missing, and what is there is attributed."""
        totals, loss = self.saved, self.saved["loss"]
        self.assertEqual(loss["threads_dropped"], 0, loss)
        self.assertLessEqual(totals["unattributed_ns"], totals["thread_time_ns"] * ACCURACY)
        self.assertEqual(self.saved["notes"], [])
        self.assertFalse([row for row in self.saved["threads"] if row["alive"]], "nobody is left at the end")

    def check_life(self, life, row):
        accounted = stamps.accounted(row)
        inner = life.inner_end - life.inner_begin
        self.assertGreaterEqual(accounted, inner * (1 - ACCURACY), (life, row))
        if life.outer_end:
            outer = life.outer_end - life.outer_begin
            self.assertLessEqual(accounted - row["runnable_ns"], outer * (1 + 10 * ACCURACY), (life, row))

    def check_lives(self, what):
        """Every stamped life of this sort has its row; half of them are within the bar of what can be known at most."""
        lives = [life for life in self.lives if life.what == what]
        beyond = []
        for life in lives:
            (row,) = self.rows[life.tid]
            self.assertEqual(row["pid"], life.pid)
            self.check_life(life, row)
            outer = life.outer_end - life.outer_begin if life.outer_end else float("inf")
            beyond.append(max(0, stamps.accounted(row) - outer) / stamps.accounted(row))
        self.assertLessEqual(statistics.median(beyond), ACCURACY)
        return lives


class LivesTest(LivesCase):
    def test_threads(self):
        self.measure("lives", "threads", 6)
        self.assertEqual(len(self.check_lives("thread")), 6)
        self.assertEqual((self.saved["threads_total"], self.saved["processes_total"]), (7, 1))

    def test_forks(self):
        self.measure("lives", "forks", 3)
        self.assertEqual(len(self.check_lives("fork")), 3)
        self.assertEqual((self.saved["threads_total"], self.saved["processes_total"]), (4, 4))

    def test_vfork_and_exec(self):
        self.measure("lives", "vfork-exec", 2)
        self.assertEqual(len(self.check_lives("vfork")), 2)
        self.assertEqual([p["execed"] for p in self.saved["processes"][1:]], [True, True])

    def test_posix_spawn(self):
        self.measure("lives", "spawn", 2)
        self.assertEqual(len(self.check_lives("spawn")), 2)
        self.assertEqual([p["execed"] for p in self.saved["processes"][1:]], [True, True])

    def test_cpu_time(self):
        """What a thread's own clock says it used, it used. (That clock bills a sleeper for waking the CPU up.)"""
        self.measure("lives", "threads", 4)
        for life in self.check_lives("thread"):
            self.assertGreater(self.rows[life.tid][0]["on_cpu_ns"], life.cpu_ns * 0.95)


class StormTest(LivesCase):
    def check_storm(self, what, count):
        self.assertEqual(self.saved["threads_total"], count + 1)
        totals = self.saved
        accounted = totals["on_cpu_ns"] + totals["runnable_ns"] + sum(totals["blocked_ns"].values())
        self.assertGreaterEqual(accounted, sum(life.inner_end - life.inner_begin for life in self.lives))
        self.assertEqual(len(self.saved["threads"]) + self.saved["loss"]["threads_omitted"], count + 1)
        born = [life for life in self.lives if life.what == what]
        self.assertEqual(len(born), count)
        for life in born:
            inner = life.inner_end - life.inner_begin
            for row in self.rows.get(life.tid, []):
                self.assertGreaterEqual(stamps.accounted(row), inner, (life, row))

    def test_threads_created_and_joined(self):
        self.measure("lives", "thread-storm", 20000)
        self.check_storm("thread", 20000)

    def test_forks(self):
        self.measure("lives", "fork-storm", 4000)
        self.check_storm("fork", 4000)
        self.assertEqual(self.saved["processes_total"], 4001)

    def test_ten_thousand_threads_at_once(self):
        self.measure("lives", "crowd", 10000)
        self.check_storm("thread", 10000)
        self.assertEqual(self.saved["max_live_threads"], 10001)
        self.assertEqual(self.saved["loss"]["threads_omitted"], 0, "the dead wait for the reader")

    def test_the_same_process_id_again_and_again(self):
        """As root, an id can be asked for: what was another process then is a row of its own now."""
        if os.geteuid() != 0:
            self.skipTest("choosing process ids needs root")
        self.measure("oddities", "same-pid", 400)
        self.assertEqual(self.saved["processes_total"], 402)
        (tid,) = {life.tid for life in self.lives}
        rows = sorted(self.rows[tid], key=lambda row: row["birth_ns"])[1:]  # the first one gave the id away
        self.assertEqual(len(rows), 400)
        for life, row in zip(self.lives, rows):
            self.check_life(life, row)


class OrderTest(LivesCase):
    """Ends in an unusual order, and ids that change hands."""

    def test_daemon(self):
        self.measure("lives", "daemon")
        self.assertEqual(len(self.check_lives("daemon")), 1)
        self.assertEqual(self.saved["processes_total"], 3)

    def test_first_thread_ends_first(self):
        self.measure("lives", "leader-first")
        self.assertEqual(len(self.check_lives("thread")), 1)

    def test_first_thread_of_a_daemon_ends_first(self):
        """When the program has ended, a thread without its leader is all that is left: it counts to its end."""
        self.measure("lives", "leaderless-daemon")
        self.assertEqual(len(self.check_lives("thread")), 1)
        self.assertEqual(self.saved["processes_total"], 2)

    def check_takeover(self, leader, successor):
        """Two rows for one id: the thread that was there before exec, and the one that took its place."""
        first, second = sorted(self.rows[successor.tid], key=lambda row: row["birth_ns"])
        self.assertEqual(successor.tid, successor.pid, "the thread has taken over the id")
        self.check_life(successor, second)
        if leader:
            self.check_life(leader, first)
        for row in (first, second):
            in_slices = sum(s["on_cpu_ns"] for s in stamps.slices(row))
            self.assertLessEqual(in_slices, row["on_cpu_ns"], "its slices are its own")
        self.assertGreater(sum(s["blocked_ns"] for s in stamps.slices(second)), 0)

    def test_exec_from_another_thread(self):
        self.measure("lives", "thread-exec", 8)
        totals = self.saved
        self.assertEqual((totals["threads_total"], totals["processes_total"]), (1 + 3 * 8, 1 + 8))
        self.assertEqual(self.saved["max_live_processes"], 2)
        leaders = {life.pid: life for life in self.lives if life.what == "leader"}
        successors = [life for life in self.lives if life.what == "exec"]
        self.assertEqual(len(successors), 8)
        for successor in successors:
            self.check_takeover(leaders[successor.pid], successor)

    def test_exec_when_the_first_thread_is_gone(self):
        self.measure("lives", "orphan-exec")
        (successor,) = [life for life in self.lives if life.what == "exec"]
        self.check_takeover(None, successor)
        self.assertEqual(self.saved["processes_total"], 1)


class WatchedTest(LivesCase):
    """Stopped, traced, helped by the kernel, more privileged than its user."""

    def test_stop_and_continue(self):
        self.measure("oddities", "stopped")
        life, stop = self.lives
        (row,) = self.rows[life.tid]
        blocked = row["blocked_ns"]
        self.check_life(life, row)
        self.assertGreaterEqual(blocked["stopped"], stop.inner_end - stop.inner_begin)
        self.assertLessEqual(blocked["stopped"], stop.outer_end - stop.outer_begin)
        # The sleep goes on where it was interrupted (restart_syscall), and is one.
        rest = life.inner_end - life.inner_begin - (stop.outer_end - stop.outer_begin)
        self.assertGreaterEqual(blocked["sleep"] + row["runnable_ns"] + row["on_cpu_ns"], rest)
        self.assertGreater(blocked["sleep"], rest / 2)

    def test_traced_by_strace(self):
        log = self.folder / "trace"
        self.measure("lives", "threads", 3, before=["strace", "-f", "-o", log])
        lives = self.check_lives("thread")
        self.assertEqual(len(lives), 3)
        for life in lives:
            self.assertGreater(self.rows[life.tid][0]["blocked_ns"]["stopped"], 0)
        self.assertIn("exited with 0", log.read_text())

    def test_traced_by_a_debugger(self):
        debugger = ["gdb", "-nx", "-batch", "-ex", "set debuginfod enabled off", "-ex", "set startup-with-shell off"]
        self.measure("lives", "threads", 3, before=[*debugger, "-ex", "run", "--args"])
        self.assertEqual(len(self.check_lives("thread")), 3)

    def test_io_uring(self):
        """The kernel's workers are threads of the target; a wait in the ring, theirs or the program's, has a name."""
        stamped = self.folder / "stamps"
        alone = subprocess.run([support.BUILD / "tests/e2e/oddities", self.folder / "alone", "io-uring"], capture_output=True)
        if alone.returncode == 3:  # by a sysctl, or a container's seccomp filter
            self.assertIn(b"io_uring_setup is refused", alone.stderr)
            done = support.run("--no-evidence", "--", support.BUILD / "tests/e2e/oddities", stamped, "io-uring")
            self.assertEqual(done.status, 3, str(done))
            return
        self.measure("oddities", "io-uring")
        ring, _ = self.lives
        wait = ring.inner_end - ring.inner_begin
        (waiter,), workers = self.rows[ring.tid], [r for r in self.saved["threads"] if r["name"].startswith("iou-wrk")]
        self.assertEqual(len(workers), self.saved["threads_total"] - 2, "all but the program's two")
        self.assertGreaterEqual(len(workers), 1)
        self.assertTrue(all(worker["runtime_internal"] and worker["pid"] == ring.pid for worker in workers))
        # The call began before the first stamp and ended after the writer's last one: the waits cover it but for that.
        for row in (waiter, max(workers, key=lambda worker: worker["blocked_ns"].get("disk", 0))):
            self.assertGreater(row["blocked_ns"].get("disk", 0) + row["runnable_ns"], wait * 0.9, row)

    def test_setuid_program_of_another_user(self):
        if os.geteuid() != 0:
            self.skipTest("making a setuid program needs root")
        self.folder.chmod(0o755)
        program = shutil.copy(support.BUILD / "tests" / "e2e" / "lives", self.folder / "lives")
        os.chmod(program, 0o4755)
        script = f'"{program}" "{self.folder}/stamps" threads 3; id -u'
        done = support.run("--no-evidence", "-q", "-u", "nobody", "--save", self.folder / "run.json", "--", "sh", "-c", script, cwd="/")
        self.assertEqual((done.status, done.stdout), (0, b"65534\n"), str(done))
        self.assertEqual((self.folder / "stamps").stat().st_uid, 0, "the program had the rights of its owner")
        self.saved, self.lives = json.loads((self.folder / "run.json").read_text()), stamps.read(self.folder / "stamps")
        self.rows = {}
        for row in self.saved["threads"]:
            self.rows.setdefault(row["tid"], []).append(row)
        self.check_whole()
        self.assertEqual(len(self.check_lives("thread")), 3)


if __name__ == "__main__":
    unittest.main()
