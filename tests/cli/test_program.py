# SPDX-License-Identifier: BSD-2-Clause
"""The program where no probe is needed: wrong use, help, explain, broken files. test_program.py CONCADVISE TREE_JSON"""
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

PROGRAM = sys.argv[1]
TREE = pathlib.Path(sys.argv[2])


def run(*arguments, **popen):
    environment = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "NO_COLOR")}
    argv = [PROGRAM, *map(str, arguments)]
    done = subprocess.run(argv, capture_output=True, env=environment, stdin=subprocess.DEVNULL, timeout=60, **popen)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


class FolderCase(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="concadvise-cli-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.marker = self.folder / "started"

    def assert_refused(self, arguments, status, *words):
        code, out, err = run(*arguments)
        self.assertEqual(code, status, err)
        self.assertEqual(out, "")
        for word in words:
            self.assertIn(word, err)
        self.assertFalse(self.marker.exists(), "the target was started")
        self.assertLess(len(err.splitlines()), 12, err)


class UsageTest(FolderCase):
    def test_alone(self):
        self.assert_refused([], 2, "usage:")

    def test_wrong_use_starts_nothing(self):
        touch = ["--", "touch", self.marker]
        self.assert_refused(["--no-such-option", *touch], 125, "--no-such-option")
        self.assert_refused(["--cpus", "zero", *touch], 125, "zero", "not started")
        self.assert_refused(["-d", "0s", *touch], 125, "0s", "not started")
        self.assert_refused(["-f", "pdf", *touch], 125, "pdf", "not started")
        self.assert_refused(["-p", "1", *touch], 125, "takes no command", "not started")
        self.assert_refused(["--no-evidence"], 125, "no command")
        self.assert_refused(["-o"], 125, "needs a value")

    def test_places_are_checked_before_the_start(self):
        touch = ["--", "touch", self.marker]
        self.assert_refused(["--save", self.folder / "no/run.json", *touch], 125, "no/run.json", "not started")
        self.assert_refused(["-o", self.folder / "no/report.json", *touch], 125, "no/report.json", "not started")
        self.assert_refused(["--save", self.folder, *touch], 125, "directory", "not started")

    def test_message_is_escaped(self):
        code, _, err = run("--cpus", "\x1b[31m\u202e", "--", "true")
        self.assertEqual(code, 125)
        self.assertNotIn("\x1b", err)
        self.assertNotIn("\u202e", err)

    def test_help(self):
        code, out, err = run("--help")
        self.assertEqual((code, err), (0, ""))
        self.assertIn("--fail-on", out)


class VersionTest(FolderCase):
    def features(self):
        code, out, err = run("-V")
        self.assertEqual((code, err), (0, ""))
        first, *lines = out.splitlines()
        self.assertRegex(first, r"^concadvise \d+\.\d+\.\d+$")
        self.assertLess(len(lines), 8)
        self.assertLessEqual(max(map(len, lines)), 80)
        return {line.split()[0]: line.split(maxsplit=1)[1].split(", ") for line in lines}

    def test_what_it_names_is_what_options_take(self):
        """What is offered is taken, and what a refusal lists is offered: no format is left out."""
        features = self.features()
        file = self.folder / "none.json"
        for option, name, before in (("-f", "reports", ["report", file]), ("--to", "exports", ["export", file])):
            for word in features[name]:
                self.assertIn("none.json", run(*before, option, word)[2], word)
            listed = run(*before, option, "pdf")[2].split("expected ")[1].split(".")[0]
            self.assertEqual(listed.replace(" or ", ", ").split(", "), features[name])
        for word in features["probes"]:
            self.assertIn("no command", run(f"--probe={word}")[2])
        self.assertEqual(features["probes"], ["bpf", "procfs"])
        self.assertIn("native code", features["stacks"])
        self.assertIn("CPython 3.6-3.13", features["stacks"])

    def test_versions_of_libraries(self):
        """Those in use, which are those of the build machine."""
        libraries = dict(item.split(" ", 1) for item in self.features()["libraries"])
        for name, package in (("libbpf", "libbpf"), ("elfutils", "libdw"), ("jansson", "jansson")):
            asked = subprocess.run(["pkg-config", "--modversion", package], capture_output=True, text=True, check=True)
            self.assertEqual(libraries[name].split(".")[:2], asked.stdout.strip().split(".")[:2], name)

    def test_full_device(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([PROGRAM, "-V"], stdout=full, stderr=subprocess.PIPE, timeout=60)
        self.assertEqual(done.returncode, 2)
        self.assertIn(b"No space left", done.stderr)


class ExplainTest(FolderCase):
    def test_finding_by_id_number_and_slug(self):
        texts = {run("explain", name)[1] for name in ("CA2001", "2001", "interpreter-lock-convoy")}
        self.assertEqual(len(texts), 1)
        self.assertIn("CA2001", texts.pop())

    def test_list(self):
        code, out, err = run("explain", "findings")
        self.assertEqual((code, err), (0, ""))
        ids = [line.split()[0] for line in out.splitlines() if line.startswith("CA")]
        self.assertEqual(ids, sorted(set(ids)))
        for name in ids:
            self.assertIn(name, run("explain", name)[1])

    def test_unknown(self):
        self.assert_refused(["explain", "CA0000"], 2, "CA0000", "CA2001")
        self.assert_refused(["explain"], 2, "explain")

    def test_tree(self):
        code, out, err = run("explain", "tree")
        self.assertEqual((code, err), (0, ""))
        self.assertIn("interpreter lock", out)
        self.assertEqual(run("explain", "tree", "--tree", TREE)[1], out)

    def test_reader_that_had_enough(self):
        reader, writer = os.pipe()
        os.close(reader)
        done = subprocess.run([PROGRAM, "explain", "tree"], stdout=writer, stderr=subprocess.PIPE, timeout=60)
        os.close(writer)
        self.assertEqual((done.returncode, done.stderr), (0, b""))

    def test_full_device_and_closed_stdout(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([PROGRAM, "explain", "tree"], stdout=full, stderr=subprocess.PIPE, timeout=60)
        self.assertEqual(done.returncode, 2)
        self.assertIn(b"No space left", done.stderr)
        closed = ["/bin/sh", "-c", 'exec "$@" >&-', "sh", PROGRAM, "explain", "tree"]
        done = subprocess.run(closed, stderr=subprocess.PIPE, timeout=60)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn(b"stdout", done.stderr)


class FileTest(FolderCase):
    def write(self, name, content):
        path = self.folder / name
        path.write_bytes(content)
        return path

    def test_report_on_what_is_no_measurement(self):
        self.assert_refused(["report", self.folder / "none.json"], 2, "none.json", "No such file")
        for content in (b"", b"hello", b"{}", b'{"concadvise_measurement": 1', b"[" * 100000, b"\xff\xfe\0"):
            with self.subTest(content=content[:30]):
                self.assert_refused(["report", self.write("run.json", content)], 2, "run.json")
        self.assert_refused(["report", self.folder], 2, str(self.folder))

    def test_tree_with_an_error(self):
        bad = self.write("tree.json", b'{\n  "nodes": [\n    oops\n')
        self.assert_refused(["--tree", bad, "--", "touch", self.marker], 125, "tree.json:3", "not started")
        self.assert_refused(["explain", "tree", "--tree", bad], 2, "tree.json:3")
        missing = self.folder / "none.json"
        self.assert_refused(["--tree", missing, "--", "touch", self.marker], 125, "none.json", "not started")

    def test_tree_with_a_reference_to_nowhere(self):
        text = TREE.read_text().replace('"yes": "data_complete"', '"yes": "nowhere-at-all"')
        self.assertIn("nowhere-at-all", text, "the tree moved: adapt this test")
        bad = self.write("tree.json", text.encode())
        self.assert_refused(["--tree", bad, "--", "touch", self.marker], 125, "tree.json:", "nowhere-at-all")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
