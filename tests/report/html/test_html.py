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
RUNS = "convoy", "short", "hostile", "big", "long", "deep"
DIFFS = "diff-faster", "diff-hostile", "diff-tie", "diff-attached", "diff-long"
STORIES = RUNS + DIFFS
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
        marks = page.value("document.querySelector('#evidence .chart').querySelectorAll('.tick').length")
        self.assertTrue(3 <= marks <= 9, marks)

    def test_sketch(self):
        """Code as code: every line, nothing of a hostile name, and nothing of it is a tag."""
        for story, function in (("convoy", "parse"), ("hostile", "work")):
            page = self.open(story)
            before, after = page.value("[...document.querySelectorAll('#verdict .sketch pre code')].map((e) => e.textContent)")
            self.assertIn(f"threads = [Thread(target={function}, args=(item,)) for item in items]\n", before)
            self.assertIn("import ProcessPoolExecutor\n\nif __name__ == \"__main__\":\n    with", after)
            self.assertIn("\n        results = list(pool.map(" + function, after)
        self.assertIn("a pool of processes", page.value("document.querySelector('.sketch summary').innerText"))
        self.assertEqual(page.value("document.querySelectorAll('.sketch pre code *').length"), 0)

    def test_report_inside(self):
        """The JSON on the page is the JSON report."""
        for story in set(STORIES) - {"deep"}:
            page = self.open(story)
            self.assertEqual(json.loads(page.value("document.getElementById('report').textContent"))["schema_version"], 1)
            self.assertFalse(page.value("document.getElementById('save').hidden"))
        for story in ("big", "long", "diff-long"):
            self.assertIn("cut", self.open(story).value("document.getElementById('report').dataset.cut"), story)
        for story in ("convoy", "diff-faster"):
            self.assertEqual(self.open(story).value("document.getElementById('report').dataset.cut"), "")
        self.assertEqual(json.loads(self.open("diff-tie").value("document.getElementById('report').textContent"))["kind"], "diff")

    def test_long_names(self):
        """Names of a thousand bytes: what does not fit is left out and said."""
        page = self.open("deep")
        self.assertIsNone(page.value("document.getElementById('report')"))
        self.assertTrue(page.value("document.getElementById('save').hidden"))
        text = page.value("document.body.innerText")
        self.assertIn("The JSON report is too long for a page", text)
        self.assertRegex(text, r"\d+ places with the least time are not drawn")
        self.assertIn("12 stacks are not shown", text)
        self.assertGreater(page.value("document.querySelectorAll('.flame g').length"), 10)

    def test_copy(self):
        for story, begin in (("convoy", "Use PROCESSES"), ("diff-faster", "AFTER is 3.3x faster")):
            page = self.open(story)
            page.value("navigator.clipboard.writeText = async (text) => { window.copied = text; }")
            page.value("document.getElementById('copy').click()")
            self.assertEqual(page.value("new Promise((done) => setTimeout(() => done(document.getElementById('said').textContent), 100))"), "Copied.")
            self.assertTrue(page.value("window.copied").startswith(f"## concadvise: {begin}"))

    def test_hostile_names_are_text(self):
        all_tags = "[...new Set([...document.querySelectorAll('main *')].map((e) => e.tagName))].sort()"
        for hostile, harmless in (("hostile", "convoy"), ("diff-hostile", "diff-faster")):
            expected = self.open(harmless).value(all_tags)
            page = self.open(hostile)
            self.assertLessEqual(set(page.value(all_tags)), set(expected))
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

    def test_comparison(self):
        page = self.open("diff-faster")
        ids = page.value("[...document.querySelectorAll('section')].map((s) => s.id)")
        self.assertEqual(ids, ["verdict", "times", "forecast", "causes", "findings", "runs"])
        self.assertIn("3.3x faster", page.value("document.querySelector('h1').innerText"))
        self.assertIn("90 % interval", page.value("document.getElementById('verdict').innerText"))
        self.assertEqual(page.value("document.querySelectorAll('#times .dot').length"), 6, "three runs on each side")
        self.assertEqual(page.value("[...document.querySelectorAll('.change')].map((e) => e.innerText)"), ["gone", "still"])
        self.assertIn("too short, inside the interval", page.value("document.getElementById('forecast').innerText"))
        self.assertEqual(page.value("document.querySelectorAll('.differs').length"), 0)
        page = self.open("diff-attached")
        self.assertIn("can't be compared", page.value("document.querySelector('h1').innerText"))
        self.assertIn("Caveat: Measured for a while (-p)", page.value("document.getElementById('verdict').innerText"))
        self.assertEqual(page.value("document.querySelectorAll('#times .chart').length"), 0)
        self.assertIn(" pts", page.value("document.getElementById('causes').innerText"))
        self.assertEqual(page.value("[...document.querySelectorAll('.change')].map((e) => e.innerText)"), ["better", "still"])
        page = self.open("diff-hostile")
        self.assertEqual(page.value("[...document.querySelectorAll('.differs th')].map((e) => e.innerText)"), ["command differs", "runtime differs"])
        self.assertIn("\\x1b", page.value("document.querySelector('header').innerText"))

    def test_bars_are_the_numbers(self):
        """In each row the two bars are to one another as the two times."""
        page = self.open("diff-faster")
        rows = {row["bucket"]: row for row in json.loads(page.value("document.getElementById('report').textContent"))["thread_time"]}
        shown = page.value("""Object.fromEntries([...document.querySelectorAll('#causes tbody tr')].filter((r) => r.querySelector('.pair'))
            .map((r) => [r.querySelector('th').innerText.trim(), [...r.querySelectorAll('.pair rect')].map((b) => parseFloat(b.getAttribute('width')))]))""")
        self.assertEqual(shown["GIL wait"], [100, 0])
        longest = rows["interpreter_lock"]["before_ns"]
        for label, bucket in (("on-CPU", "on_cpu"), ("network", "network"), ("run queue", "runnable"), ("join", "join")):
            for width, side in zip(shown[label], ("before_ns", "after_ns")):
                self.assertAlmostEqual(width, 100 * rows[bucket][side] / longest, delta=0.01)

    def test_nothing_is_wider_than_a_telephone(self):
        for story in STORIES:
            page = self.open(story)
            page.call("Emulation.setDeviceMetricsOverride", width=400, height=800, deviceScaleFactor=1, mobile=False)
            self.addCleanup(page.call, "Emulation.clearDeviceMetricsOverride")
            self.assertLessEqual(page.value("document.documentElement.scrollWidth"), 400, story)

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
        for media, scheme in (("screen", "light"), ("screen", "dark"), ("print", "light"), ("print", "dark")):
            page.call("Emulation.setEmulatedMedia", media=media, features=[{"name": "prefers-color-scheme", "value": scheme}])
            colours.add(page.value("getComputedStyle(document.body).backgroundColor"))
            if media == "print":
                self.assertEqual(page.value("getComputedStyle(document.body).backgroundColor"), "rgb(255, 255, 255)")
                self.assertEqual(page.value("getComputedStyle(document.querySelector('.tools')).display"), "none")
        self.assertEqual(len(colours), 2)
        page.call("Emulation.setEmulatedMedia", media="", features=[])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
