# SPDX-License-Identifier: BSD-2-Clause
"""Holds what concadvise said against what the jobs took: right or wrong, regret, forecast errors, coverage."""
from typing import NamedTuple, Optional

import advice
import medians
import record
from jobs import Job, Setting

CLOSE = 0.05  # within 5 % of the best counts as right
PETTY_NS = 200_000_000  # the tree keeps a program that could win less than this (worth_time in tree.json)


class Checked(NamedTuple):
    """One forecast with the real time of the same setting. Errors are shares: +0.1 is a tenth too long."""

    job: str
    given: Setting
    forecast: advice.Forecast
    real_ns: float
    real_interval_ns: tuple

    @property
    def error(self):
        return self.forecast.median_ns / self.real_ns - 1

    @property
    def paper_error(self):
        """The simulator's alone; None where it said nothing."""
        return self.forecast.forecast_ns / self.real_ns - 1 if self.forecast.forecast_ns else None

    @property
    def covered(self):
        """The interval holds the real median: the bar."""
        low, high = self.forecast.interval_ns
        return low <= self.real_ns <= high

    @property
    def overlaps(self):
        """The interval touches that of the real median, which is itself uncertain."""
        return medians.overlap(self.forecast.interval_ns, self.real_interval_ns)


class Case(NamedTuple):
    """One given variant of one job."""

    job: Job
    given: Setting
    change: str
    confidence: str
    why: str
    current: Optional[str]  # the model that concadvise took it for
    advised: Optional[Setting]
    best: Setting
    best_ns: float
    advised_ns: Optional[float]  # None: no verdict, or no such variant
    fidelity: Optional[float]
    evidence_ns: int  # from the target's last output to the end of concadvise
    slowdown: float  # the run that was measured / the real median of the same variant
    checked: list
    unmeasured: list  # settings that the advice speaks of and nobody has run

    @property
    def regret(self):
        """Time lost by following the advice, as a share of the best; None: it can't be followed."""
        return None if self.advised_ns is None else self.advised_ns / self.best_ns - 1

    @property
    def right(self):
        """The model of the best setting (without its flaw), or a time within 5 % of it."""
        if self.regret is None:
            return False
        return (self.advised.model == self.best.model and not self.advised.flawed) or self.regret <= CLOSE

    @property
    def petty(self):
        """Wrong, but for a loss so small that the tree says it is not worth a change. Counts as wrong; only shown."""
        return not self.right and self.advised_ns is not None and self.advised_ns - self.best_ns < PETTY_NS

    @property
    def pending(self):
        """Not to be judged before the advised setting has been run."""
        return self.advised is not None and self.advised_ns is None and self.job.can_run(self.advised)


def compare_variant(folder, job, given, real):
    """The case of one given variant; None: concadvise has not seen it. `real`: {setting: [ns]}."""
    report = advice.report_of(folder, job, given.label)
    went = record.read_json(folder / f"{job.name}.{given.label}.run.json")
    if report is None or went is None:
        return None
    times = {setting: medians.median(runs) for setting, runs in real.items()}
    # Of the job as it is written: the smallest of dozens of settings, tried once each, is mostly luck.
    best = min((setting for setting in job.settings if setting in times and not setting.flawed), key=times.get)
    advised = advice.advised_setting(report, given)
    rows = advice.forecasts(report, given)
    checked = [
        Checked(job.name, given, row, times[row.setting], medians.median_interval(real[row.setting]))
        for row in rows
        if row.setting in times and row.median_ns > 0
    ]
    named = [row.setting for row in rows] + ([advised] if advised else [])
    return Case(
        job=job,
        given=given,
        change=report["recommendation"]["change"],
        confidence=report["recommendation"]["confidence"],
        why=report["recommendation"]["why_id"] or "",
        current=report["current"]["model"],
        advised=advised,
        best=best,
        best_ns=times[best],
        advised_ns=times.get(advised),
        fidelity=report["evidence"]["fidelity"],
        evidence_ns=went["evidence_ns"],
        slowdown=went["wall_ns"] / times[given],
        checked=checked,
        unmeasured=[setting for setting in dict.fromkeys(named) if setting not in times and job.can_run(setting)],
    )


def compare(folder, jobs):
    """All cases of a folder."""
    cases = []
    for job in jobs:
        real = record.Times(folder, job).runs_ns
        found = [compare_variant(folder, job, given, real) for given in job.settings if given in real]
        cases += [case for case in found if case]
    return cases


class Summary:
    """The numbers that are held against the bars."""

    def __init__(self, cases):
        self.cases = [case for case in cases if not case.pending]
        self.pending = len(cases) - len(self.cases)
        self.checked = [row for case in self.cases for row in case.checked]
        regrets = [case.regret for case in self.cases if case.regret is not None]
        # The row of the program as it is was measured: it forecasts nothing.
        forecasts = [row for row in self.checked if row.forecast.source != "measured"]
        errors = [abs(row.error) for row in forecasts]
        papers = [abs(row.paper_error) for row in forecasts if row.paper_error is not None]
        fidelities = [case.fidelity for case in self.cases if case.fidelity is not None]
        self.right = share(case.right for case in self.cases)
        self.close = share(case.regret is not None and case.regret <= CLOSE for case in self.cases)
        self.petty = sum(case.petty for case in self.cases)
        self.regret_p90 = medians.percentile(regrets, 0.9) if regrets else None
        self.regret_max = max(regrets, default=None)
        self.error_median = medians.median(errors) if errors else None
        self.error_p90 = medians.percentile(errors, 0.9) if errors else None
        self.paper_median = medians.median(papers) if papers else None
        self.paper_p90 = medians.percentile(papers, 0.9) if papers else None
        self.forecasts = len(forecasts)
        self.covered = share(row.covered for row in forecasts)
        self.overlaps = share(row.overlaps for row in forecasts)
        self.fidelity_median = medians.median(fidelities) if fidelities else None
        self.evidence_ns = max((case.evidence_ns for case in self.cases), default=None)
        self.slowdown = medians.median([case.slowdown for case in self.cases]) if self.cases else None
        self.misread = sum(case.current != case.given.model for case in self.cases)
        self.confidence = {}  # {level: (cases, share that is right)}
        for level in ("high", "medium", "low", "none"):
            of_level = [case for case in self.cases if case.confidence == level]
            if of_level:
                self.confidence[level] = len(of_level), share(case.right for case in of_level)


def share(truths):
    """Of these, how many hold, 0..1; None: there are none."""
    truths = list(truths)
    return sum(truths) / len(truths) if truths else None
