# SPDX-License-Identifier: BSD-2-Clause
"""The tables of the calibration: the summary against its bars, the cases, the worst rows; plain text and Markdown."""
import re

import medians
from jobs import MODELS

# Where the tables stand in docs/calibration.md: between a line that says who wrote them and the next that ends it.
BEGIN, END = "<!-- begin: written by {} -->\n", "<!-- end -->\n"

# What issue and docs promise, and the wide limits of the quick check. (attribute, title, at least or at most, limit)
BARS = [
    ("right", "right model, or within 5 % of the best", ">=", 0.95),
    ("error_median", "forecast error, median", "<=", 0.10),
    ("error_p90", "forecast error, 90th percentile", "<=", 0.25),
    ("covered", "95 % intervals that hold the real median", ">=", 0.85),
    ("evidence_ns", "evidence step, longest", "<=", 3.6e9),
    ("high", "right where the confidence is high", ">=", 0.95),
]
WIDE = {
    "right": 0.6,
    "error_median": 0.25,
    "error_p90": 1.0,
    "covered": 0.2,
    "evidence_ns": 6e9,
    "high": 0.6,
}


def value_of(summary, attribute):
    """A number of the summary; "high" is the share that is right of those with high confidence."""
    if attribute == "high":
        return summary.confidence.get("high", (0, None))[1]
    return getattr(summary, attribute)


def holds(value, comparison, limit):
    """A number that could not be had holds nothing."""
    return value is not None and (value >= limit if comparison == ">=" else value <= limit)


def percent(value, sign=False):
    return "-" if value is None else f"{value * 100:{'+' if sign else ''}.1f} %"


def seconds(ns):
    return "-" if ns is None else f"{ns / 1e9:.2f} s"


def shown(attribute, value):
    return seconds(value) if attribute == "evidence_ns" else percent(value)


def missed(summary, limits=None):
    """The bars that are not reached, as sentences. `limits`: {attribute: limit} instead of the real ones."""
    problems = []
    for attribute, title, comparison, limit in BARS:
        limit = (limits or {}).get(attribute, limit)
        value = value_of(summary, attribute)
        if attribute == "high" and value is None:
            continue  # never sure of itself: modest, not wrong
        if not holds(value, comparison, limit):
            problems.append(f"{title}: {shown(attribute, value)}, must be {comparison} {shown(attribute, limit)}")
    return problems


def summary_rows(summary):
    rows = [("what", "measured", "bar", "")]
    for attribute, title, comparison, limit in BARS:
        value = value_of(summary, attribute)
        verdict = "reached" if holds(value, comparison, limit) else "missed"
        rows.append((title, shown(attribute, value), f"{comparison} {shown(attribute, limit)}", verdict))
    levels = ", ".join(f"{level} {n}x {percent(ok)}" for level, (n, ok) in summary.confidence.items())
    more = [
        ("cases / forecasts checked", f"{len(summary.cases)} / {summary.forecasts}"),
        ("within 5 % of the best", percent(summary.close)),
        ("wrong, but less than 0.2 s to win", str(summary.petty)),
        ("regret, 90th percentile / largest", f"{percent(summary.regret_p90)} / {percent(summary.regret_max)}"),
        (
            "simulator alone: error, median / 90th percentile",
            f"{percent(summary.paper_median)} / {percent(summary.paper_p90)}",
        ),
        ("intervals that touch that of the real median", percent(summary.overlaps)),
        ("fidelity, median", percent(summary.fidelity_median)),
        ("right, by confidence", levels or "-"),
        ("measured run / run without concadvise, median", f"{summary.slowdown:.3f}" if summary.slowdown else "-"),
        ("current model misread", str(summary.misread)),
    ]
    if summary.pending:
        more.append(("left out: advised setting not measured (--fill)", str(summary.pending)))
    return rows + [(title, value, "", "") for title, value in more]


