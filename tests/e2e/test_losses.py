# SPDX-License-Identifier: BSD-2-Clause
"""What is lost is said: with next to no room for it (cli/probe_limits.h), in the text, in the JSON and in the verdict."""
import pathlib
import tempfile
import unittest

import support


class LossesTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="concadvise-losses-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def measure(self, program, mode, count, **limits):
        """The JSON report, and in `self.text` what the same measurement looks like in words."""
        environment = support.target_environment(**{f"CONCADVISE_TEST_{key}": str(value) for key, value in limits.items()})
        command = [support.BUILD / "tests" / "e2e" / program, self.folder / "stamps", mode, str(count)]
        done = support.measure(command, "--no-evidence", env=environment, keep=self.folder)
        self.assertEqual(done.status, 0, str(done))
        shown = support.run("report", done.saved)
        self.assertEqual(shown.status, 0, str(shown))
        self.text = " ".join(shown.stdout.decode().split())
        return done.report

    def severity(self, report):
        """Of "events were lost"; None: not a finding."""
        found = {finding["id"]: finding["severity"] for finding in report["findings"]}
        return found.get("CA9002")

    def test_nothing_is_lost_by_default(self):
        report = self.measure("lives", "gang", 200)
        loss = report["measurement"]["loss"]
        self.assertEqual((loss["slices_dropped"], loss["threads_dropped"], loss["decimation"]), (0, 0, 1))
        self.assertIn("lost 0", self.text)
        self.assertIsNone(self.severity(report))

    def test_a_tiny_ring(self):
        """Slices are overwritten before they are read. Totals don't suffer, the forecast does."""
        report = self.measure("oddities", "ping-pong", 60000, RING_RECORDS=64)
        measurement, dropped = report["measurement"], report["measurement"]["loss"]["slices_dropped"]
        self.assertGreater(dropped, 1000)
        support.on_cpu_and_waits_add_up(self, report)
        self.assertGreaterEqual(measurement["blocked_ns"]["ipc"], 0.1 * measurement["thread_time_ns"], "each wait counts")
        self.assertIn("slices did not reach the forecast; the shares above are exact", self.text)
        self.assertNotIn("lost 0", self.text)
        self.assertEqual(self.severity(report), "medium")
        self.assertIn("slices that were lost", " ".join(report["recommendation"]["not_seen"]))
        self.assertIn(report["recommendation"]["confidence"], ("low", "medium"))
        if report["recommendation"]["confidence"] == "low":
            self.assertIn("of the slices that forecast and replays rest on were lost", self.text)

    def test_few_slots(self):
        """200 threads at once, and room for 51: most of the time is missing, so there is no verdict."""
        report = self.measure("lives", "gang", 200, MAX_THREADS=50)
        loss = report["measurement"]["loss"]
        self.assertEqual(report["measurement"]["threads"] + loss["threads_dropped"], 201)
        self.assertEqual(loss["threads_dropped"], 150)
        self.assertIsNone(report["recommendation"]["model"])
        self.assertEqual(self.severity(report), "high")
        self.assertIn("150 threads found no slot: their time is not above", self.text)
        self.assertIn("VERDICT No verdict More than a tenth of the thread time is not accounted for", self.text)
        self.assertIn("lost 150", self.text)

    def test_a_few_slots_short(self):
        """Ten of 201: the verdict stands, and says that they are missing."""
        report = self.measure("lives", "gang", 200, MAX_THREADS=190)
        self.assertEqual(report["measurement"]["loss"]["threads_dropped"], 10)
        self.assertIsNotNone(report["recommendation"]["model"])
        self.assertEqual(self.severity(report), "medium")
        self.assertIn("thread time is unexplained", self.text[: self.text.index("WHERE THREAD TIME WENT")])

    def test_children_of_threads_without_a_slot(self):
        """What such a thread starts belongs to the target as well: it is measured as soon as there is room, else counted."""
        script = "(sleep 0.4 & wait; (:); (:); :) & sleep 0.1; wait"
        environment = support.target_environment(CONCADVISE_TEST_MAX_THREADS="1")
        done = support.measure(["/bin/sh", "-c", script], "--no-evidence", env=environment)
        self.assertEqual(done.status, 0, str(done))
        measurement = done.report["measurement"]
        self.assertEqual(measurement["processes"] + measurement["loss"]["threads_dropped"], 6, measurement["loss"])
        self.assertGreater(measurement["loss"]["threads_dropped"], 0)

    def test_few_slices(self):
        """Neighbours are merged: sums stay, and the report says how many became one."""
        report = self.measure("oddities", "ping-pong", 20000, MAX_SLICES=1000)
        loss = report["measurement"]["loss"]
        self.assertGreater(loss["decimation"], 1)
        support.on_cpu_and_waits_add_up(self, report)
        self.assertIn(f"1 slice of {loss['decimation']} kept", self.text)
        self.assertIn("slices (totals are complete)", " ".join(report["recommendation"]["not_seen"]))


if __name__ == "__main__":
    unittest.main()
