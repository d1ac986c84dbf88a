# SPDX-License-Identifier: BSD-2-Clause
"""However it ends: signals and statuses of the target pass through, and concadvise itself may die without harm."""
import concurrent.futures
import os
import pathlib
import re
import resource
import signal
import subprocess
import tempfile
import time
import unittest

import support

QUIET = ("--no-evidence", "-q")
STOPPING = {signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU}
IGNORED = {signal.SIGCHLD, signal.SIGCONT, signal.SIGURG, signal.SIGWINCH}
WITHOUT_CORE = "ulimit -c 0; "


def in_parallel(function, items):
    """Results in the order of the items. The runs mostly wait, so some at a time are faster than one by one."""
    with concurrent.futures.ThreadPoolExecutor(max_workers=6) as pool:
        return list(pool.map(function, items))


def status_of(script, *options):
    return support.run(*QUIET, *options, "--", "/bin/sh", "-c", script).status


class StatusTest(unittest.TestCase):
    def test_exit_statuses(self):
        """All 256 are in tests/cli/test_status.c; here those that mean something to somebody, and each bit."""
        numbers = [0, 1, 2, 3, 4, 8, 16, 32, 64, 77, 99, 100, 124, 125, 126, 127, 128, 129, 130, 137, 139, 143, 254, 255]
        statuses = in_parallel(lambda number: status_of(f"exit {number}"), numbers)
        self.assertEqual(statuses, numbers)

    def test_every_signal(self):
        """1 to 31, and the first and last real-time signal: killed by it, ignored as it is by default, or stopped by it."""
        numbers = [*range(1, 32), signal.SIGRTMIN, signal.SIGRTMAX]
        wake = "(sleep 0.2; kill -CONT $$) & "
        scripts = [f"{WITHOUT_CORE}{wake if n in STOPPING else ''}kill -{int(n)} $$; exit 7" for n in numbers]
        statuses = in_parallel(status_of, scripts)
        survived = STOPPING | IGNORED
        self.assertEqual(statuses, [7 if number in survived else -number for number in numbers])

    def test_a_killed_target_is_reported(self):
        """What was measured until then is no less true, and says what it ended with."""
        for number in (signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM):
            with self.subTest(signal=number.name):
                script = f"{WITHOUT_CORE}sleep 0.3; kill -{int(number)} $$"
                done = support.measure(["/bin/sh", "-c", script], "--no-evidence")
                self.assertEqual(done.status, -number, str(done))
                self.assertEqual(done.report["target"]["signal"], number)
                measurement = done.report["measurement"]
                waited = measurement["blocked_ns"].get("join", 0) + measurement["blocked_ns"].get("sleep", 0)
                self.assertGreater(waited, (measurement["thread_time_ns"] - measurement["runnable_ns"]) / 2)
                support.on_cpu_and_waits_add_up(self, done.report)


class OutputTest(unittest.TestCase):
    def test_large_binary_output(self):
        """48 MiB of every byte there is, read as fast as it comes."""
        script = "import os; block = bytes(range(256)) * 4096\nfor i in range(48): os.write(1, block[i:] + block[:i])"
        argv = [support.CONCADVISE, *QUIET, "--", support.PYTHON, "-c", script]
        block, at = bytes(range(256)) * 4096, 0
        with subprocess.Popen(argv, stdout=subprocess.PIPE) as process:
            self.addCleanup(support.stop, process)
            for i in range(48):
                got = process.stdout.read(len(block))
                self.assertTrue(got == block[i:] + block[:i], f"block {i} differs")
                at += len(got)
            self.assertEqual(process.stdout.read(), b"")
            self.assertEqual((process.wait(support.TIMEOUT_S), at), (0, 48 << 20))

    def test_reader_that_had_enough(self):
        """`| head -1`: the target gets SIGPIPE as it would alone, and the report comes all the same."""
        argv = [support.CONCADVISE, "--no-evidence", "--", "/usr/bin/yes"]
        with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            self.addCleanup(support.stop, process)
            self.assertEqual(process.stdout.read(2), b"y\n")
            process.stdout.close()
            report = process.stderr.read()
            self.assertEqual(process.wait(support.TIMEOUT_S), -signal.SIGPIPE, report)
        self.assertIn(b"concadvise", report)
        self.assertIn(b"signal 13", report)


def bpf_objects(pid):
    """Ids of BPF programs, maps and links that this process holds open, by kind."""
    found = set()
    for info in pathlib.Path(f"/proc/{pid}/fdinfo").iterdir():
        for kind, number in re.findall(r"^(prog|map|link)_id:\s*(\d+)$", info.read_text(), re.MULTILINE):
            found.add((kind, number))
    return found


def exists(kind, number):
    return subprocess.run(["bpftool", kind, "show", "id", number], capture_output=True).returncode == 0


def children(pid):
    """Process ids by name. (Names are cut to 15 bytes.)"""
    listed = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return {pathlib.Path(f"/proc/{child}/comm").read_text().strip(): int(child) for child in listed}


