# SPDX-License-Identifier: BSD-2-Clause
"""How many timers an asyncio loop had scheduled while it waited, on every CPython of this machine."""
import glob
import json
import os
import pathlib
import subprocess
import tempfile
import unittest

import support

PYTHONS = [support.PYTHON, *sorted(glob.glob(os.path.expanduser("~/.pyenv/versions/3.*/bin/python3")))]

# `tasks` tasks, of which `at_once` may sleep at the same time; with "limited" each sleep is limited by wait_for().
LOOPS = """
import asyncio, multiprocessing, sys, threading
async def sleep(limit):
    await (asyncio.wait_for(asyncio.sleep(0.05), 30) if limit else asyncio.sleep(0.05))
async def one(semaphore, limit):
    for i in range(10):
        async with semaphore:
            await sleep(limit)
async def main(tasks, at_once, limit):
    semaphore = asyncio.Semaphore(at_once)
    await asyncio.gather(*[one(semaphore, limit) for i in range(tasks)])
def run(tasks, at_once, how):
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    loop.run_until_complete(main(tasks, at_once, how == "limited"))
if __name__ == "__main__":
    how = sys.argv[1]
    all_of = [(int(n), int(k), how) for n, k in (pair.split("/") for pair in sys.argv[2:])]
    start = {"threads": threading.Thread, "fork": multiprocessing.Process, "spawn": multiprocessing.Process}.get(how)
    if how in ("fork", "spawn"):
        multiprocessing.set_start_method(how)
    if start:
        started = [start(target=run, args=args) for args in all_of]
        for each in started: each.start()
        for each in started: each.join()
    else:
        run(*all_of[0])
"""

UVLOOP = """
import asyncio, uvloop
uvloop.install()
async def sleep():
    for i in range(40): await asyncio.sleep(0.05)
async def main(): await asyncio.gather(*[sleep() for i in range(20)])
asyncio.run(main())
"""


class TimersTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="concadvise-timers-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def loops(self, python, text, *arguments):
        """The event loops of a run, by how many timers they had."""
        program = self.folder / "program.py"
        program.write_text(text)
        done = support.measure((python, program, *arguments), "--no-evidence", keep=self.folder)
        self.assertEqual(done.status, 0, str(done))
        return sorted(json.loads(done.saved.read_text())["loops"], key=lambda loop: loop["timers_mean"])

    def assert_near(self, value, expected, what):
        self.assertGreater(value, expected * 0.9, what)
        self.assertLess(value, expected * 1.1, what)

    def test_tasks_asleep_are_counted(self):
        for python in PYTHONS:
            # All sleep at once; a semaphore lets 8 of 80; each sleep has a limit, which is a timer, too.
            for how, tasks, timers, sleepers in (("", "40/40", 40, 40), ("", "80/8", 8, 8), ("limited", "15/15", 30, 15)):
                with self.subTest(python=python, how=how, tasks=tasks):
                    (loop,) = self.loops(python, LOOPS, how, tasks)
                    self.assert_near(loop["timers_mean"], timers, loop)
                    self.assertEqual(loop["timers_max"], timers, loop)
                    self.assertGreater(loop["sleepers_mean"], sleepers * 0.75, loop)
                    self.assertLess(loop["sleepers_mean"], sleepers * 1.25, loop)

    def test_each_loop_has_numbers_of_its_own(self):
        for python in PYTHONS:
            for how in ("threads", "fork", "spawn"):
                with self.subTest(python=python, how=how):
                    loops = self.loops(python, LOOPS, how, "3/3", "20/20", "60/60")
                    self.assertEqual(len(loops), 3, loops)
                    for loop, timers in zip(loops, (3, 20, 60)):
                        self.assert_near(loop["timers_mean"], timers, loops)
                        self.assertEqual(loop["timers_max"], timers, loops)

    def test_of_uvloop_s_timers_nothing_is_known(self):
        if subprocess.run([support.PYTHON, "-c", "import uvloop"], capture_output=True).returncode:
            self.skipTest("uvloop is not installed")
        (loop,) = self.loops(support.PYTHON, UVLOOP)
        self.assertEqual((loop["kind"], loop["timers_mean"], loop["timers_max"]), ("uvloop", 0, 0), loop)


if __name__ == "__main__":
    unittest.main()
