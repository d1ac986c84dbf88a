# SPDX-License-Identifier: BSD-2-Clause
"""The workflow of docs/ci.md: its commands, run as a runner would, on a program that gets a convoy between two pushes."""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

import support
import yaml

sys.path.append(str(support.ROOT / "tests" / "report" / "export"))
import exports  # noqa: E402

QUIET = "import time\ntime.sleep(0.3)\n"
CONVOY = """import threading
def compute():
    for i in range(3_000_000):
        i * i
threads = [threading.Thread(target=compute) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""
INSTALLED = "/tmp/concadvise"  # where the workflow builds it


class WorkflowTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        (text,) = re.findall("^```yaml\n(.*?)^```", (support.ROOT / "docs" / "ci.md").read_text(), re.DOTALL | re.MULTILINE)
        (job,) = yaml.safe_load(text)["jobs"].values()
        cls.steps = {step["name"]: step for step in job["steps"] if "run" in step}
        cls.actions = [step for step in job["steps"] if "uses" in step]
        folder = tempfile.TemporaryDirectory(prefix="concadvise-ci-")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        (cls.folder / "tests").mkdir()

    def step(self, name):
        """As GitHub runs it: bash -e, in the checkout. The built concadvise is that of this build folder."""
        script = self.steps[name]["run"]
        environment = support.target_environment(GITHUB_STEP_SUMMARY=str(self.folder / "summary.md"), PATH="/usr/sbin:/usr/bin:/sbin:/bin")
        argv = ["bash", "-e", "-c", script.replace(f"{INSTALLED}/build", str(support.BUILD))]
        return subprocess.run(argv, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=2 * support.TIMEOUT_S)

    def test_the_commands(self):
        benchmark, summary = self.folder / "tests" / "benchmark.py", self.folder / "summary.md"
        benchmark.write_text(QUIET)
        done = self.step("measure")
        self.assertEqual(done.returncode, 0, done.stderr)
        done = self.step("make it the baseline")
        self.assertEqual(done.returncode, 0, done.stderr)
        baseline = (self.folder / "main.json").read_bytes()

        benchmark.write_text(CONVOY)
        done = self.step("measure")
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertRegex(done.stderr, r"failed: CA\d{4} [a-z-]+ is new against main\.json")
        self.assertEqual((self.folder / "main.json").read_bytes(), baseline)
        done = self.step("annotate, and keep the report")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertTrue(summary.read_text().startswith("## concadvise: "))
        self.assertRegex(summary.read_text(), r"\| new \| CA2001 \| high \|")
        results = exports.sarif(self, (self.folder / "concadvise.sarif").read_bytes())
        self.assertIn("CA2001", [result["ruleId"] for result in results])
        places = [place["physicalLocation"]["artifactLocation"]["uri"] for result in results for place in result["locations"]]
        self.assertTrue(any(place.endswith("tests/benchmark.py") for place in places), places)

        self.assertEqual(self.step("make it the baseline").returncode, 0)
        self.assertNotEqual((self.folder / "main.json").read_bytes(), baseline)

    def test_what_it_builds_with(self):
        """The tests can't fetch it; what comes after the clone is the script that this project is built by."""
        clone, build = self.steps["build concadvise"]["run"].split(" && ")
        self.assertEqual(clone, f'git clone --depth 1 "$CONCADVISE_REPOSITORY" {INSTALLED}')
        self.assertEqual(build, f"{INSTALLED}/quickstart")
        self.assertTrue(os.access(support.ROOT / "quickstart", os.X_OK))

    def test_the_baseline_that_is_saved_is_found_again(self):
        """Keys of the cache can't be written twice: each is new, and looked for by how they begin."""
        restore, save = (step["with"] for step in self.actions if step["uses"].startswith("actions/cache/"))
        self.assertEqual(restore["path"], save["path"])
        self.assertTrue(save["key"].startswith(restore["restore-keys"]))
        self.assertIn("github.sha", save["key"])


if __name__ == "__main__":
    unittest.main()
