# SPDX-License-Identifier: BSD-2-Clause
"""Every fuzz target over its corpus (what once broke something is in it), then over a fixed series of changes to that.

The seed and the number of runs are fixed: the same tree gives the same result. Long runs: tests/fuzz/run.
"""
import subprocess
import tempfile
import unittest

import fuzzing

RUNS = {"measurement": 1000, "diff": 2000, "tree": 3000}  # of the slow ones; some two seconds each
RUNS_USUAL = 8000


class CorpusTest(unittest.TestCase):
    def test_seeds_are_there_and_small(self):
        sizes = [path.stat().st_size for path in (fuzzing.HERE / "corpus").rglob("*") if path.is_file()]
        self.assertLess(sum(sizes), 300 * 1024)
        for target in fuzzing.TARGETS:
            self.assertTrue(any((fuzzing.HERE / "corpus" / target).iterdir()), target)


class FuzzTest(unittest.TestCase):
    """A test for each target: see the loop below."""

    @classmethod
    def setUpClass(cls):
        fuzzing.build()

    def fuzz(self, target):
        runs = RUNS.get(target, RUNS_USUAL)
        with tempfile.TemporaryDirectory(prefix="concadvise-fuzz-") as found:
            command = fuzzing.command(
                target, "-seed=1", f"-runs={runs}", corpora=[found, fuzzing.HERE / "corpus" / target]
            )
            done = subprocess.run(
                command, capture_output=True, text=True, errors="replace", env=fuzzing.environment(), timeout=300
            )
        self.assertEqual(done.returncode, 0, done.stderr[-6000:])
        self.assertGreaterEqual(fuzzing.executions(done.stderr), runs)


for name in fuzzing.TARGETS:
    setattr(FuzzTest, f"test_{name}", lambda self, target=name: self.fuzz(target))


if __name__ == "__main__":
    unittest.main()
