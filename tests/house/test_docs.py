# SPDX-License-Identifier: BSD-2-Clause
"""The documents agree with what they are about: links lead somewhere, the table of limits is that of the tree, what the
cookbook quotes is what its programs are for. `python3 <this file> --update` rewrites the table of limits."""
import json
import pathlib
import re
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))
import cookbook  # noqa: E402 (the reader of the pages lives with the end-to-end tests)

DECIDES = ROOT / "docs" / "how-it-decides.md"
MARKS = "<!-- begin: limits, written by tests/house/test_docs.py --update -->\n", "<!-- end: limits -->\n"
COMPARISONS = {">=": "at least", "<": "below"}
DURATIONS = (60e9, "min"), (1e9, "s"), (1e6, "ms"), (1e3, "us")


def documents():
    return [ROOT / "README.md", ROOT / "examples" / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def anchors(path):
    """The headings of a file as its readers' sites name them."""
    headings = re.findall(r"^#+ (.*)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def limit_text(node):
    """A node's limit as people write it: 0.15 of a share is 15 %, 200000000 ns are 200 ms, a bool needs no word."""
    limit, unit, text = node["limit"], node["unit"], f"{node['limit']:g}"
    if unit == "bool":
        return ""
    if unit == "share":
        text = f"{limit * 100:g} %"
    elif unit == "ns":
        size, name = next(pair for pair in DURATIONS if limit >= pair[0])
        text = f"{limit / size:g} {name}"
    return f" {COMPARISONS[node['comparison']]} {text}"


def limits():
    """The table of docs/how-it-decides.md: every node of the tree in its order."""
    rows = ["| question | yes when | why there |\n|---|---|---|\n"]
    for node in json.loads((ROOT / "analyzer" / "tree.json").read_text())["nodes"]:
        rows.append(f"| {node['question']} | `{node['metric']}`{limit_text(node)} | {node['reason']} |\n")
    return "".join(rows)


class LinksTest(unittest.TestCase):
    def test_links_lead_somewhere(self):
        problems, seen = [], 0
        for document in documents():
            text = re.sub(r"^```.*?^```$", "", document.read_text(), flags=re.MULTILINE | re.DOTALL)
            for link in re.findall(r"\]\(([^)\s]+)\)", text):
                if re.match(r"[a-z]+:", link):
                    continue
                seen += 1
                name, _, anchor = link.partition("#")
                target = (document.parent / name).resolve() if name else document
                if not target.exists() or (anchor and anchor not in anchors(target)):
                    problems.append(f"{document.relative_to(ROOT)}: {link}")
        self.assertEqual(problems, [])
        self.assertGreater(seen, 100)

    def test_the_index_has_every_document(self):
        index = (ROOT / "docs" / "README.md").read_text()
        names = {path.relative_to(ROOT / "docs").as_posix() for path in documents() if ROOT / "docs" in path.parents}
        missing = {name for name in names - {"README.md"} if f"({name})" not in index and "cookbook/" not in name}
        self.assertEqual(missing, set())
        index = (ROOT / "docs" / "cookbook" / "README.md").read_text()
        self.assertEqual([page.name for page in cookbook.pages() if f"({page.name})" not in index], [])


class LimitsTest(unittest.TestCase):
    def test_every_limit_of_the_tree_has_its_reason_in_the_table(self):
        begin, end = MARKS
        self.assertEqual(DECIDES.read_text().split(begin)[1].split(end)[0], limits(), "run: test_docs.py --update")


class CalibrationTest(unittest.TestCase):
    def test_the_readme_says_what_was_measured(self):
        text = (ROOT / "docs" / "calibration.md").read_text()
        rows = [re.findall(rf"^\| {what} \| ([\d.]+) %", text, re.MULTILINE) for what in (
            "forecast error, median", "forecast error, 90th percentile", "right model, or within 5 % of the best")]
        (median, held_median), (most, held_most), (right, held_right) = [[f"{int(float(v) + 0.5)} %" for v in row] for row in rows]
        jobs = {path.name for path in (ROOT / "examples" / "corpus").iterdir()} - {"corpus.h", "corpus_args.py"}
        readme = (ROOT / "README.md").read_text()
        said = " ".join(readme[readme.index("**How far off is it?**") :].split("\n\n")[0].split())
        self.assertIn(f"Held against {len(jobs)} jobs", said)
        self.assertIn(f"half of the forecasts within {median}, nine of ten within {most}; the right model", said)
        self.assertIn(f"in {right} of the cases", said)
        self.assertIn(f"{held_median}, {held_most}, and {held_right}", said)


class FormatsTest(unittest.TestCase):
    def test_every_export_is_named_where_people_read_the_names(self):
        formats = re.findall(r'X\(REPORT_EXPORT_\w+, "(\w+)"', (ROOT / "report" / "report.h").read_text())
        self.assertGreater(len(formats), 4)
        for place in ("report/export/export.c", "cli/options_table.c", "cli/describe.c", "docs/exports.md"):
            said = re.findall(r'["`][^"`]*["`]', (ROOT / place).read_text())
            missing = [name for name in formats if not any(re.search(rf"\b{name}\b", text) for text in said)]
            self.assertEqual(missing, [], place)


class CookbookTest(unittest.TestCase):
    def setUp(self):
        self.recipes = [recipe for page in cookbook.pages() for recipe in cookbook.recipes(page)]

    def test_every_program_is_in_a_recipe(self):
        programs = {path for path in cookbook.PROGRAMS.rglob("*.*") if path.is_file()}
        self.assertEqual({program.path for recipe in self.recipes for program in recipe.programs}, programs)
        self.assertGreater(len(self.recipes), 20)

    def test_a_recipe_leads_from_a_finding_to_its_end(self):
        for recipe in self.recipes:
            with self.subTest(recipe=recipe.name):
                before, after = recipe.programs
                self.assertEqual((before.wanted, before.unwanted), (after.unwanted, after.wanted))
                (finding,) = before.wanted
                quoted = recipe.quoted("--save before.json")
                self.assertRegex(quoted, rf"(?m)^  {finding} ")
                said = " ".join(re.search(r"^VERDICT +(.*)$", quoted, re.MULTILINE)[1].lower().split()).replace(" + ", "+")
                self.assertTrue(any((model or "no verdict") in said for model in before.models), said)
                self.assertRegex(recipe.quoted("concadvise diff"), rf"(?m)^  gone +{finding} ")

    def test_the_change_shown_is_that_of_the_programs(self):
        """Each line taken out is in the program before, each line put in is in the one after; spaces aside."""
        for recipe in self.recipes:
            lines = [{line.strip() for line in program.path.read_text().splitlines()} for program in recipe.programs]
            change = re.search(r"^```diff\n(.*?)^```$", recipe.text, re.MULTILINE | re.DOTALL)
            with self.subTest(recipe=recipe.name):
                for line in change[1].splitlines():
                    if line[:1] in "-+":
                        self.assertIn(line[1:].strip(), lines[line[0] == "+"])


if __name__ == "__main__":
    if "--update" in sys.argv:
        before, rest = DECIDES.read_text().split(MARKS[0])
        DECIDES.write_text(before + MARKS[0] + limits() + MARKS[1] + rest.split(MARKS[1])[1])
    else:
        unittest.main()
