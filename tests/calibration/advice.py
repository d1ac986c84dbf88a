# SPDX-License-Identifier: BSD-2-Clause
"""What concadvise says about a job: its report, read as settings and forecasts that can be held against real runs."""
import json
import subprocess
from typing import NamedTuple

from jobs import Setting, support


class Forecast(NamedTuple):
    """One row of the evidence."""

    setting: Setting
    current: bool  # the program as it is
    source: str  # "replay", "forecast" (on paper), "measured"
    median_ns: int
    interval_ns: tuple
    forecast_ns: int  # the simulator's; 0: none


def report_of(folder, job, variant):
    """The report on one given variant, made by the present build from the saved measurement; None: not measured."""
    saved = folder / f"{job.name}.{variant}.json"
    if not saved.exists():
        return None
    command = [support.CONCADVISE, "report", str(saved), "-f", "json"]
    done = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, timeout=60)
    if done.returncode not in (0, 1):
        raise RuntimeError(f"{' '.join(command)}: status {done.returncode}\n{done.stderr.decode(errors='replace')}")
    return json.loads(done.stdout)


def setting_of(model, workers, in_flight):
    """Counts as the report gives them (0 or None where they say nothing), as a setting of a job."""
    workers, in_flight = workers or 1, in_flight or 0
    if model == "serial":
        return Setting("serial")
    if model == "coroutines":
        return Setting(model, in_flight or workers)
    if model == "processes+coroutines":
        return Setting(model, workers, in_flight or 1)
    return Setting(model, workers)


def forecasts(report, given):
    """The rows of the evidence. The one for the program as it is stands for the variant that was given."""
    rows = []
    for row in report["evidence"]["models"]:
        setting = setting_of(row["model"], row["workers"], row["in_flight"])
        if row["current"] and row["model"] == given.model:
            setting = given
        interval = tuple(row["interval_ns"])
        rows.append(Forecast(setting, row["current"], row["source"], row["median_ns"], interval, row["forecast_ns"] or 0))
    return rows


def advised_setting(report, given):
    """
    What the reader is told to run; None: no verdict. "keep" is the program as it stands. "fix" is the given model without
    its flaw, with the workers of the advice; where the program was taken for another model (a serial program in Node.js
    has an event loop), that one is what the reader is told to stay with.
    """
    advised = report["recommendation"]
    if advised["model"] is None:
        return None
    if advised["change"] == "keep":
        return given
    model, in_flight = advised["model"], advised.get("in_flight")
    if advised["change"] == "fix":
        model = report["current"]["model"] or given.model
        in_flight = in_flight or (report["evidence"]["mended"] or {}).get("in_flight")
    for row in report["evidence"]["models"]:
        if row["model"] == model and not row["current"]:
            in_flight = in_flight or row["in_flight"]
    return setting_of(model, advised["workers"], in_flight)
