/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * stacks: what the formats with stacks share: names of states, processes and frames. Text is escaped for one line.
 */

#include <stdint.h>

struct buffer;
struct frame;
struct measurement;
struct site;

/* "on-CPU", or the cause as the report calls it ("GIL wait"); static */
const char *stacks_state(const struct measurement *m, const struct site *site);

/* The comm of that process, or "pid 4711" where it has no row. */
void stacks_process(struct buffer *b, const struct measurement *m, int32_t pid);

/* "parse (crawl.py:88)", "memcpy (libc.so.6)", "parse" */
void stacks_frame(struct buffer *b, const struct frame *frame);
