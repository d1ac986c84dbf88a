/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * measurement_json: a measurement as a file.
 *
 * Knows the saved format ("concadvise_measurement": 1; docs/measurement-format.md). Treats a file as untrusted: sizes,
 * types, ranges and invariants are checked before anything is believed. Refuses to judge or to print.
 */

#include <stddef.h>

struct measurement;

/*
 * Write to `path` by way of a temporary file in the same directory, fsync and rename: on any failure what was there
 * before is untouched and nothing is left behind.
 *
 * @param ret_field  set to the name of the field with a number that JSON can't hold (static), else to NULL; may be NULL
 * @return 0 or -errno (-ENOSPC, -EACCES, ...); -ERANGE: *ret_field is wrong, a defect of whoever filled it in
 */
int measurement_save(const struct measurement *m, const char *path, const char **ret_field);

/*
 * Read a saved measurement.
 *
 * @param ret_m      owned by the caller, measurement_free(); untouched on failure
 * @param message    filled with what was wrong and where ("line 3: thread_time_ns: expected a number"); never NULL
 * @param size       size of message
 * @return 0, -errno from opening or reading, -EBADMSG (not JSON, truncated, wrong types or broken invariants),
 *         -EPROTONOSUPPORT (a later format version)
 */
int measurement_load(const char *path, struct measurement **ret_m, char *message, size_t size);

const char *measurement_jansson_version(void); /* of the library in use; static */
