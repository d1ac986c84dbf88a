# SPDX-License-Identifier: BSD-2-Clause
"""Reports read as advice, and held against made-up times."""
import pathlib
import sys
import tempfile
import unittest
from unittest import mock

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import advice  # noqa: E402 (beside this file)
import compare  # noqa: E402
import jobs  # noqa: E402
import record  # noqa: E402
import tables  # noqa: E402
from jobs import Setting  # noqa: E402

S = 1_000_000_000


def row(model, median_s, workers=1, in_flight=None, current=False, interval=None, source="replay"):
    low, high = interval or (median_s * 0.98, median_s * 1.02)
    return {
        "model": model,
        "workers": workers,
        "in_flight": in_flight,
        "current": current,
        "source": source,
        "median_ns": int(median_s * S),
        "interval_ns": [int(low * S), int(high * S)],
        "forecast_ns": int(median_s * S * 1.1),
    }


def report(model, rows, change="switch", workers=None, mended=None, confidence="high", current="serial"):
    return {
        "recommendation": {"model": model, "change": change, "workers": workers, "confidence": confidence, "why_id": "w"},
        "evidence": {"models": rows, "mended": mended, "fidelity": 0.97},
        "current": {"model": current, "workers": 1},
    }


SERIAL = [
    row("serial", 2.0, current=True),
    row("threads", 0.5, workers=12),
    row("coroutines", 0.4, in_flight=32),
    row("processes+coroutines", 0.3, workers=2, in_flight=16),
]


EXACT = [row("serial", 2.0, current=True), row("threads", 0.6, workers=12), row("coroutines", 0.4, in_flight=32)]


class AdviceTest(unittest.TestCase):
    def advised(self, *arguments, given=Setting("serial"), **options):
        return advice.advised_setting(report(*arguments, **options), given)

    def test_switch_takes_the_counts_of_its_row(self):
        self.assertEqual(self.advised("threads", SERIAL, workers=12), Setting("threads", 12))
        self.assertEqual(self.advised("coroutines", SERIAL, workers=1), Setting("coroutines", 32))
        both = self.advised("processes+coroutines", SERIAL, workers=2)
        self.assertEqual(both, Setting("processes+coroutines", 2, 16))

    def test_fewer_workers_than_the_row_has(self):
        """Memory may bound the advice: it counts, not the row."""
        self.assertEqual(self.advised("threads", SERIAL, workers=3), Setting("threads", 3))

    def test_keep_is_the_program_as_it_stands(self):
        given = Setting("processes+coroutines", 2, 7)
        self.assertEqual(self.advised("processes", SERIAL, change="keep", workers=2, given=given), given)

    def test_fix_is_the_given_model_mended(self):
        rows = [row("coroutines", 2.0, in_flight=4, current=True)]
        mended = {"workers": 1, "in_flight": 64}
        given = Setting("coroutines", 4)
        found = self.advised("coroutines", rows, change="fix", mended=mended, given=given, current="coroutines")
        self.assertEqual(found, Setting("coroutines", 64))

    def test_fix_is_the_model_that_the_program_was_taken_for(self):
        rows = [row("coroutines", 2.0, in_flight=1, current=True)]
        mended = {"workers": 1, "in_flight": 64}
        found = self.advised("coroutines", rows, change="fix", mended=mended, current="coroutines")
        self.assertEqual(found, Setting("coroutines", 64))

    def test_no_verdict(self):
        self.assertIsNone(self.advised(None, SERIAL))

    def test_forecasts(self):
        """The row of the program as it is stands for what was given, however its workers were counted."""
        rows = [row("threads", 0.5, workers=11, current=True), row("coroutines", 0.4, in_flight=32)]
        given = Setting("threads", 12)
        found = advice.forecasts(report("threads", rows), given)
        self.assertEqual([forecast.setting for forecast in found], [given, Setting("coroutines", 32)])


