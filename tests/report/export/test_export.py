# SPDX-License-Identifier: BSD-2-Clause
"""Exports of the hand-built stories, each read by the format's own reader where there is one. test_export.py PROGRAM"""
import pathlib
import subprocess
import sys
import tempfile
import unittest

import exports

DUMP = sys.argv[1]
STORIES = "convoy", "short", "hostile"


class ExportTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="concadvise-export-")
        cls.addClassCleanup(folder.cleanup)
        subprocess.run([DUMP, folder.name], check=True)
        cls.files = {path.name: path.read_bytes() for path in pathlib.Path(folder.name).iterdir()}

    def test_folded(self):
        for story in STORIES:
            stacks = exports.folded(self, self.files[f"{story}.folded"])
            for stack in stacks:
                self.assertGreaterEqual(len(stack), 2)
        convoy = exports.folded(self, self.files["convoy.folded"])
        self.assertTrue(any(stack[1] == "GIL wait" for stack in convoy), convoy)

    def test_perfetto(self):
        for story in STORIES:
            exports.perfetto(self, self.files[f"{story}.perfetto"])

    def test_firefox(self):
        for story in STORIES:
            exports.firefox(self, self.files[f"{story}.firefox"])
        _, stacks = exports.firefox(self, self.files["convoy.firefox"])
        folded = exports.folded(self, self.files["convoy.folded"])
        waits = sum(us for stack, us in folded.items() if stack[1] == "GIL wait")
        self.assertGreater(waits, 0)
        self.assertAlmostEqual(sum(ms for stack, ms in stacks.items() if stack[:1] == ("GIL wait",)) * 1000, waits, delta=len(folded))

    def test_pprof(self):
        for story in STORIES:
            for sample_type in ("samples", "on_cpu", "off_cpu"):
                exports.pprof(self, self.files[f"{story}.pprof"], sample_type)

    def test_sarif(self):
        self.assertTrue(exports.sarif(self, self.files["convoy.sarif"]))
        for story in STORIES:
            exports.sarif(self, self.files[f"{story}.sarif"])

    def test_openmetrics(self):
        for story in STORIES:
            samples = exports.openmetrics(self, self.files[f"{story}.openmetrics"])
            self.assertGreater(samples["concadvise_wall_seconds", ()], 0)
        self.assertNotIn(("concadvise_expected_speedup", ()), exports.openmetrics(self, self.files["short.openmetrics"]))

    def test_every_format_has_its_checks(self):
        formats = {name.split(".")[1] for name in self.files}
        self.assertEqual({f"test_{name}" for name in formats}, {name for name in dir(self) if name.startswith("test_")} - {"test_every_format_has_its_checks"})


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
