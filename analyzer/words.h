/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * words: numbers as short text inside facts and sentences, and lists of such sentences.
 *
 * The only place of analyzer/ that rounds. Refuses to know what the numbers mean.
 */

#include <stddef.h>
#include <stdint.h>

#include "base/base.h"

/* Room for any number that words_* writes. */
#define WORDS_NUMBER 32

/* "81 %", "0.4 %"; returns `buffer`. */
const char *words_share(double share, char buffer[static WORDS_NUMBER]);

/* "12.4 s", "3.2 ms", "800 us", "12 ns"; returns `buffer`. */
const char *words_ns(double ns, char buffer[static WORDS_NUMBER]);

/* A value with the unit the tree uses ("share", "ns", "count", "ratio", "bool"); returns `buffer`. */
const char *words_value(double value, const char *unit, char buffer[static WORDS_NUMBER]);

/* @return a heap string (free()), or NULL: out of memory */
char *words_format(const char *format, ...) PRINTF_LIKE(1, 2);

/*
 * Append a formatted sentence to a list that the caller owns (both untouched on failure).
 * @return 0 or -ENOMEM
 */
int words_append(char ***list, size_t *n, const char *format, ...) PRINTF_LIKE(3, 4);
