# SPDX-License-Identifier: BSD-2-Clause
"""The benchmark measures: one of its loads, once, under everything of our own. What comes out is for a quiet machine to say."""
import json
import os
import pathlib
import subprocess
import tempfile
import unittest

import support

RUN = pathlib.Path(__file__).resolve().parents[1] / "bench" / "run"


class BenchTest(unittest.TestCase):
    def bench(self, *options):
        environment = {**os.environ, "CONCADVISE_BUILD": str(support.BUILD)}
        return subprocess.run([RUN, *options], capture_output=True, text=True, env=environment, timeout=120, check=False)

    def test_one_load_under_every_variant(self):
        with tempfile.TemporaryDirectory() as folder:
            numbers = pathlib.Path(folder) / "numbers.json"
            done = self.bench("--rounds", "1", "--no-peers", "--only", "thread create", "--json", numbers)
            self.assertEqual(done.returncode, 0, done.stderr)
            times = json.loads(numbers.read_text())["nanoseconds"]["thread create + join"]
        self.assertEqual(list(times), ["untraced", "empty program", "concadvise", "--light", "without sites"])
        for name, (value,) in times.items():
            self.assertGreater(value or 0, 0, (name, done.stderr))
        header, row = [line for line in done.stdout.splitlines() if line.startswith(("load", "thread"))]
        self.assertEqual(header.split()[:2], ["load", "untraced"])
        self.assertNotIn(" -", row)

    def test_memory_of_both_processes_is_told(self):
        done = self.bench("--rounds", "1", "--no-peers", "--only", "memory")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"front end, helper +\d+, [1-9]\d* MB")
        self.assertRegex(done.stdout, r"BPF maps in the kernel +[1-9]\d* MB")


if __name__ == "__main__":
    unittest.main()
