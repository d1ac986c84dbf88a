# SPDX-License-Identifier: BSD-2-Clause
"""Several runs of one command (-r), what changed between two of them (diff), and replays of a saved one (replay)."""
import contextlib
import html
import json
import os
import pathlib
import pty
import re
import signal
import subprocess
import tempfile
import time
import unittest

import jsonschema
import support

# Twenty waits of 50 ms: a second one after another, a tenth of it with ten threads.
SERIAL = "import time\nfor _ in range(20):\n    time.sleep(0.05)\n"
THREADS = (
    "import time\nfrom concurrent.futures import ThreadPoolExecutor\n"
    "with ThreadPoolExecutor(10) as pool:\n    list(pool.map(time.sleep, [0.05] * 20))\n"
)
SCHEMA = json.loads((support.ROOT / "report/diff.schema.json").read_text())
REPORT_SCHEMA = json.loads((support.ROOT / "report/report.schema.json").read_text())


class FolderCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="concadvise-diff-")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)

    def diff(self, before, after, *options):
        done = support.run("diff", *options, before, after)
        self.assertEqual((done.status, done.stderr), (0, b""), str(done))
        return done.stdout.decode()

    def diff_json(self, before, after):
        document = json.loads(self.diff(before, after, "-f", "json"))
        jsonschema.validate(document, SCHEMA)
        return document


