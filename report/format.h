/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * format: numbers as people read them.
 *
 * The only place of the program that rounds. Results are small structs by value: use `.text` within the expression.
 */

#include <stdint.h>

#include "analyzer/advice.h"

struct format_text {
    char text[40];
};

/* Three significant digits with the unit that suits: "12.4 s", "640 ms", "3.20 ms", "15.0 us", "2 min 5 s". */
struct format_text format_duration(uint64_t ns);

/* Two decimals: "12.41 s", "640.20 ms"; for tables and the header, where rows are compared. */
struct format_text format_duration_fine(uint64_t ns);

/* "3.52 - 3.81 s": both ends in the unit of the larger one, two decimals. */
struct format_text format_duration_range(const uint64_t interval_ns[2]);

/* "81 %"; below half a percent "<1 %", exactly 0 "0 %"; 99.5..100 exclusive "99 %"; NaN counts as 0. */
struct format_text format_share(double share);
struct format_text format_share_of(uint64_t part, uint64_t whole);

/* One decimal: "99.8 %". */
struct format_text format_share_fine(double share);

/* Binary prefixes as free(1) and ps(1) have them: "96 M", "1.5 G", "512 K". */
struct format_text format_bytes(uint64_t bytes);

struct format_text format_speedup(double speedup);                 /* "3.40x" */
struct format_text format_speedup_short(double speedup);           /* "3.4x", from 10 on "12x" */
struct format_text format_speedup_range(const double interval[2]); /* "3.2-3.5x" */

struct format_text format_number(double value);  /* at most two decimals, trailing zeros cut: "4", "0.96" */
struct format_text format_cores(double cores);   /* two decimals below 10, then one: "0.96", "12.5" */
struct format_text format_count(uint64_t count); /* with thousands: "12,300" */

/* A value of the tree in its unit: "share", "ns", "bytes", "count", "ratio", "bool"; others: format_number. */
struct format_text format_metric(double value, const char *unit);
