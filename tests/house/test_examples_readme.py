# SPDX-License-Identifier: BSD-2-Clause
"""The table in examples/README.md says what the examples' headers say. `python3 <this file> --update` rewrites it."""
import pathlib
import re
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
README = ROOT / "examples" / "README.md"
sys.path.insert(0, str(ROOT / "tests" / "e2e"))
import support  # noqa: E402 (the reader of the headers lives with the end-to-end tests)

# Findings that no program on this machine shows within seconds, each with its reason; tests/analyzer/flaws.c has them.
NO_EXAMPLE = {
    "CA5001": "takes most of the machine's memory",
    "CA6001": "takes ten minutes on full CPUs",
    "CA9002": "takes a probe that loses events",
    "CA9004": "takes an interpreter without dynamic symbols",
    "CA9006": "takes another probe",
}

HEAD = "| example | what it is | expected advice |\n|---|---|---|\n"


def first_paragraph(path):
    """What the example is, in its own words."""
    lines = [re.sub(r"^(#|//| \*|/\*) ?", "", line) for line in path.read_text().splitlines()]
    return " ".join("\n".join(lines[1:]).strip().split("\n\n")[0].split())


def expectation(example):
    models = " or ".join(model or "no verdict" for model in example.models)
    return ", ".join(filter(None, [models, " or ".join(example.changes or []), ", ".join(example.wanted)]))


def table():
    rows = []
    for example in support.examples():
        place = example.path.relative_to(README.parent).as_posix()
        rows.append(f"| [{example.path.stem}]({place}) | {first_paragraph(example.path)} | {expectation(example)} |\n")
    return HEAD + "".join(rows)


class ExamplesReadmeTest(unittest.TestCase):
    def test_table_is_up_to_date(self):
        self.assertTrue(README.read_text().endswith(table()), f"run: python3 {pathlib.Path(__file__).name} --update")

    def test_every_example_tells_folklore_and_measurement(self):
        for example in support.examples():
            with self.subTest(example=example.name):
                head = "\n".join(example.path.read_text().splitlines()[:20])
                self.assertRegex(head, "Folklore")
                self.assertRegex(head, "[Mm]easure")

    def test_every_finding_has_an_example_and_a_near_miss(self):
        ids = {f"CA{number}" for number in re.findall(r"X\((\d{4}), ", (ROOT / "analyzer/findings/findings.h").read_text())}
        examples = support.examples()
        self.assertGreater(len(ids), 25)
        self.assertLessEqual(set(NO_EXAMPLE), ids)
        for kind in ("wanted", "unwanted"):
            seen = {name for example in examples for name in getattr(example, kind)}
            self.assertEqual(seen - ids, set())
            self.assertEqual(ids - seen - set(NO_EXAMPLE), set(), kind)


if __name__ == "__main__":
    if "--update" in sys.argv:
        README.write_text(README.read_text().split(HEAD)[0] + table())
    else:
        unittest.main()
