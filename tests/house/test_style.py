# SPDX-License-Identifier: BSD-2-Clause
"""The habits that a machine can check: format, licence lines, sizes, names, tests that mirror the tree."""
import pathlib
import re
import shutil
import subprocess
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]

# Longer than 500 lines, each with its reason.
LONG_FILES = {
    "analyzer/replay/cpython.py": "a replayer is one file: the target's interpreter runs it with nothing beside it",
    "analyzer/replay/node.js": "the same, and node's",
    "tests/analyzer/replay/test_replay.c": "real replays, and one case for each way a replayer can misbehave",
    "probe/measurement_json.c": "both directions of one format, and the only file of its room that may see jansson",
    "tests/analyzer/profile/test_profile.c": "one case for each shape a program can have",
    "tests/analyzer/test_recommend.c": "one case for each rule",
    "tests/probe/test_measurement_json.c": "one case for each way a file can be broken",
}

# Tests of several sources at once, each with its reason.
TESTS_OF_SEVERAL = {
    "tests/analyzer/replay/test_replayers.c": "native.c, cpython.py and node.js are programs behind one protocol, tested alike",
    "tests/analyzer/replay/test_replayer_costs.c": "the same",
}


def tracked(*suffixes):
    """Files of the project (not of a build folder) with these suffixes, relative to the root."""
    listed = subprocess.run(
        ["git", "-C", ROOT, "ls-files", "--cached", "--others", "--exclude-standard"], capture_output=True, text=True
    )
    if listed.returncode == 0:
        names = listed.stdout.splitlines()
    else:  # an unpacked archive without git
        names = [path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*") if path.is_file()]
        names = [name for name in names if not re.match(r"(build[^/]*|\.git)/", name)]
    return [name for name in names if name.endswith(suffixes) and (ROOT / name).is_file()]


class StyleTest(unittest.TestCase):
    def test_there_is_something_to_check(self):
        self.assertGreater(len(tracked(".c", ".h")), 30)
        self.assertGreater(len(tracked(".py")), 30)

    def test_clang_format(self):
        self.assertIsNotNone(shutil.which("clang-format"), "clang-format is missing: ./quickstart test installs it")
        files = [name for name in tracked(".c", ".h") if "vmlinux" not in name]
        done = subprocess.run(["clang-format", "--dry-run", "-Werror", *files], capture_output=True, text=True, cwd=ROOT)
        complaints = [line for line in done.stderr.splitlines() if "error:" in line]
        self.assertEqual((done.returncode, complaints[:20]), (0, []), "run clang-format -i on these")

    def test_licence_line(self):
        """First line (second after #!): SPDX; BPF programs are dual-licensed, as the kernel asks."""
        problems = []
        for name in tracked(".c", ".h", ".py", ".js"):
            lines = (ROOT / name).read_text().splitlines() or [""]
            line = lines[1] if lines[0].startswith("#!") and len(lines) > 1 else lines[0]
            if "SPDX-License-Identifier: " not in line or "BSD-2-Clause" not in line:
                problems.append(name)
        self.assertEqual(problems, [])

    def test_no_file_is_too_long(self):
        problems = []
        for name in tracked(".c", ".h", ".py", ".js"):
            length = len((ROOT / name).read_text().splitlines())
            if length > 500 and name not in LONG_FILES and "vmlinux" not in name:
                problems.append(f"{name}: {length} lines; split it, or give the reason in {pathlib.Path(__file__).name}")
        self.assertEqual(problems, [])

    def test_headers_are_contracts(self):
        """#pragma once, then a paragraph on what the module knows."""
        problems = []
        for name in tracked(".h"):
            if "vmlinux" in name:
                continue
            head = "\n".join((ROOT / name).read_text().splitlines()[:12])
            if "#pragma once" not in head or "/*\n * " not in head:
                problems.append(name)
        self.assertEqual(problems, [])

    def test_no_typedefs_and_no_leading_underscores(self):
        problems = []
        for name in tracked(".c", ".h"):
            if "vmlinux" in name or name.startswith("examples/"):
                continue
            for number, line in enumerate((ROOT / name).read_text().splitlines(), 1):
                if re.match(r"typedef\b(?!.*\(\*\w+\))(?!\s+int \(\*)", line):
                    problems.append(f"{name}:{number}: {line.strip()}")
                if re.match(r"(static\s+)?(int|void|bool|struct \w+ ?\*?|char \*|uint64_t) ?\*?_(?!_attribute__)\w+\(", line):
                    problems.append(f"{name}:{number}: {line.strip()}")
        self.assertEqual(problems, [])

    def test_every_room_has_tests_that_mirror_it(self):
        """tests/<room>/test_<file>.c tests <room>/<file>.c: a test without its source is an orphan."""
        orphans = []
        for name in tracked(".c"):
            match = re.fullmatch(r"tests/(base|probe|analyzer|report|cli)/(.*/)?test_(\w+)\.c", name)
            if not match or name in TESTS_OF_SEVERAL:
                continue
            room, folder, stem = match[1], match[2] or "", match[3]
            candidates = [*(ROOT / room).rglob(stem + ".[ch]"), *(ROOT / room).rglob(stem + ".bpf.[ch]")]
            candidates += [*(ROOT / room).rglob(stem + ".json"), *(ROOT / room).rglob(stem + ".py")]
            candidates += [path for path in (ROOT / room).rglob(stem) if path.is_dir()]
            if not candidates:
                orphans.append(f"{name}: no {room}/{folder}{stem}.c")
        self.assertEqual(orphans, [])

    def test_every_finding_has_an_example_or_a_unit_test(self):
        """Ids of findings.h appear in an example's header or in the analyzer's tests."""
        header = (ROOT / "analyzer/findings/findings.h").read_text()
        ids = re.findall(r"X\((\d{4}), ", header)
        self.assertGreater(len(ids), 15)
        places = [*(ROOT / "examples").rglob("*.py"), *(ROOT / "examples").rglob("*.c")]
        places += [*(ROOT / "tests/analyzer").rglob("*.c"), *(ROOT / "tests/e2e").rglob("*.py")]
        text = "\n".join(path.read_text() for path in places)
        missing = [number for number in ids if number not in text]
        self.assertEqual(missing, [])


if __name__ == "__main__":
    unittest.main()
