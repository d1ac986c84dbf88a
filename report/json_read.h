/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * json_read: a report that json_write() wrote, back as far as a comparison needs it (analyzer/compare/compare.h).
 *
 * Treats the file as untrusted: types and ranges are checked, unknown fields are ignored. Refuses to make a whole
 * measurement of it: threads, slices and sites are not in a report, or not all.
 */

#include <stddef.h>

struct advice;
struct measurement;

/*
 * @param ret_m, ret_a  owned by the caller: measurement_free(), advice_free(); untouched on failure
 * @param message       what is wrong and where; set on failure
 * @return 0, -ENOMSG (no JSON report at all), -EBADMSG (one, but damaged), -EPROTONOSUPPORT (a later schema), -ENOMEM,
 *         or -errno from opening or reading
 */
int json_read(const char *path, struct measurement **ret_m, struct advice **ret_a, char *message, size_t size);
