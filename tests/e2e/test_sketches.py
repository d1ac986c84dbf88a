# SPDX-License-Identifier: BSD-2-Clause
"""What Python programs are shown as code: the sketch that fits the advice, with their own function, line and number.

Each is decided by a tree of one question, so that the advice does not depend on how busy the machine is: that it is the
right one is what test_examples.py is for.
"""
import ast
import json
import pathlib
import tempfile
import unittest

import support

PYTHON = support.ROOT / "examples" / "python"


def tree(wording, model, change):
    """A tree that says this of whatever lasts a moment."""
    leaves = [
        {"id": "wanted", "model": model, "change": change, "wording": wording, "firm": True},
        {"id": "too_short", "model": "none", "change": "keep", "wording": "too_short", "firm": True},
    ]
    node = {"id": "root", "question": "did it run?", "metric": "wall_ns", "comparison": ">=", "limit": 1, "unit": "ns"}
    return {"root": "root", "nodes": [{**node, "reason": "to be told apart", "yes": "wanted", "no": "too_short"}], "leaves": leaves}


class SketchCase:
    """Mixed into one TestCase per example: one measured run, its sketches in every form of the report."""

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="concadvise-sketch-")
        cls.addClassCleanup(folder.cleanup)
        cls.tree = pathlib.Path(folder.name) / "tree.json"
        cls.tree.write_text(json.dumps(tree(*cls.leaf)))
        with support.peers(cls.server) as environment:
            command = [support.PYTHON, PYTHON / f"{cls.example}.py"]
            cls.done = support.measure(command, "--no-evidence", "--tree", cls.tree, env=environment, keep=folder.name)
        if not cls.done.report or not cls.done.report["recommendation"]["sketches"]:
            raise AssertionError(f"no sketch\n{cls.done}")
        cls.recommendation = cls.done.report["recommendation"]
        cls.sketch = cls.recommendation["sketches"][0]

    def report(self, *options):
        done = support.run("report", "--tree", self.tree, *options, self.done.saved)
        self.assertEqual(done.status, 0, str(done))
        return (done.stdout or done.stderr).decode()

    def test_it_is_python(self):
        for sketch in self.recommendation["sketches"]:
            ast.parse(sketch["before"])
            ast.parse(sketch["imports"] + "\n" + sketch["after"])
            self.assertNotIn("$", sketch["before"] + sketch["after"] + sketch["note"])

    def test_it_fits_the_advice(self):
        self.assertEqual((self.recommendation["model"], self.sketch["id"]), (self.leaf[1], self.wanted), str(self.done))
        self.assertIn(str(self.recommendation["workers"]), self.sketch["after"])
        self.assertNotRegex(self.sketch["after"], r"\bN\b")

    def test_the_place_is_in_the_program(self):
        source = PYTHON / f"{self.example}.py"
        self.assertEqual(pathlib.Path(self.sketch["file"]).name, source.name)
        self.assertIn(self.line, source.read_text().splitlines()[self.sketch["line"] - 1])
        self.assertEqual(self.sketch["function"], self.function)

    def test_by_default_one_line(self):
        text = self.report("-f", "text")
        self.assertEqual(text.count("SKETCH"), 1)
        self.assertIn(self.sketch["imports"].split("\n")[0], text)
        self.assertNotIn(self.sketch["after"].split("\n")[0], text)

    def test_with_v_all_of_it(self):
        lines = [line.strip() for line in self.report("-v", "-f", "text").splitlines()]
        for sketch in self.recommendation["sketches"]:
            for part in "before", "imports", "after":
                for line in filter(None, sketch[part].split("\n")):
                    self.assertIn(line.strip(), lines)

    def test_other_forms(self):
        markdown, page = self.report("-f", "markdown"), self.report("-f", "html")
        self.assertIn(f"\n{self.sketch['before']}\n", markdown)
        self.assertIn(f"\n{self.sketch['after']}\n```", markdown)
        self.assertIn(f"{self.sketch['imports']}\n\n", page)


class GilThreads(SketchCase, unittest.TestCase):
    example, server, function, line = "gil_threads", None, "count_primes", "found[slot] = sum("
    leaf, wanted = ("gil_processes", "processes", "switch"), "process-pool"

    def test_threads_are_what_was_found(self):
        self.assertIn("Thread(target=count_primes", self.sketch["before"])


class HttpSerial(SketchCase, unittest.TestCase):
    example, server, function, line = "http_serial", "delay", None, "session.get("
    leaf, wanted = ("waits_coroutines", "coroutines", "switch"), "gather-http"


class SerialAwaits(SketchCase, unittest.TestCase):
    example, server, function, line = "serial_awaits", "delay", None, "asyncio.run(main())"
    leaf, wanted = ("loop_gather", "coroutines", "fix"), "gather"

    def test_the_finding_is_named(self):
        """Where it was found: on a busy machine awaits may overlap for a moment."""
        found = "CA3002" if "CA3002" in support.findings(self.done.report) else None
        self.assertEqual(self.sketch["finding"], found)


class OtherRuntimes(unittest.TestCase):
    def test_none(self):
        done = support.measure([support.BUILD / "examples" / "serial_cpu"], "--no-evidence")
        self.assertIsNotNone(done.report, str(done))
        self.assertEqual(done.report["recommendation"]["sketches"], [])
        self.assertNotIn(b"SKETCH", done.stderr)


if __name__ == "__main__":
    unittest.main()
