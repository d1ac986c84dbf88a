# SPDX-License-Identifier: BSD-2-Clause
"""Every example runs under the real probe and must get the advice that its header expects."""
import json
import pathlib
import tempfile
import unittest

import jsonschema

import support


class ExampleCase:
    """Mixed into one TestCase per example: one measured run, several questions about it."""

    example = None

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="concadvise-example-")
        with support.peers(cls.example.server) as environment:
            cls.done = support.measure(cls.example.command, env=environment, keep=cls.folder.name)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def setUp(self):
        self.assertEqual(self.done.status, 0, str(self.done))
        self.assertIsNotNone(self.done.report, str(self.done))

    def test_advice(self):
        """Model, change and findings are those of the header."""
        recommendation, found = self.done.report["recommendation"], support.findings(self.done.report)
        seen = f"\n{self.done}"
        self.assertIn(recommendation["model"], self.example.models, seen)
        if self.example.changes:
            self.assertIn(recommendation["change"], self.example.changes, seen)
        for wanted in self.example.wanted:
            self.assertIn(wanted, found, seen)
        for unwanted in self.example.unwanted:
            self.assertNotIn(unwanted, found, seen)

    def test_evidence(self):
        """The work was replayed wherever there is a verdict, and only there."""
        verdict = self.done.report["recommendation"]["model"] is not None
        self.assertEqual(self.done.report["evidence"]["runs"] > 0, verdict, str(self.done))

    def test_schema(self):
        """The JSON report is what report/report.schema.json promises."""
        schema = json.loads((support.ROOT / "report" / "report.schema.json").read_text())
        jsonschema.Draft202012Validator(schema).validate(self.done.report)

    def test_accounting(self):
        """On-CPU, runnable and blocked add up to thread time, and little is left unexplained."""
        support.on_cpu_and_waits_add_up(self, self.done.report)
        m = self.done.report["measurement"]
        self.assertLessEqual(m["unattributed_ns"], m["thread_time_ns"] / 100)

    def test_saved_run_gives_the_same_advice(self):
        """`concadvise report run.json` says what the live run said."""
        again = support.run("report", "-f", "json", self.done.saved)
        self.assertEqual(again.status, 0, str(again))
        report = json.loads(again.stdout)
        for part in ("target", "measurement", "current", "recommendation", "decision", "evidence", "findings"):
            self.assertEqual(report[part], self.done.report[part], part)


class HeaderTest(unittest.TestCase):
    def test_every_folder_has_examples(self):
        """Guards against a header that silently stops matching."""
        folders = {pathlib.Path(example.path).parent.name for example in support.examples()}
        self.assertEqual(folders, {"c", "node", "python"})
        self.assertGreaterEqual(len(support.examples()), 50)


for _example in support.examples():
    _name = "Example_" + _example.name.replace("/", "_")
    globals()[_name] = type(_name, (ExampleCase, unittest.TestCase), {"example": _example})
