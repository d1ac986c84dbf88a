/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * report: advice and measurement in, bytes out.
 *
 * Knows wording and rendering. Refuses to decide anything. Everything the target named is escaped here for the format
 * at hand (terminal, JSON). Only report/format.c turns numbers into text for people.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct advice;
struct compare_side;
struct comparison;
struct live_view;
struct measurement;
struct tree;

enum report_format {
    REPORT_TEXT,
    REPORT_JSON,
    REPORT_HTML,
    REPORT_MARKDOWN,
};

/* Formats of other tools (report/export/export.h). X(symbol, id, what it is for). */
#define REPORT_EXPORT_LIST(X)                                                                \
    X(REPORT_EXPORT_FOLDED, "folded", "folded stacks, for flame graphs")                     \
    X(REPORT_EXPORT_PERFETTO, "perfetto", "timeline, for ui.perfetto.dev")                   \
    X(REPORT_EXPORT_PPROF, "pprof", "profile.proto, for go tool pprof")                      \
    X(REPORT_EXPORT_FIREFOX, "firefox", "timeline and call trees, for profiler.firefox.com") \
    X(REPORT_EXPORT_SARIF, "sarif", "findings, for annotations by code hosts")               \
    X(REPORT_EXPORT_OPENMETRICS, "openmetrics", "numbers of the run, for Prometheus")

enum report_export {
#define X(symbol, id, purpose) symbol,
    REPORT_EXPORT_LIST(X)
#undef X
        REPORT_EXPORT_COUNT
};

struct report_options {
    enum report_format format;
    unsigned width; /* columns for text; 0: 80 */
    bool color;
    bool utf8;               /* false: plain ASCII bars */
    bool verbose;            /* -v: per-thread table, every step of the path */
    const struct tree *tree; /* that the advice was decided by, for HTML; NULL: the built-in one */
};

/* @return 0, -errno from writing, -ENOTSUP, -ENOMEM */
int report_write(FILE *out, const struct measurement *m, const struct advice *a, const struct report_options *options);

/* The same in the format of another tool. @return 0, -EIO, -ENOMEM */
int report_export(FILE *out, enum report_export to, const struct measurement *m, const struct advice *a);

/* @return 0 or -EINVAL */
int report_export_from_str(const char *text, enum report_export *ret_to);

/* "folded, perfetto, ...", for messages; static */
const char *report_export_names(void);
const char *report_export_to_str(enum report_export to); /* its id */

/* Two runs compared (analyzer/compare/compare.h); everything is borrowed. */
struct report_diff {
    const char *names[2];             /* the files, as they were given: before, after */
    const struct compare_side *sides; /* two */
    const struct comparison *comparison;
};

/* What changed: diff.schema.json for JSON. @return as report_write() */
int report_write_diff(FILE *out, const struct report_diff *diff, const struct report_options *options);

/* Its verdict on one line: "AFTER is 2.9x faster: 12.4 s -> 4.30 s" */
int report_diff_summary(FILE *out, const struct report_diff *diff);

/*
 * Read a JSON report, as far as compare() needs it.
 * @param ret_m, ret_a  owned by the caller: measurement_free(), advice_free(); untouched on failure
 * @param message       what is wrong and where; set on failure
 * @return 0, -ENOMSG (no JSON report at all), -EBADMSG (one, but damaged), -EPROTONOSUPPORT (a later schema), -ENOMEM,
 *         or -errno from opening or reading
 */
int report_read(const char *path, struct measurement **ret_m, struct advice **ret_a, char *message, size_t size);

/* The verdict on one line, for whoever sent the report elsewhere: "Use PROCESSES: 4 workers. 12.4 s -> ..." */
int report_summary(FILE *out, const struct advice *a);

/*
 * `text` with everything escaped that must not reach a terminal, newlines included: a name in a message could pretend
 * to be the next message. utf8: as in struct report_options.
 */
void report_escaped(FILE *out, const char *text, bool utf8);

/*
 * What a run does now (probe/live_view.h), one line for the whole and one for each state, the largest part of the last
 * interval first: "       6  GIL wait         81 %       14.3 s  is_prime gil_threads.py:18". Below 44 columns without
 * totals and places. No line is wider than options->width, whatever that is.
 *
 * @param which  put before the first line's facts, as "run 2/5 | "; "": nothing
 * @return 0, -EIO, -ENOMEM
 */
int report_live(FILE *out, const struct live_view *view, const char *which, const struct report_options *options);

/* A duration as the reports have it ("12.4 s"), cut to `size`. */
void report_duration(uint64_t ns, char *ret_text, size_t size);

/* `concadvise explain CA2001`. @return 0, -ENOENT (no such id), -errno */
int report_explain_finding(FILE *out, int id, unsigned width);

/* `concadvise explain findings`: every id with its title. @return 0 or -errno */
int report_explain_list(FILE *out, unsigned width);

/* `concadvise explain tree`. @return 0 or -errno */
int report_explain_tree(FILE *out, const struct tree *tree, unsigned width);

/* "text", "json", "html", "markdown" or a file name's suffix (.txt .json .html .md). @return 0 or -EINVAL */
const char *report_format_to_str(enum report_format format); /* NULL: there is no such format */
int report_format_from_str(const char *text, enum report_format *ret_format);
int report_format_from_path(const char *path, enum report_format *ret_format);
