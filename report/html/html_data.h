/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * html_data: what the charts of the page are drawn from, as one JSON document; page.js says what it expects.
 *
 * Bounded whatever was measured: what was left out or merged is in it as numbers, and the page says so.
 */

#include <stddef.h>

/* Places that a flame graph shows; what is below is dust. */
#define HTML_DATA_MOST_SITES 2000

struct measurement;

/*
 * Timeline and flame graph; not yet safe within <script>: escape_json_script().
 * @param most_sites  places in the flame graph, those with most time
 * @param ret_text  owned by the caller; untouched on failure
 * @return 0 or -ENOMEM
 */
int html_data(const struct measurement *m, size_t most_sites, char **ret_text, size_t *ret_n);
