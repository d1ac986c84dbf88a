# SPDX-License-Identifier: BSD-2-Clause
"""--fail-on and --baseline, as a CI job uses them: what is old passes, what is new or worse fails."""
import pathlib
import tempfile
import unittest

import support

EXAMPLES = support.ROOT / "examples" / "python"


class GateTest(unittest.TestCase):
    """On saved runs of a program with a GIL convoy and of one without; `report` judges them as the live run does."""

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="concadvise-gate-")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        cls.convoy = cls.measure("gil_threads.py")
        cls.again = cls.measure("gil_threads.py", name="again")
        cls.serial = cls.measure("serial_cpu.py")

    @classmethod
    def measure(cls, script, name=None):
        path = cls.folder / f"{name or script}.json"
        done = support.run("-q", "--no-evidence", "--save", path, "--", support.PYTHON, EXAMPLES / script)
        assert done.status == 0, str(done)
        return path

    def gate(self, file, *options):
        return support.run("report", file, "-o", self.folder / "report.json", "-q", *options)

    def test_what_the_baseline_has_passes(self):
        done = self.gate(self.again, "--fail-on", "CA2001")
        self.assertEqual(done.status, 1, str(done))
        done = self.gate(self.convoy, "--baseline", self.convoy, "--fail-on", "low")
        self.assertEqual((done.status, done.stderr), (0, b""), str(done))
        done = self.gate(self.again, "--baseline", self.convoy, "--fail-on", "CA1203")
        self.assertEqual(done.status, 0, str(done))

    def test_what_is_new_fails(self):
        done = self.gate(self.convoy, "--baseline", self.serial, "--error-exitcode", "7")
        self.assertEqual(done.status, 7, str(done))
        self.assertRegex(done.stderr.decode(), r"failed: CA\d{4} [a-z-]+ is new against .*serial_cpu")
        done = self.gate(self.convoy, "--baseline", self.serial, "--fail-on", "CA2001")
        self.assertIn(b"CA2001", done.stderr)
        self.assertEqual(self.gate(self.convoy, "--baseline", self.serial, "--fail-on", "CA5001").status, 0)
        self.assertEqual(self.gate(self.convoy, "--baseline", self.serial, "--fail-on", "CA2001", "--ignore", "CA2001").status, 0)

    def test_a_report_serves_as_baseline(self):
        self.assertEqual(self.gate(self.convoy).status, 0)
        report = self.folder / "baseline.json"
        (self.folder / "report.json").rename(report)
        self.assertEqual(self.gate(self.convoy, "--baseline", report).status, 0)
        self.assertEqual(self.gate(self.serial, "--baseline", report, "--fail-on", "CA2001").status, 0)

    def test_live_run(self):
        """The program's own status comes first; a gate that closes has its own."""
        options = ["--no-evidence", "-q", "--baseline", self.serial, "--fail-on", "CA2001", "--error-exitcode", "9"]
        done = support.run(*options, "--", support.PYTHON, EXAMPLES / "gil_threads.py")
        self.assertEqual(done.status, 9, str(done))
        self.assertEqual(support.run(*options, "--", "/bin/sh", "-c", "exit 3").status, 3)

    def test_a_bad_baseline_starts_nothing(self):
        marker, bad = self.folder / "started", self.folder / "bad.json"
        bad.write_text("{}")
        for path in (bad, self.folder / "none.json"):
            done = support.run("--baseline", path, "--", "touch", marker)
            self.assertEqual(done.status, 125, str(done))
            self.assertIn(path.name.encode(), done.stderr)
            self.assertIn(b"not started", done.stderr)
        self.assertFalse(marker.exists())


if __name__ == "__main__":
    unittest.main()
