# SPDX-License-Identifier: BSD-2-Clause
"""Pages in a real browser: what is on them, that they ask for nothing, that they stay usable. test_html.py PROGRAM"""
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

import browser

DUMP = sys.argv[1]
STORIES = "convoy", "short", "hostile", "big"
MOST_BYTES = 5 << 20
FORBIDDEN = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")


class PageTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="concadvise-html-")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        subprocess.run([DUMP, folder.name], check=True)
        cls.browser = browser.Browser()
        cls.addClassCleanup(cls.browser.close)

    def open(self, story):
        page = self.browser.open(self.folder / f"{story}.html")
        self.assertEqual(page.messages, [])
        self.assertEqual(page.value("document.documentElement.dataset.ready"), "yes")
        return page

    def test_bytes(self):
        for story in STORIES:
            raw = (self.folder / f"{story}.html").read_bytes()
            self.assertLess(len(raw), MOST_BYTES, story)
            self.assertIsNone(FORBIDDEN.search(raw.decode()), story)
            self.assertNotRegex(raw.decode(), r"(src|href)=[\"']?(https?:)?//")
            self.assertIn("default-src 'none'", raw.decode())

    def test_nothing_is_asked_for(self):
        for story in STORIES:
            page = self.open(story)
            self.assertEqual([url for url in page.requests if not url.startswith("file:")], [])
            self.assertEqual(len(page.requests), 1, page.requests)

    def test_the_policy_is_in_force(self):
        """An image, a script and a style that somebody smuggles in are refused."""
        page = self.open("convoy")
        page.value("document.body.insertAdjacentHTML('beforeend', '<img src=\"https://example.invalid/x.png\">')")
        page.value("(() => { const s = document.createElement('script'); s.textContent = 'window.owned = 1'; document.body.append(s); })()")
        self.assertIsNone(page.value("window.owned"))
        self.assertTrue(any("Content Security Policy" in message for message in page.messages), page.messages)

    def test_sections(self):
        page = self.open("convoy")
        ids = page.value("[...document.querySelectorAll('section')].map((s) => s.id)")
        for section in ("verdict", "time", "findings", "evidence", "threads", "stacks", "tree", "notes", "quality"):
            self.assertIn(section, ids)
        self.assertIn("PROCESSES", page.value("document.querySelector('h1').innerText"))
        self.assertGreater(page.value("document.querySelectorAll('#evidence .dot').length"), 9)
        self.assertGreater(page.value("document.querySelectorAll('#evidence .curve').length"), 1)
        self.assertGreaterEqual(page.value("document.querySelectorAll('.way > li.taken').length"), 2)
        self.assertEqual(page.value("document.querySelectorAll('#findings article').length"), 2)

    def test_report_inside(self):
        """The JSON on the page is the JSON report."""
        for story in STORIES:
            report = json.loads(self.open(story).value("document.getElementById('report').textContent"))
            self.assertEqual(report["schema_version"], 1)
        self.assertIn("cut", self.open("big").value("document.getElementById('report').dataset.cut"))

    def test_copy(self):
        page = self.open("convoy")
        page.value("navigator.clipboard.writeText = async (text) => { window.copied = text; }")
        page.value("document.getElementById('copy').click()")
        self.assertEqual(page.value("new Promise((done) => setTimeout(() => done(document.getElementById('said').textContent), 100))"), "Copied.")
        self.assertTrue(page.value("window.copied").startswith("## concadvise: Use PROCESSES"))

    def test_hostile_names_are_text(self):
        page = self.open("hostile")
        expected = self.browser.open(self.folder / "convoy.html").value("[...new Set([...document.querySelectorAll('main *')].map((e) => e.tagName))].sort()")
        tags = self.open("hostile").value("[...new Set([...document.querySelectorAll('main *')].map((e) => e.tagName))].sort()")
        self.assertLessEqual(set(tags), set(expected))
        self.assertIn("\\x1b", page.value("document.body.innerText"))
        self.assertEqual(page.value("[...document.querySelectorAll('*')].flatMap((e) => [...e.attributes]).filter((a) => a.name.startsWith('on')).length"), 0)

    def test_flame_graph(self):
        page = self.open("convoy")
        whole = page.value("document.querySelectorAll('.flame g').length")
        self.assertGreater(whole, 3)
        page.value("[...document.querySelectorAll('#stacks input')].map((i) => { i.value = 'parse'; i.dispatchEvent(new Event('input')); })")
        self.assertGreater(page.value("document.querySelectorAll('.flame .found').length"), 0)
        page.value("document.querySelectorAll('.flame g')[1].focus()")
        page.key("Enter")
        self.assertLessEqual(page.value("document.querySelectorAll('.flame g').length"), whole)
        page.value("[...document.querySelectorAll('#stacks button')].find((b) => b.innerText === 'On-CPU').click()")
        self.assertIn("on-CPU", page.value("[...document.querySelectorAll('.flame text')].map((t) => t.textContent).join(' ')"))

    PIXELS = """(() => { const c = document.querySelector('#timeline canvas'), d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
        let sum = 0; for (let i = 0; i < d.length; i += 4) sum = (sum * 31 + d[i] + 7 * d[i + 1] + 13 * d[i + 2]) % 1000000007; return sum; })()"""

    def test_timeline(self):
        """Keys, search and buttons change the picture; 10,000 threads and a million slices are no other case."""
        for story in ("big", "convoy"):
            page = self.open(story)
            pictures = [page.value(self.PIXELS)]
            page.value("document.querySelector('#timeline canvas').focus()")
            for key in ("+", "ArrowRight", "-", "Home"):
                page.key(key)
                pictures.append(page.value(self.PIXELS))
            self.assertEqual(len(set(pictures[:4])), 4, story)
            self.assertEqual(pictures[4], pictures[0], story)
        page = self.open("big")
        self.assertIn("10000 threads", page.value("document.querySelector('#timeline').innerText"))
        self.assertIn("made one", page.value("document.querySelector('#timeline').innerText"))
        page.value("(() => { const i = document.querySelector('#timeline input'); i.value = 'worker-9999'; i.dispatchEvent(new Event('input')); })()")
        height = page.value("document.querySelector('#timeline canvas').clientHeight")
        self.assertLess(height, 100, "one row is left")

    def test_without_script(self):
        self.browser.call("Emulation.setScriptExecutionDisabled", value=True)
        self.addCleanup(self.browser.call, "Emulation.setScriptExecutionDisabled", value=False)
        page = self.browser.open(self.folder / "convoy.html")
        text = page.value("document.body.innerText")
        for words in ("PROCESSES", "GIL wait", "CA2001", "needs the page's script", "As a table"):
            self.assertIn(words, text)
        self.assertTrue(page.value("document.querySelector('.tools').hidden"))

    def test_dark_light_and_print(self):
        page = self.open("convoy")
        colours = set()
        for media, scheme in (("screen", "light"), ("screen", "dark"), ("print", "light")):
            page.call("Emulation.setEmulatedMedia", media=media, features=[{"name": "prefers-color-scheme", "value": scheme}])
            colours.add(page.value("getComputedStyle(document.body).backgroundColor"))
            if media == "print":
                self.assertEqual(page.value("getComputedStyle(document.querySelector('.tools')).display"), "none")
        self.assertEqual(len(colours), 2)
        page.call("Emulation.setEmulatedMedia", media="", features=[])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
