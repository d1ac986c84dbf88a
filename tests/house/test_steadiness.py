# SPDX-License-Identifier: BSD-2-Clause
"""When a failed test gets another try: only if the machine was not ours while it ran."""
import os
import pathlib
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import steadiness  # noqa: E402

CPUS = os.cpu_count()


class SteadinessTest(unittest.TestCase):
    def recorded(self, *sums):
        """A look a second: CPUs late, stolen, waited for the disk; all in seconds."""
        record = steadiness.Steadiness(pathlib.Path("/nonexistent"))
        self.addCleanup(record.close)
        record.closing.set()
        record.thread.join()
        record.times, record.sums = list(range(len(sums))), list(sums)
        return record

    def test_a_steady_machine(self):
        share = 0.5 * steadiness.LOST_SHARE * CPUS
        record = self.recorded(*[(i * min(share, 0.01), i * min(share, 0.01), i * 0.01) for i in range(10)])
        self.assertIsNone(record.disturbance(1.5, 7.5))

    def test_what_counts_is_the_time_of_the_test(self):
        record = self.recorded((0, 0, 0), (0, 0, 0), (0, 0, 0), (2, 0, 0), (2, 0, 0), (2, 0, 0))
        self.assertIsNone(record.disturbance(0.2, 1.8))
        self.assertIn("2000 ms", record.disturbance(1.2, 2.8))
        self.assertIsNone(record.disturbance(3.2, 4.8))

    def test_each_kind(self):
        self.assertIn("host took 500 ms", self.recorded((0, 0, 0), (0, 0.5, 0)).disturbance(0, 1))
        self.assertIn("disk for 600 ms", self.recorded((0, 0, 0), (0, 0, 0.6)).disturbance(0, 1))

    def test_this_machine_can_be_read(self):
        record = steadiness.Steadiness(pathlib.Path("/nonexistent"))
        self.addCleanup(record.close)
        time.sleep(0.01)
        record.disturbance(time.time() - 1, time.time())
        self.assertGreaterEqual(len(record.times), 2)


if __name__ == "__main__":
    unittest.main()
