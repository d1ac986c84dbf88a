/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * evidence_rows: the evidence as lines of a table, the same in every format: the recommended one first, the others
 * from fast to slow.
 */

#include "analyzer/advice.h"

/* Every model, and the current one mended. */
#define EVIDENCE_ROWS_MAX (MODEL_COUNT + 1)

/* `median_ns` and its interval, or where the numbers come from when there is no interval. */
struct evidence_row {
    char name[48]; /* "threads (now)", "threads (mended)" */
    uint32_t workers;
    uint64_t median_ns;
    uint64_t interval_ns[2]; /* 0, 0: none */
    double speedup;
    double cores;     /* 0: not known */
    double agreement; /* of replay and simulation; 0: not both */
    bool disagreement;
    uint64_t rss_bytes; /* 0: not known */
    enum evidence_source source;
    bool recommended;
};

/* @return number of rows */
size_t evidence_rows(const struct advice *a, struct evidence_row ret_rows[EVIDENCE_ROWS_MAX]);

/* "; the simpler one is recommended": why the recommended model of several that tie; static */
const char *evidence_rows_tie_breaker(const struct advice *a);
