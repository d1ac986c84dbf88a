# SPDX-License-Identifier: BSD-2-Clause
"""Completions and manual page name every option of --help, and real shells and man read them.
test_describe.py CONCADVISE COMPLETIONS_FOLDER MANUAL_PAGE"""
import pathlib
import re
import shutil
import subprocess
import sys
import unittest

PROGRAM = sys.argv[1]
FOLDER = pathlib.Path(sys.argv[2])
MANUAL = pathlib.Path(sys.argv[3])


def output(*argv):
    return subprocess.run(list(map(str, argv)), check=True, capture_output=True, timeout=60).stdout.decode()


def options():
    names = re.findall(r"^  (?:-\w, |    )--([a-z-]+)", output(PROGRAM, "--help"), re.MULTILINE)
    assert len(names) > 15, names
    return names


class DescribeTest(unittest.TestCase):
    def test_every_option_is_there(self):
        manual = MANUAL.read_text().replace("\\", "")
        for name in options():
            self.assertRegex((FOLDER / "concadvise").read_text(), rf"[ |]--{name}[ |)']")
            self.assertRegex((FOLDER / "_concadvise").read_text(), rf"'\*?--{name}=?\[")
            self.assertIn(f" -l {name} ", (FOLDER / "concadvise.fish").read_text())
            self.assertIn(f"fB--{name}fR", manual)

    def complete(self, *words):
        script = f"""source {FOLDER / 'concadvise'}; COMP_WORDS=({' '.join(f"'{w}'" for w in words)}); COMP_CWORD={len(words) - 1}
            _concadvise; printf '%s\\n' "${{COMPREPLY[@]}}" """
        return output("bash", "--norc", "-c", script).split()

    def test_bash(self):
        self.assertEqual(self.complete("concadvise", "rep"), ["report", "replay"])
        self.assertEqual(self.complete("concadvise", "--format", "j"), ["json"])
        self.assertEqual(self.complete("concadvise", "export", "x", "--to", "pe"), ["perfetto"])
        self.assertEqual(self.complete("concadvise", "explain", "CA200"), ["CA2001"])
        self.assertEqual(self.complete("concadvise", "--evidence"), ["--evidence-time"])
        self.assertIn("bash", self.complete("concadvise", "--", "bas"))

    def test_other_shells_read_theirs(self):
        for shell, name in (("zsh", "_concadvise"), ("fish", "concadvise.fish")):
            if not shutil.which(shell):
                self.skipTest(f"{shell} is not installed (./quickstart test installs it)")
            output(shell, "-n", FOLDER / name)

    def test_manual(self):
        done = subprocess.run(["man", "-l", "--warnings", "-Tutf8", str(MANUAL)], capture_output=True, timeout=60)
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        text = re.sub(".\b", "", done.stdout.decode())  # letters in bold are struck twice
        for section in ("SYNOPSIS", "EXIT STATUS", "EXAMPLES"):
            self.assertIn(section, text)
        codes = re.findall(r"^\.B (\d{3})$", MANUAL.read_text(), re.MULTILINE)
        self.assertEqual(codes, ["125", "126", "127"])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