class DiffTest(FolderCase):
    """One program before and after a change, each measured three times."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.program = cls.folder / "app.py"
        for name, text, options in (
            ("before", SERIAL, ("--evidence-time", "3s")),
            ("again", SERIAL, ("--no-evidence",)),
            ("after", THREADS, ("--no-evidence",)),
        ):
            cls.program.write_text(text)
            saved, report = cls.folder / f"{name}.json", cls.folder / f"{name}.report.json"
            done = support.run(
                "-r", "3", *options, "--save", saved, "-o", report, "--", support.PYTHON, cls.program
            )
            assert done.status == 0, str(done)
            setattr(cls, name, saved)
            setattr(cls, name + "_report", report)

    def test_runs_are_in_the_report(self):
        report = json.loads(self.before_report.read_text())
        jsonschema.validate(report, REPORT_SCHEMA)
        walls = sorted(run["wall_ns"] for run in report["measurement"]["runs"])
        self.assertEqual(len(walls), 3)
        self.assertEqual(report["measurement"]["wall_ns"], walls[1], "the middle run is the one analysed")
        self.assertGreaterEqual(walls[0], 1_000_000_000)
        support.on_cpu_and_waits_add_up(self, report)
        for run in report["measurement"]["runs"]:
            parts = run["on_cpu_ns"] + run["runnable_ns"] + sum(run["blocked_ns"].values()) + run["unattributed_ns"]
            self.assertEqual(parts, run["thread_time_ns"])
        self.assertIn(b"RUNS      3 runs, ", support.run("report", self.before).stdout)

    def test_faster(self):
        document = self.diff_json(self.before, self.after)
        verdict = document["verdict"]
        self.assertEqual(verdict["result"], "faster")
        self.assertEqual(verdict["method"], "mann_whitney")
        self.assertGreater(verdict["ratio"], 2)
        self.assertGreater(verdict["interval"][0], 1)
        self.assertEqual(set(document["caveats"]) - {"busy_machine"}, set())
        self.assertEqual(document["before"]["current"]["model"], "serial")
        self.assertEqual(document["after"]["current"]["model"], "threads")
        changes = {finding["id"]: finding["change"] for finding in document["findings"]}
        self.assertEqual(changes["CA3001"], "gone", changes)
        # The same work: as much sleep on both sides, over ten threads instead of one.
        (sleep,) = [row for row in document["thread_time"] if row["bucket"] == "sleep"]
        for side in ("before_ns", "after_ns"):
            self.assertGreaterEqual(sleep[side], 1_000_000_000)
        for side in ("before", "after"):
            rows = sum(row[f"{side}_ns"] for row in document["thread_time"])
            self.assertEqual(rows, document[side]["thread_time_ns"])

    def test_forecast_is_held_against_what_happened(self):
        document = self.diff_json(self.before, self.after)
        forecast, advice = document["forecast"], document["before"]["recommendation"]
        wanted = "recommended" if advice["model"] == "threads" else "other_model"
        self.assertEqual(forecast["kind"], wanted)
        self.assertEqual(forecast["measured_ns"], document["after"]["wall_ns"])
        error = (forecast["expected_ns"] - forecast["measured_ns"]) / forecast["measured_ns"]
        self.assertAlmostEqual(forecast["error"], error, 9)
        self.assertLess(forecast["expected_ns"], document["before"]["wall_ns"])

    def test_text(self):
        text = self.diff(self.before, self.after)
        self.assertRegex(text, r"VERDICT   AFTER is \d+(\.\d)?x faster: ")
        self.assertRegex(text, r"serial -> threads \(1[01]\)")
        self.assertIn("FORECAST", text)
        self.assertLessEqual(max(map(len, text.splitlines())), 80)

    def test_the_other_way_round_is_slower(self):
        document = self.diff_json(self.after, self.before)
        self.assertEqual(document["verdict"]["result"], "slower")
        self.assertLess(document["verdict"]["interval"][1], 1)

    def test_the_same_program_twice_is_a_tie(self):
        document = self.diff_json(self.before, self.again)
        self.assertEqual(document["verdict"]["result"], "tie", document["verdict"])
        self.assertIn("(tie)", self.diff(self.before, self.again))
        self.assertEqual({finding["change"] for finding in document["findings"]} - {"still", "changed"}, set())
        # The advice was another model, the program is what it was.
        self.assertEqual(document["forecast"]["kind"], "not_followed")

    def test_reports_serve_as_well_as_measurements(self):
        saved = self.diff_json(self.before, self.after)
        for before, after in ((self.before_report, self.after), (self.before_report, self.after_report)):
            mixed = self.diff_json(before, after)
            for document in (saved, mixed):
                for side in ("before", "after"):
                    document[side].pop("file", None)
            self.assertEqual(mixed, saved)

    def test_to_files(self):
        text, document = self.folder / "diff.txt", self.folder / "diff.json"
        done = support.run("diff", self.before, self.after, "-o", text, "-o", document)
        self.assertEqual((done.status, done.stdout), (0, b""), str(done))
        self.assertIn("VERDICT", text.read_text())
        jsonschema.validate(json.loads(document.read_text()), SCHEMA)

    def test_pages(self):
        """The page and the Markdown say what the JSON says."""
        page, ticket = self.folder / "diff.html", self.folder / "diff.md"
        done = support.run("diff", self.before, self.after, "-o", page, "-o", ticket)
        self.assertEqual((done.status, done.stdout), (0, b""), str(done))
        self.assertIn(b"faster: ", done.stderr)
        document, page, ticket = self.diff_json(self.before, self.after), page.read_text(), ticket.read_text()
        self.assertEqual(ticket, self.diff(self.before, self.after, "-f", "markdown"))
        title = html.unescape(re.search("<h1>(.*?)</h1>", page)[1])
        self.assertRegex(title, r"^AFTER is \d+(\.\d)?x faster: ")
        self.assertEqual(ticket.splitlines()[0], f"## concadvise: {title}")
        embedded = re.search(r'<script type="application/json" id="report"[^>]*>(.*?)</script>', page, re.DOTALL)[1]
        self.assertEqual(json.loads(embedded), document)
        self.assertEqual(page.count('class="dot"'), 6)
        for finding in document["findings"]:
            change = {True: "worse", False: "better"}[finding["worse"]] if finding["change"] == "changed" else finding["change"]
            self.assertIn(f"| {change} | {finding['id']} |", ticket)
            self.assertRegex(page, rf'"change {change}">{change}</span> {finding["id"]} ')

    def test_what_is_neither_is_refused(self):
        for path, word in ((self.program, b"neither"), (self.folder, b"directory"), (self.folder / "no", b"No such")):
            done = support.run("diff", self.before, path)
            self.assertEqual((done.status, done.stdout), (2, b""))
            self.assertIn(word, done.stderr)


class SingleRunTest(FolderCase):
    def test_single_runs_are_judged_by_the_rule(self):
        for name, seconds in (("a", "0.2"), ("b", "0.6")):
            done = support.run("--no-evidence", "--save", self.folder / name, "--", "/bin/sleep", seconds)
            self.assertEqual(done.status, 0, str(done))
        document = self.diff_json(self.folder / "a", self.folder / "b")
        self.assertEqual((document["verdict"]["method"], document["verdict"]["result"]), ("rule", "slower"))
        self.assertGreaterEqual(document["verdict"]["noise_share"], 0.1)
        self.assertEqual(set(document["caveats"]) - {"busy_machine"}, {"command"})
        self.assertIn("One run each", self.diff(self.folder / "a", self.folder / "b"))

    def test_hostile_names_do_not_reach_the_terminal(self):
        evil = "\x1b]0;owned\x07\u202e"
        path = self.folder / "evil\x1b[31m.json"
        done = support.run("--no-evidence", "--save", path, "--", "/bin/sh", "-c", "sleep 0.2", evil)
        self.assertEqual(done.status, 0, str(done))
        text = self.diff(path, path)
        for bad in ("\x1b", "\x07", "\u202e"):
            self.assertNotIn(bad, text)
        self.assertIn(r"\x1b", text)


class RunsTest(FolderCase):
    def count_script(self, name, rest):
        """A shell script that appends a line to a file of its own on each run."""
        self.marks = self.folder / name
        return ["/bin/sh", "-c", f"echo run >> {self.marks}; {rest}"]

    def runs(self):
        return len(self.marks.read_text().splitlines())

    def test_output_of_all_runs_input_for_the_first(self):
        argv = [support.CONCADVISE, "--no-evidence", "-r", "3", "--", "/bin/sh", "-c", "cat; echo end"]
        done = subprocess.run(argv, input=b"in\n", capture_output=True, timeout=support.TIMEOUT_S)
        self.assertEqual((done.returncode, done.stdout), (0, b"in\nend\nend\nend\n"))
        self.assertIn(b"only the first of 3 runs", done.stderr)

    def test_the_status_line_counts_the_runs(self):
        master, slave = pty.openpty()
        argv = [support.CONCADVISE, "--no-evidence", "-r", "2", "--", "/bin/sleep", "0.8"]
        environment = support.target_environment(TERM="xterm")
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=slave, env=environment)
        os.close(slave)
        shown = b""
        with contextlib.suppress(OSError):  # EIO: the other end is closed
            while chunk := os.read(master, 65536):
                shown += chunk
        os.close(master)
        self.assertEqual(process.wait(support.TIMEOUT_S), 0)
        for run in (b"run 1/2 | ", b"run 2/2 | "):
            self.assertIn(run, shown)

    def test_no_warning_without_input(self):
        done = support.run("--no-evidence", "-r", "2", "--", "/bin/true")
        self.assertEqual(done.status, 0, str(done))
        self.assertNotIn(b"only the first", done.stderr)

    def test_a_failing_run_is_the_last(self):
        command = self.count_script("fails", f"[ $(wc -l < {self.folder}/fails) -lt 3 ] || exit 7; sleep 0.1")
        report = self.folder / "fails.json"
        done = support.run("--no-evidence", "-r", "5", "-o", report, "--", *command)
        self.assertEqual(done.status, 7, str(done))
        self.assertEqual(self.runs(), 3)
        self.assertIn(b"run 3 of 5 ended with exit status 7", done.stderr)
        document = json.loads(report.read_text())
        self.assertEqual(len(document["measurement"]["runs"]), 2)
        self.assertEqual(document["target"]["exit_status"], 0)

    def test_a_first_run_that_fails_is_reported(self):
        command = self.count_script("first", "exit 4")
        done = support.run("--no-evidence", "-r", "5", "-f", "json", "--", *command)
        self.assertEqual((done.status, self.runs()), (4, 1), str(done))
        document = json.loads(done.stdout)
        self.assertEqual((document["target"]["exit_status"], document["measurement"]["runs"]), (4, []))

    def interrupted(self, name, rest):
        """Ctrl-C in the second run, told to concadvise alone, which passes it on."""
        command = self.count_script(name, f"[ $(wc -l < {self.folder / name}) -lt 2 ] || {rest}")
        report = self.folder / f"{name}.json"
        argv = [support.CONCADVISE, "--no-evidence", "-r", "4", "-o", report, "--", *command]
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        deadline = time.monotonic() + 30
        while (not self.marks.exists() or self.runs() < 2) and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(0.2)  # the shell has reached its sleep, or its trap
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=support.TIMEOUT_S)
        self.assertEqual(self.runs(), 2)
        self.assertIn(b"interrupted in run 2 of 4", err)
        document = json.loads(report.read_text())
        self.assertEqual((document["target"]["exit_status"], document["measurement"]["runs"]), (0, []))
        return process.returncode

    def test_an_interrupt_ends_the_runs(self):
        self.assertEqual(self.interrupted("dies", "exec sleep 30"), -signal.SIGINT)

    def test_an_interrupt_that_the_program_takes_ends_the_runs(self):
        trap = f"exec {support.PYTHON} -c 'import signal, sys; signal.signal(2, lambda *_: sys.exit(0)); signal.pause()'"
        self.assertEqual(self.interrupted("takes", trap), 0)

    def test_duration_limits_each_run(self):
        report = self.folder / "limited.json"
        done = support.run("--no-evidence", "-r", "3", "-d", "300ms", "-o", report, "--", "/bin/sleep", "30")
        self.assertEqual(done.status, 0, str(done))
        runs = json.loads(report.read_text())["measurement"]["runs"]
        self.assertEqual(len(runs), 3)
        for run in runs:
            self.assertGreaterEqual(run["wall_ns"], 300_000_000)
            self.assertLess(run["wall_ns"], 5_000_000_000)

    def test_a_program_that_does_not_end_gets_no_more_runs(self):
        script = "import signal, time; signal.signal(15, signal.SIG_IGN); print(__import__('os').getpid(), flush=True)"
        argv = ["--no-evidence", "-r", "3", "-d", "500ms", "--", support.PYTHON, "-c", script + "; time.sleep(30)"]
        done = support.run(*argv)
        (pid,) = map(int, done.stdout.split())
        os.kill(pid, signal.SIGKILL)
        self.assertEqual(done.status, 0, str(done))
        self.assertIn(b"does not end", done.stderr)


class ReplayTest(FolderCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.saved = cls.folder / "run.json"
        done = support.run("--no-evidence", "--save", cls.saved, "--", support.PYTHON, "-c", SERIAL)
        assert done.status == 0, str(done)

    def test_new_replays(self):
        replayed = self.folder / "replayed.json"
        done = support.run("replay", self.saved, "-f", "json", "--save", replayed)
        self.assertEqual((done.status, done.stderr), (0, b""), str(done))
        document = json.loads(done.stdout)
        jsonschema.validate(document, REPORT_SCHEMA)
        self.assertGreaterEqual(document["evidence"]["runs"], 3)
        sources = {row["source"] for row in document["evidence"]["models"]}
        self.assertIn("replay", sources)
        self.assertEqual(json.loads(self.saved.read_text())["replays"], [], "the file that was read stays as it is")
        again = json.loads(support.run("report", replayed, "-f", "json").stdout)
        self.assertEqual(again, document)

    def test_without_the_interpreter(self):
        document = json.loads(self.saved.read_text())
        document["target"]["runtime"]["executable"] = "/nowhere/python3.11"
        moved, out = self.folder / "moved.json", self.folder / "out.json"
        moved.write_text(json.dumps(document))
        done = support.run("replay", moved, "--save", out)
        self.assertEqual((done.status, done.stdout), (2, b""), str(done))
        self.assertIn(b"/nowhere/python3.11", done.stderr)
        self.assertIn(b"interpreter", done.stderr)
        self.assertFalse(out.exists())

    def test_nothing_to_replay_still_has_a_report(self):
        """Where the threads have no rows there is no work to run again."""
        document = json.loads(self.saved.read_text())
        document["threads"] = []
        document["loss"]["threads_omitted"] = 1
        bare = self.folder / "bare.json"
        bare.write_text(json.dumps(document))
        done = support.run("replay", bare)
        self.assertEqual(done.status, 0, str(done))
        self.assertIn(b"no replay", done.stderr)
        self.assertIn(b"VERDICT", done.stdout)

    def test_broken_files(self):
        broken = self.folder / "broken.json"
        broken.write_text("{")
        for path in (broken, self.folder / "none.json"):
            done = support.run("replay", path)
            self.assertEqual((done.status, done.stdout), (2, b""))
            self.assertIn(path.name.encode(), done.stderr)


if __name__ == "__main__":
    unittest.main()
