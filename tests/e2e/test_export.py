# SPDX-License-Identifier: BSD-2-Clause
"""Exports of a real run agree with its report, in each format's own reader."""
import pathlib
import sys
import tempfile
import unittest

import support

sys.path.insert(0, str(support.ROOT / "tests" / "report" / "export"))
import exports  # noqa: E402


class ExportTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="concadvise-export-")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        script = support.ROOT / "examples" / "python" / "producer_consumer.py"
        cls.run_ = support.measure([support.PYTHON, script], "--no-evidence", keep=cls.folder)

    def export(self, to):
        done = support.run("export", self.run_.saved, "--to", to)
        self.assertEqual(done.status, 0, str(done))
        return done.stdout

    def test_folded(self):
        stacks = exports.folded(self, self.export("folded"))
        on_cpu = sum(us for stack, us in stacks.items() if stack[1] == "on-CPU")
        self.assertAlmostEqual(on_cpu * 1000 / self.run_.report["measurement"]["on_cpu_ns"], 1.0, delta=0.1)
        self.assertTrue(any("produce (producer_consumer.py:" in frame for stack in stacks for frame in stack), stacks)

    def test_perfetto(self):
        """Every nanosecond of every thread that has its slices is there, and arrows between producer and consumer."""
        events = exports.perfetto(self, self.export("perfetto"))
        measured = self.run_.report["measurement"]
        on_cpu = sum(event["dur"] for event in events if event.get("cat") == "on_cpu")
        self.assertAlmostEqual(on_cpu * 1000 / measured["on_cpu_ns"], 1.0, delta=0.02)
        arrows = [(event["ph"], event["tid"]) for event in events if event["ph"] in "sf"]
        self.assertGreater(len({tid for phase, tid in arrows if phase == "s"}), 1, "one waker only")
        self.assertGreater(len({tid for phase, tid in arrows if phase == "f"}), 1, "one woken only")

    def test_firefox(self):
        states, stacks = exports.firefox(self, self.export("firefox"))
        on_cpu = self.run_.report["measurement"]["on_cpu_ns"] / 1e6
        self.assertAlmostEqual(states["on-CPU"] / on_cpu, 1.0, delta=0.02)
        self.assertAlmostEqual(sum(ms for stack, ms in stacks.items() if stack[:1] == ("on-CPU",)) / on_cpu, 1.0, delta=0.1)
        self.assertTrue(any("produce" in stack for stack in stacks), stacks)

    def test_pprof(self):
        functions = exports.pprof(self, self.export("pprof"), "off_cpu")
        self.assertIn("Condition.wait", functions)
        samples = exports.pprof(self, self.export("pprof"), "on_cpu")
        self.assertAlmostEqual(sum(samples.values()) / self.run_.report["measurement"]["on_cpu_ns"], 1.0, delta=0.1)

    def test_sarif(self):
        results = exports.sarif(self, self.export("sarif"))
        self.assertEqual([result["ruleId"] for result in results], support.findings(self.run_.report))
        places = [location["physicalLocation"]["artifactLocation"]["uri"] for r in results for location in r["locations"]]
        self.assertTrue(any(place.endswith("producer_consumer.py") for place in places), places)

    def test_openmetrics(self):
        samples = exports.openmetrics(self, self.export("openmetrics"))
        measured = self.run_.report["measurement"]
        self.assertAlmostEqual(samples["concadvise_wall_seconds", ()] * 1e9, measured["wall_ns"], delta=1000)
        self.assertEqual(samples["concadvise_threads", ()], measured["threads"])
        states = sum(value for (name, _), value in samples.items() if name == "concadvise_thread_seconds")
        self.assertAlmostEqual(states * 1e9 / measured["thread_time_ns"], 1.0, delta=0.001)

    def test_into_a_file(self):
        path = self.folder / "stacks.json"  # the suffix says nothing here
        done = support.run("export", self.run_.saved, "--to", "folded", "-o", path)
        self.assertEqual((done.status, done.stdout, done.stderr), (0, b"", b""))
        exports.folded(self, path.read_bytes())
        missing = support.run("export", self.run_.saved, "--to", "folded", "-o", self.folder / "no" / "file")
        self.assertEqual(missing.status, 2)
        self.assertIn(b"no/file", missing.stderr)

    def test_wrong_use(self):
        for arguments, word in (
            (["export", self.run_.saved], b"--to"),
            (["export", "--to", "folded"], b"one file"),
            (["export", self.run_.saved, "--to", "flamegraph"], b"openmetrics"),
            (["export", __file__, "--to", "folded"], b"no saved measurement"),
        ):
            done = support.run(*arguments)
            self.assertEqual((done.status, done.stdout), (2, b""), str(done))
            self.assertIn(word, done.stderr)


if __name__ == "__main__":
    unittest.main()
