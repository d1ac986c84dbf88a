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
struct measurement;
struct tree;

enum report_format {
    REPORT_TEXT,
    REPORT_JSON,
    REPORT_HTML,     /* a later version: report_write returns -ENOTSUP */
    REPORT_MARKDOWN, /* likewise */
};

struct report_options {
    enum report_format format;
    unsigned width; /* columns for text; 0: 80 */
    bool color;
    bool utf8;    /* false: plain ASCII bars */
    bool verbose; /* -v: per-thread table, every step of the path */
};

/* @return 0, -errno from writing, -ENOTSUP, -ENOMEM */
int report_write(FILE *out, const struct measurement *m, const struct advice *a, const struct report_options *options);

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

/* A duration as the reports have it ("12.4 s"), cut to `size`. */
void report_duration(uint64_t ns, char *ret_text, size_t size);

/* `concadvise explain CA2001`. @return 0, -ENOENT (no such id), -errno */
int report_explain_finding(FILE *out, int id, unsigned width);

/* `concadvise explain findings`: every id with its title. @return 0 or -errno */
int report_explain_list(FILE *out, unsigned width);

/* `concadvise explain tree`. @return 0 or -errno */
int report_explain_tree(FILE *out, const struct tree *tree, unsigned width);

/* "text", "json", "html", "markdown" or a file name's suffix (.txt .json .html .md). @return 0 or -EINVAL */
int report_format_from_str(const char *text, enum report_format *ret_format);
int report_format_from_path(const char *path, enum report_format *ret_format);
