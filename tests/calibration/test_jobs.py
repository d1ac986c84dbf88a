# SPDX-License-Identifier: BSD-2-Clause
"""The corpus and the hold-out set: every job declares itself, and there is enough of every kind."""
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import jobs  # noqa: E402 (beside this file)
from jobs import Setting, corpus_args, support  # noqa: E402


class SettingTest(unittest.TestCase):
    def test_text_and_back(self):
        for setting in (Setting("serial"), Setting("threads", 16), Setting("processes+coroutines", 2, 8, flawed=True)):
            self.assertEqual(Setting.parse(str(setting)), setting)
        self.assertEqual(str(Setting("processes+coroutines", 2, 8)), "processes+coroutines:2x8")


class HeaderTest(unittest.TestCase):
    def test_counts(self):
        cpus = corpus_args.cpus()
        self.assertEqual([corpus_args.count(word) for word in ("16", "cpus", "3cpus")], [16, cpus, 3 * cpus])
        for word in ("", "cpu", "2x", "-1"):
            with self.assertRaises(ValueError):
                corpus_args.count(word)

    def test_defaults_of_python_and_c(self):
        cpus = corpus_args.cpus()
        python = corpus_args.defaults(jobs.CORPUS / "fetch_parse.py")
        self.assertEqual(python["processes+coroutines"], (cpus, 4))
        self.assertEqual(python["processes"], (2 * cpus, 0))
        self.assertEqual(corpus_args.defaults(jobs.CORPUS / "two_locks.c"), {"serial": (1, 0), "threads": (4, 0)})
        self.assertEqual(corpus_args.defaults(jobs.HOLDOUT / "pages.js")["processes+coroutines"], (cpus, 5))


def everything():
    return jobs.all_jobs() + jobs.all_jobs(folder=jobs.HOLDOUT)


class CorpusTest(unittest.TestCase):
    def test_size_and_variety(self):
        found = jobs.all_jobs()
        self.assertGreaterEqual(len(found), 24)
        for suffix, least in ((".py", 12), (".c", 6)):
            self.assertGreaterEqual(sum(job.path.suffix == suffix for job in found), least)
        for model in jobs.MODELS:
            self.assertGreaterEqual(sum(model in job.models for job in found), 6, model)

    def test_every_c_job_is_built(self):
        for job in everything():
            if job.path.suffix == ".c":
                self.assertTrue(pathlib.Path(job.command(job.given("serial"))[0]).exists(), job.name)

    def test_counts_are_declared_for_all_but_serial(self):
        """The header is what a person would choose; a count that is forgotten would be 1."""
        for job in everything():
            for setting in job.settings:
                if setting.model != "serial":
                    self.assertGreater(setting.workers, 1, f"{job.name} {setting}")
                self.assertEqual(setting.in_flight > 0, setting.model == "processes+coroutines", f"{job.name} {setting}")

    def test_limits(self):
        job = jobs.all_jobs(["hash_blocks"])[0]
        self.assertTrue(job.can_run(Setting("threads", 512)))
        self.assertFalse(job.can_run(Setting("threads", 513)))
        self.assertFalse(job.can_run(Setting("coroutines", 4)))

    def test_flawed_variants(self):
        job = jobs.all_jobs(["tiny_items"])[0]
        flawed = job.given("processes-flawed")
        self.assertTrue(flawed.flawed)
        self.assertEqual(job.command(flawed)[-1], "--flawed")
        self.assertFalse(job.given("processes").flawed)
        self.assertGreaterEqual(sum(setting.flawed for one in jobs.all_jobs() for setting in one.settings), 4)

    def test_unknown_job(self):
        with self.assertRaises(ValueError):
            jobs.all_jobs(["no_such_job"])

    def test_command(self):
        job = jobs.all_jobs(["timer_jobs"])[0]
        words = job.command(Setting("processes+coroutines", 2, 32))
        self.assertEqual(words[0], str(support.BUILD / "examples" / "corpus_timer_jobs"))
        self.assertEqual(words[1:], ["--model", "processes+coroutines", "--workers", "2", "--in-flight", "32"])


class HoldoutTest(unittest.TestCase):
    def test_size_and_variety(self):
        found = jobs.all_jobs(folder=jobs.HOLDOUT)
        self.assertGreaterEqual(len(found), 8)
        self.assertEqual({job.path.suffix for job in found}, {".c", ".js", ".py"})
        for model in jobs.MODELS:
            self.assertGreaterEqual(sum(model in job.models for job in found), 3, model)

    def test_no_job_is_in_both_sets(self):
        """A job that a rule was mended for moves, it is not copied; and no name stands for two in a folder of records."""
        names = [job.name for job in everything()]
        self.assertEqual(len(names), len(set(names)))
        with self.assertRaises(ValueError):
            jobs.all_jobs(["pages"])

    def test_commands(self):
        lookups, pages = jobs.all_jobs(["lookups", "pages"], jobs.HOLDOUT)
        self.assertEqual(lookups.command(Setting("serial"))[0], str(support.BUILD / "examples" / "holdout_lookups"))
        words = pages.command(Setting("coroutines", 10))
        self.assertEqual(words, ["node", str(jobs.HOLDOUT / "pages.js"), "--model", "coroutines", "--workers", "10"])
        self.assertEqual((pages.needs, pages.server), (["nodejs"], "delay"))


if __name__ == "__main__":
    unittest.main()