def eventually(condition, seconds=20):
    """Whether it comes true. The kernel frees what a dead process held when it gets to it."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@unittest.skipIf(os.geteuid() != 0, "listing BPF objects needs root")
class KilledTest(unittest.TestCase):
    """concadvise or its helper dies by SIGKILL: the target does not notice, the kernel keeps nothing of ours."""

    # Says ready, then answers every line, until its input ends.
    TARGET = "import os, sys; print('ready', os.getpid(), flush=True)\nfor line in sys.stdin: print('alive', flush=True)"

    def setUp(self):
        argv = [support.CONCADVISE, "--no-evidence", "--", support.PYTHON, "-c", self.TARGET]
        self.messages = tempfile.TemporaryFile()  # not a pipe: its end would be the target's, who outlives concadvise
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.messages)
        self.addCleanup(self.close)
        ready = self.process.stdout.readline().split()
        self.assertEqual(ready[:1], [b"ready"])
        self.target = int(ready[1])
        self.helper = children(self.process.pid)["concadvise-prob"]
        self.objects = bpf_objects(self.helper)
        self.assertGreaterEqual(len([kind for kind, _ in self.objects if kind == "prog"]), 6)
        self.assertTrue(all(exists(*one) for one in self.objects))

    def close(self):
        for file in (self.process.stdin, self.process.stdout, self.messages):
            file.close()  # the target's end of input, if it is still there
        support.stop(self.process)

    def check_target_lives(self):
        self.process.stdin.write(b"?\n")
        self.process.stdin.flush()
        self.assertEqual(self.process.stdout.readline(), b"alive\n")
        self.assertTrue(pathlib.Path(f"/proc/{self.target}").exists())

    def check_nothing_is_left(self):
        self.assertTrue(eventually(lambda: not pathlib.Path(f"/proc/{self.helper}").exists()), "the helper ends")
        self.assertTrue(eventually(lambda: not any(exists(*one) for one in self.objects)), "no BPF object is left")

    def test_concadvise(self):
        self.process.kill()
        self.process.wait(support.TIMEOUT_S)
        self.check_nothing_is_left()
        self.check_target_lives()
        self.process.stdin.close()
        self.assertTrue(eventually(lambda: not pathlib.Path(f"/proc/{self.target}").exists()), "it ends by itself")

    def test_helper(self):
        """The measurement is lost, and that is said; the target goes on, and its end is waited for by nobody."""
        os.kill(self.helper, signal.SIGKILL)
        self.assertEqual(self.process.wait(support.TIMEOUT_S), 125)
        self.messages.seek(0)
        message = self.messages.read().decode()
        self.assertIn("the helper ended", message)
        self.assertIn("the target goes on", message)
        self.assertNotIn("VERDICT", message)
        self.check_nothing_is_left()
        self.check_target_lives()

    def test_nobody(self):
        """An ordinary end leaves nothing behind either."""
        self.check_target_lives()
        self.process.stdin.close()
        self.assertEqual(self.process.wait(support.TIMEOUT_S), 0)
        self.assertFalse(any(exists(*one) for one in self.objects))


class NoRoomTest(unittest.TestCase):
    """A report or a measurement that does not fit: said, status 125, the file that was there intact, nothing beside it."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="concadvise-room-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def check(self, option, place, reason, **popen):
        place.write_text("precious\n")
        before = sorted(place.parent.iterdir())
        script = "for i in 1 2 3 4 5 6 7 8; do sleep 0.01; done; echo done"
        done = support.run("--no-evidence", option, place, "--", "/bin/sh", "-c", script, **popen)
        self.assertEqual((done.status, done.stdout), (125, b"done\n"), str(done))
        self.assertIn(reason, done.stderr)
        self.assertIn(os.fsencode(place), done.stderr)
        self.assertEqual(place.read_text(), "precious\n")
        self.assertEqual(sorted(place.parent.iterdir()), before)

    def test_full_disk(self):
        if os.geteuid() != 0:
            self.skipTest("mounting a tiny file system needs root")
        disk = self.folder / "disk"
        disk.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", disk], check=True)
        self.addCleanup(subprocess.run, ["umount", disk], check=True)
        (disk / "filler").write_bytes(b"x" * 12288)
        for option, name in (("-o", "report.json"), ("-o", "report.txt"), ("--save", "run.json")):
            with self.subTest(option=option, name=name):
                self.check(option, disk / name, b"No space left on device; make room")
                (disk / name).unlink()

    def test_limit_on_file_sizes(self):
        """Its signal (SIGXFSZ) must not end concadvise in the middle of a file."""

        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024))

        for option, name in (("-o", "report.json"), ("-o", "report.txt"), ("--save", "run.json")):
            with self.subTest(option=option, name=name):
                self.check(option, self.folder / name, b"File too large; the limit on the size of files", preexec_fn=limit)

    def test_target_keeps_the_signal_of_the_limit(self):
        """To the target it is what it would be alone: the end."""

        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

        script = f"exec dd if=/dev/zero of='{self.folder}/large' bs=4096 count=1 status=none"
        done = support.run(*QUIET, "--", "/bin/sh", "-c", script, preexec_fn=limit)
        self.assertEqual(done.status, -signal.SIGXFSZ, str(done))

    def test_saved_reports_as_well(self):
        """`concadvise report FILE -o FILE` has the same way out."""
        saved = support.measure(["/bin/true"], "--no-evidence", keep=self.folder).saved
        place = self.folder / "again.json"
        place.write_text("precious\n")

        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024))

        done = support.run("report", saved, "-o", place, preexec_fn=limit)
        self.assertEqual(done.status, 2, str(done))
        self.assertIn(b"File too large", done.stderr)
        self.assertEqual(place.read_text(), "precious\n")


if __name__ == "__main__":
    unittest.main()
