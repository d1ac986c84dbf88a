# SPDX-License-Identifier: BSD-2-Clause
"""Keeping times: what is known is not run again, runs are interleaved, nothing half-done is kept."""
import pathlib
import sys
import tempfile
import time
import unittest
from unittest import mock

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import jobs  # noqa: E402 (beside this file)
import record  # noqa: E402
from jobs import Setting  # noqa: E402


class TimesTest(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.folder, self.ran = pathlib.Path(holder.name), []
        self.job = jobs.all_jobs(["hash_blocks"])[0]
        patch = mock.patch.object(record, "run_once", side_effect=self.run_once)
        patch.start()
        self.addCleanup(patch.stop)

    def run_once(self, _job, setting, _env):
        self.ran.append(setting)
        return len(self.ran), "wrong" if setting.workers == 13 else "right"

    def times(self):
        return record.Times(self.folder, self.job)

    def test_runs_are_interleaved_and_begin_with_another_each_time(self):
        one, two, three = (Setting("threads", workers) for workers in (1, 2, 3))
        self.assertEqual(self.times().measure([one, two, three], 3, {}), 3)
        self.assertEqual(self.ran, [one, two, three, two, three, one, three, one, two])

    def test_what_is_known_is_not_run_again(self):
        one, two = Setting("serial"), Setting("processes", 2, flawed=True)
        self.times().measure([one], 2, {})
        self.assertEqual(self.times().measure([one, two, two], 2, {}), 1)
        self.assertEqual(self.ran, [one, one, two, two])
        self.assertEqual(self.times().runs_ns, {one: [1, 2], two: [3, 4]})
        self.assertEqual(self.times().checksum, "right")

    def test_another_checksum_is_a_failure_and_nothing_is_kept(self):
        self.times().measure([Setting("serial")], 1, {})
        with self.assertRaisesRegex(record.Failed, "checksum wrong, elsewhere right"):
            self.times().measure([Setting("threads", 2), Setting("threads", 13)], 1, {})
        self.assertEqual(list(self.times().runs_ns), [Setting("serial")])


class FollowTest(unittest.TestCase):
    def test_time_after_the_last_output(self):
        status, output, errors, after_ns = record.follow(["/bin/sh", "-c", "sleep 0.2; echo 42; echo no >&2; sleep 0.3"], None)
        self.assertEqual((status, output, errors), (0, "42", "no\n"))
        self.assertGreaterEqual(after_ns, 300_000_000 - 1_000_000)

    def test_what_hangs_is_ended(self):
        begin = time.monotonic()
        with mock.patch.object(record, "TIMEOUT_S", 0.2):
            status, _, _, _ = record.follow(["/bin/sleep", "30"], None)
        self.assertNotEqual(status, 0)
        self.assertLess(time.monotonic() - begin, 20)

    def test_a_job_that_hangs_or_fails(self):
        job = mock.Mock(command=lambda _: ["/bin/sleep", "30"])
        with mock.patch.object(record, "TIMEOUT_S", 0.2), self.assertRaisesRegex(record.Failed, "no end"):
            record.run_once(job, Setting("serial"), None)
        job = mock.Mock(command=lambda _: ["/bin/false"])
        with self.assertRaisesRegex(record.Failed, "status 1"):
            record.run_once(job, Setting("serial"), None)


class LoadTest(unittest.TestCase):
    def test_share_of_others(self):
        load = record.Load()
        time.sleep(0.05)
        self.assertGreaterEqual(load.others(), 0)
        with mock.patch.object(record.Load, "now", return_value=(load.begin[0] + 10, load.begin[1] + 6, load.begin[2] + 1)):
            with mock.patch.object(record.os, "cpu_count", return_value=2):
                self.assertAlmostEqual(load.others(), 0.25)


if __name__ == "__main__":
    unittest.main()