def model_rows(checked):
    """The forecasts by model, and the rows of the programs as they are apart from them."""
    rows = [("forecasts for", "rows", "error, median", "90th percentile", "bias", "covered", "simulator, median")]
    kinds = [(model, lambda row, model=model: row.forecast.setting.model == model) for model in MODELS]
    kinds.append(("the program as it is", lambda row: row.forecast.current))
    kinds.append(("another model", lambda row: not row.forecast.current))
    kinds.append(("replayed", lambda row: row.forecast.source == "replay"))
    kinds.append(("only simulated", lambda row: row.forecast.source == "forecast"))
    for title, belongs in kinds:
        own = [row for row in checked if belongs(row)]
        if not own:
            continue
        errors, papers = [row.error for row in own], [row.paper_error for row in own if row.paper_error is not None]
        rows.append(
            (
                title,
                str(len(own)),
                percent(medians.median([abs(error) for error in errors])),
                percent(medians.percentile([abs(error) for error in errors], 0.9)),
                percent(medians.median(errors), sign=True),
                percent(sum(row.covered for row in own) / len(own)),
                percent(medians.median([abs(error) for error in papers]) if papers else None),
            )
        )
    return rows


def case_rows(cases):
    """A row for each given variant, the forecasts of all its models in it."""
    head = ["job", "given", "advised", "best", "ok", "regret", "confidence", *(f"{model}" for model in MODELS), "in CI"]
    rows = [tuple(head)]
    for case in cases:
        errors = {row.forecast.setting.model: percent(row.error, sign=True)[:-2] for row in case.checked}
        advised = "no verdict" if case.advised is None else f"{case.change} {case.advised}"
        ok = "?" if case.pending else "yes" if case.right else "NO"
        inside = f"{sum(row.covered for row in case.checked)}/{len(case.checked)}"
        rows.append(
            (
                case.job.name,
                str(case.given),
                advised,
                f"{case.best} {seconds(case.best_ns)}",
                ok,
                percent(case.regret),
                case.confidence,
                *(errors.get(model, "-") for model in MODELS),
                inside,
            )
        )
    return rows


def wrong_rows(cases):
    """The cases whose advice is wrong or costs more than 5 %, the dearest first."""
    rows = [("job", "given", "taken for", "advised", "takes", "best", "takes", "regret", "confidence", "why")]
    wrong = [case for case in cases if not case.pending and not (case.right and case.regret <= 0.05)]
    wrong.sort(key=lambda case: (case.right, -(case.regret if case.regret is not None else 1e9)))
    for case in wrong:
        rows.append(
            (
                case.job.name,
                str(case.given),
                case.current or "-",
                f"{case.change} {case.advised}",
                seconds(case.advised_ns),
                str(case.best),
                seconds(case.best_ns),
                percent(case.regret) + ("" if case.right else " NO"),
                case.confidence,
                case.why,
            )
        )
    return rows


def worst_rows(checked, count):
    """The forecasts that are furthest off, by factor: half as long is as bad as twice as long."""
    rows = [("job", "given", "forecast for", "source", "forecast", "on paper", "real", "error", "paper", "95 % CI", "in")]

    def factor(row):
        return max(1 + row.error, 1 / (1 + row.error))

    for row in sorted(checked, key=factor, reverse=True)[:count]:
        low, high = row.forecast.interval_ns
        rows.append(
            (
                row.job,
                str(row.given),
                f"{row.forecast.setting}{' (now)' if row.forecast.current else ''}",
                row.forecast.source,
                seconds(row.forecast.median_ns),
                seconds(row.forecast.forecast_ns or None),
                seconds(row.real_ns),
                percent(row.error, sign=True),
                percent(row.paper_error, sign=True),
                f"{low / 1e9:.2f}-{high / 1e9:.2f}",
                "yes" if row.covered else "no",
            )
        )
    return rows


def time_rows(job, real, median, interval):
    """What one job really took, by setting; `real`: {setting: [ns]}."""
    rows = [("setting", "runs", "median", "95 % CI")]
    for setting, runs in sorted(real.items(), key=lambda item: median(item[1])):
        low, high = interval(runs)
        rows.append((f"{job.name} {setting}", str(len(runs)), seconds(median(runs)), f"{low / 1e9:.3f}-{high / 1e9:.3f}"))
    return rows


def text(rows):
    """Columns in plain text; the first row is the head."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
    return "\n".join([lines[0], *lines[1:]]) + "\n"


def put_between(document, author, new):
    """The document with what `author` wrote last time replaced; ValueError where it has no marks of this author."""
    begin = BEGIN.format(author)
    if document.count(begin) != 1:
        raise ValueError(f"the document needs one line {begin.strip()}")
    pattern = re.escape(begin) + ".*?" + re.escape(END)
    return re.sub(pattern, lambda _: begin + new + END, document, flags=re.DOTALL)


def markdown(rows):
    """The same as a table in Markdown."""
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]]) + "\n"
