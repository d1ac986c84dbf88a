/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * json: the report for programs (DESIGN 7, schema_version 1; report.schema.json is its contract).
 *
 * Times are integers in ns, nothing is rounded. Changes within a schema version only add fields. Strings of the target
 * become valid UTF-8 (escape.h). Refuses to know anything about text.
 */

#include <stdio.h>

struct advice;
struct measurement;

#define JSON_SCHEMA_VERSION 1

/* @return 0, -ENOMEM, -EIO (writing failed; errno tells more where the stream set it) */
int json_write(FILE *out, const struct measurement *m, const struct advice *a);
