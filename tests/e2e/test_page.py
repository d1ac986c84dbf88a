# SPDX-License-Identifier: BSD-2-Clause
"""The page and the Markdown of a real run say what its JSON report says."""
import html
import json
import pathlib
import re
import tempfile
import unittest

import support


class PageTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="concadvise-page-")
        cls.addClassCleanup(folder.cleanup)
        folder = pathlib.Path(folder.name)
        script = support.ROOT / "examples" / "python" / "gil_threads.py"
        cls.run_ = support.measure([support.PYTHON, script], "-o", folder / "page.html", "-o", folder / "ticket.md", keep=folder)
        cls.page = (folder / "page.html").read_text()
        cls.ticket = (folder / "ticket.md").read_text()

    def test_the_way_is_the_path(self):
        path = self.run_.report["decision"]["path"]
        taken = re.findall(r'<li class="taken" id="node-([^"]+)">', self.page)
        self.assertEqual(taken, [step["id"] for step in path])
        self.assertEqual(self.page.count('class="leaf taken"'), 1)

    def test_verdict_and_findings(self):
        title = html.unescape(re.search("<h1>(.*?)</h1>", self.page)[1])
        self.assertIn(self.run_.report["recommendation"]["model"].upper(), title)
        self.assertIn(title, self.ticket.splitlines()[0])
        for finding in support.findings(self.run_.report):
            self.assertIn(f'id="{finding}"', self.page)
            self.assertIn(f"- **{finding}** ", self.ticket)

    def test_every_run_is_a_dot(self):
        """Of each replay that has a row; on a busy machine the row's number may come from the simulation all the same."""
        rows = {(row["model"], row["workers"]) for row in self.run_.report["evidence"]["models"]}
        replays = json.loads(self.run_.saved.read_text())["replays"]
        runs = sum(len(replay["runs_ns"]) for replay in replays if (replay["model"], replay["workers"]) in rows)
        self.assertGreater(runs, 1, "nothing was replayed")
        self.assertGreaterEqual(self.page.count('class="dot"'), runs)


if __name__ == "__main__":
    unittest.main()
