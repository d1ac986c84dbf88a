/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * json_out: values of a JSON document, made so that one sticky flag serves instead of a check per field. Shared by the
 * files json*.c only: jansson is seen nowhere else in this room.
 *
 * Whatever makes a value hands it over to the caller, and takes over those it is given; NULL (out of memory) is
 * accepted wherever a value is, and remembered.
 */

#include <jansson.h>

#include "analyzer/advice.h"

struct json_out {
    bool failed; /* something could not be made: the document is not whole */
};

void out_set(struct json_out *o, json_t *object, const char *key, json_t *value);
void out_push(struct json_out *o, json_t *array, json_t *value);

json_t *out_number(uint64_t value);           /* capped at INT64_MAX */
json_t *out_number_or_null(uint64_t value);   /* 0 becomes null */
json_t *out_real(double value);               /* what JSON can't say becomes null */
json_t *out_bytes(const char *raw, size_t n); /* raw bytes as text: escape_utf8() */
json_t *out_text(const char *raw);            /* NULL becomes null */
json_t *out_field(const char *raw, size_t n); /* a field of a fixed size that may lack its terminator */
#define OUT_FIELD(field) out_field((field), sizeof(field))

json_t *out_pair(struct json_out *o, json_t *first, json_t *second);
json_t *out_strings(struct json_out *o, char *const *items, size_t n);

/* Every cause is present, so that a reader needs no defaults. */
json_t *out_causes(struct json_out *o, const uint64_t values[CAUSE_COUNT]);

json_t *out_model(enum model model); /* no verdict becomes null */

/* Write the document, safe to be shown on a terminal, and a newline. @return 0 or -errno */
int out_document(const json_t *root, FILE *out);

/* Innermost first. */
json_t *out_frames(struct json_out *o, const struct frame *frames, size_t n);
json_t *out_site(struct json_out *o, const struct site *site);

/* The objects of the document that have files of their own. */
json_t *json_measurement(struct json_out *o, const struct measurement *m);       /* json_measurement.c */
json_t *json_recommendation(struct json_out *o, const struct recommendation *r); /* json_advice.c */
json_t *json_decision(struct json_out *o, const struct advice *a);
json_t *json_evidence(struct json_out *o, const struct evidence *e);
json_t *json_critical_path(struct json_out *o, const struct critical_path *path); /* json_waits.c */
json_t *json_wait_summary(struct json_out *o, const struct advice *a);
json_t *json_wait_for(struct json_out *o, const struct measurement *m);