class CompareTest(unittest.TestCase):
    job = jobs.all_jobs(["fetch_parse"])[0]

    def compare(self, said, real_s, given="serial", declared=None):
        """The case of one report; real_s: {setting: median}; declared: the settings that the job is written with."""
        real = {setting: [int(seconds * S * factor) for factor in (0.99, 1, 1.01)] for setting, seconds in real_s.items()}
        declared = mock.patch.object(self.job, "settings", declared or list(real_s))
        with tempfile.TemporaryDirectory() as folder, declared, mock.patch.object(advice, "report_of", return_value=said):
            folder = pathlib.Path(folder)
            given = Setting.parse(given) if ":" in given else Setting(given)
            run = {"given": str(given), "evidence_ns": 3 * S, "wall_ns": 2 * S}
            record.write_json(folder / f"{self.job.name}.{given.label}.run.json", run)
            return compare.compare_variant(folder, self.job, given, real)

    real = {Setting("serial"): 2.0, Setting("threads", 12): 0.6, Setting("coroutines", 32): 0.4}

    def test_right_and_regret(self):
        case = self.compare(report("coroutines", SERIAL, workers=1), self.real)
        self.assertEqual((case.advised, case.best), (Setting("coroutines", 32),) * 2)
        self.assertTrue(case.right)
        self.assertAlmostEqual(case.regret, 0)

    def test_the_best_is_one_that_the_job_is_written_with(self):
        """Of the settings that advice names one is the fastest by luck."""
        written = [Setting("serial"), Setting("threads", 12)]
        case = self.compare(report("threads", SERIAL, workers=12), self.real, declared=written)
        self.assertEqual(case.best, Setting("threads", 12))
        case = self.compare(report("coroutines", SERIAL, workers=1), self.real, declared=written)
        self.assertTrue(case.right)
        self.assertLess(case.regret, 0)

    def test_another_model_is_right_within_five_percent_only(self):
        said = report("threads", SERIAL, workers=12)
        case = self.compare(said, self.real)
        self.assertAlmostEqual(case.regret, 0.5, places=6)
        self.assertFalse(case.right)
        self.assertFalse(self.compare(said, {**self.real, Setting("threads", 12): 0.422}).right)
        self.assertTrue(self.compare(said, {**self.real, Setting("threads", 12): 0.418}).right)

    def test_the_right_model_with_poor_counts_is_right_but_has_its_regret(self):
        case = self.compare(report("coroutines", SERIAL), {**self.real, Setting("coroutines", 200): 0.2})
        self.assertTrue(case.right)
        self.assertAlmostEqual(case.regret, 1.0, places=6)

    def test_a_flaw_is_mended_by_fix_and_stays_with_keep(self):
        flawed, mended = Setting("coroutines", 32, flawed=True), Setting("coroutines", 32)
        real = {flawed: 2.0, mended: 0.4}
        rows = [row("coroutines", 2.0, in_flight=1, current=True)]
        fix = report("coroutines", rows, change="fix", mended={"workers": 1, "in_flight": 32}, current="coroutines")
        case = self.compare(fix, real, given="coroutines:32-flawed")
        self.assertEqual((case.advised, case.right), (mended, True))
        self.assertEqual(case.checked[0].forecast.setting, flawed)
        self.assertAlmostEqual(case.checked[0].error, 0)
        keep = report("coroutines", rows, change="keep", current="coroutines")
        case = self.compare(keep, real, given="coroutines:32-flawed")
        self.assertEqual((case.advised, case.right), (flawed, False))

    def test_no_verdict_is_not_right(self):
        case = self.compare(report(None, []), self.real)
        self.assertFalse(case.right)
        self.assertIsNone(case.regret)
        self.assertFalse(case.pending)

    def test_a_model_that_the_job_does_not_have_is_wrong(self):
        job, self.job = self.job, jobs.all_jobs(["hash_blocks"])[0]
        case = self.compare(report("coroutines", SERIAL), {Setting("serial"): 2.0})
        self.job = job
        self.assertFalse(case.right)
        self.assertFalse(case.pending)

    def test_what_was_not_measured_is_not_judged(self):
        case = self.compare(report("processes+coroutines", SERIAL, workers=2), self.real)
        self.assertTrue(case.pending)
        self.assertEqual(case.unmeasured, [Setting("processes+coroutines", 2, 16)])
        summary = compare.Summary([case])
        self.assertEqual((summary.pending, summary.cases), (1, []))
        self.assertTrue(tables.missed(summary))

    def test_errors_and_coverage(self):
        case = self.compare(report("coroutines", SERIAL, workers=1), self.real)
        threads = next(row for row in case.checked if row.forecast.setting.model == "threads")
        self.assertAlmostEqual(threads.error, 0.5 / 0.6 - 1)
        self.assertAlmostEqual(threads.paper_error, 0.55 / 0.6 - 1)
        self.assertFalse(threads.covered)
        serial = next(row for row in case.checked if row.forecast.setting.model == "serial")
        self.assertTrue(serial.covered)

    def test_an_interval_may_touch_that_of_the_real_time(self):
        rows = [row("serial", 1.97, current=True, interval=(1.95, 1.99))]
        (checked,) = self.compare(report("serial", rows, change="keep"), self.real).checked
        self.assertFalse(checked.covered)
        self.assertTrue(checked.overlaps)

    def test_summary_against_the_bars(self):
        good = self.compare(report("coroutines", EXACT, workers=1), self.real)
        bad = self.compare(report("threads", EXACT, workers=12), self.real)
        self.assertEqual(tables.missed(compare.Summary([good] * 19 + [bad])), [])
        missed = tables.missed(compare.Summary([good] * 18 + [bad] * 2))
        self.assertEqual(len(missed), 2, missed)  # right, and right where confident
        self.assertEqual(tables.missed(compare.Summary([good] * 18 + [bad] * 2), tables.WIDE), [])
        self.assertEqual(compare.Summary([good, bad]).confidence["high"], (2, 0.5))

    def test_tables_name_the_worst_first(self):
        good = self.compare(report("coroutines", SERIAL, workers=1), self.real)
        rows = tables.worst_rows(compare.Summary([good]).checked, 2)
        self.assertEqual([line[2] for line in rows[1:]], ["threads:12", "serial:1 (now)"])
        bad = self.compare(report("threads", SERIAL, workers=12), self.real)
        self.assertEqual([line[3] for line in tables.wrong_rows([good, bad])[1:]], ["switch threads:12"])
        self.assertEqual(len(tables.case_rows([good, bad])), 3)
        by_model = {line[0]: line[1] for line in tables.model_rows(compare.Summary([good, bad]).checked)}
        self.assertEqual((by_model["serial"], by_model["the program as it is"], by_model["another model"]), ("2", "2", "4"))
        self.assertIn("| right model", tables.markdown(tables.summary_rows(compare.Summary([good]))))


class DocumentTest(unittest.TestCase):
    OLD = "<!-- begin: written by one -->\nold\n<!-- end -->\nbetween\n<!-- begin: written by one --two -->\nolder\n<!-- end -->\n"

    def test_each_author_replaces_what_it_wrote(self):
        first = tables.put_between(self.OLD, "one", "new \\1\n")
        self.assertEqual(first, self.OLD.replace("old\n", "new \\1\n"))
        second = tables.put_between(first, "one --two", "newer\n")
        self.assertEqual(second, first.replace("older\n", "newer\n"))

    def test_without_its_marks(self):
        with self.assertRaisesRegex(ValueError, "needs one line <!-- begin: written by three -->"):
            tables.put_between(self.OLD, "three", "new")

    def test_the_document_has_a_place_for_both_sets(self):
        document = (jobs.ROOT / "docs" / "calibration.md").read_text()
        for author in ("tests/calibration/run", "tests/calibration/run --holdout"):
            self.assertIn("new\n", tables.put_between(document, author, "new\n"))


if __name__ == "__main__":
    unittest.main()
