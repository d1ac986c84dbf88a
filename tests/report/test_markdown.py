# SPDX-License-Identifier: BSD-2-Clause
"""The Markdown among the golden files, as GitHub's own parser reads it. test_markdown.py RUNS_DIRECTORY DIFFS_DIRECTORY"""
import html.parser
import pathlib
import subprocess
import sys
import unittest

RUNS = [pathlib.Path(sys.argv[1]) / f"{story}.md" for story in ("convoy", "short", "hostile")]
DIFFS = [pathlib.Path(sys.argv[2]) / f"{story}.md" for story in ("faster", "tie", "attached", "hostile")]
PLAIN = {"h2", "h3", "p", "code", "strong", "pre", "ul", "ol", "li", "table", "thead", "tbody", "tr", "th", "td", "hr", "br"}


class Page(html.parser.HTMLParser):
    """Which tags there are, and how many cells the rows of each table have."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.tables, self.titles = set(), [], []
        self.in_title = False
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append(0)
        elif tag in ("td", "th"):
            self.tables[-1][-1] += 1
        self.in_title = tag in ("h2", "h3")

    def handle_data(self, data):
        if self.in_title:
            self.titles.append(data)
            self.in_title = False


def rendered(path):
    """With raw HTML passed through and every extension of GitHub's on: what is there must come from our own marks."""
    argv = ["cmark-gfm", "--unsafe", "-e", "table", "-e", "autolink", "-e", "strikethrough", path]
    return Page(subprocess.run(argv, check=True, capture_output=True).stdout.decode())


class MarkdownTest(unittest.TestCase):
    def test_sections(self):
        titles = rendered(RUNS[0]).titles
        self.assertIn("PROCESSES", titles[0])
        for title in ("What to do", "Findings", "Evidence", "What would change the answer"):
            self.assertIn(title, titles)
        titles = rendered(DIFFS[0]).titles
        self.assertIn("3.3x faster", titles[0])
        for title in ("The forecast, and what happened", "Where thread time went", "Findings", "The two runs"):
            self.assertIn(title, titles)

    def test_tables_are_whole(self):
        for path in RUNS + DIFFS:
            for rows in rendered(path).tables:
                self.assertGreater(len(rows), 1)
                self.assertEqual(len(set(rows)), 1, rows)

    def test_nothing_that_the_target_named_is_markup(self):
        for stories in (RUNS, DIFFS):
            self.assertEqual(len(rendered(stories[0]).tables), len(rendered(stories[-1]).tables))
            for path in stories:
                self.assertLessEqual(rendered(path).tags, PLAIN)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
