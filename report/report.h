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

/* The verdict on one line, for whoever sent the report elsewhere: "Use PROCESSES: 4 workers. 12.4 s -> ..." */
int report_summary(FILE *out, const struct advice *a);

/* `text` with everything escaped that must not reach a terminal; newlines of a message stay. */
void report_escaped(FILE *out, const char *text);

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
