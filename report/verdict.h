/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * verdict: the recommendation in sentences, shared by all formats.
 *
 * Knows how a model, a change and a speedup are said. Refuses to know where the sentence will stand.
 */

struct buffer;
struct recommendation;

/* "Use PROCESSES: 4 workers", "Keep it SERIAL", "No verdict" */
void verdict_headline(struct buffer *b, const struct recommendation *r);

/*
 * "12.4 s -> 3.6 s expected (3.4x, 95 % CI 3.2-3.5x), replayed here."; nothing where nothing is expected.
 * Of a program that was measured for a while only, "3.4x the work per second expected ..."
 */
void verdict_expectation(struct buffer *b, const struct recommendation *r);

/* The leaf's reason; without a verdict also how to get one. */
void verdict_reason(struct buffer *b, const struct recommendation *r);
