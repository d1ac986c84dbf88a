/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * measurement_schema: the fields of a measurement as a table, from which both the writer and the reader work.
 *
 * A new field of the contract is one line in measurement_schema.c. Knows names, types and limits. Refuses to know JSON.
 */

#include <stdbool.h>
#include <stddef.h>

enum field_type {
    FIELD_END,
    FIELD_U64,     /* up to INT64_MAX: JSON readers have no more */
    FIELD_U32,     /* uint32_t */
    FIELD_I32,     /* int32_t, never negative */
    FIELD_BOOL,    /* bool */
    FIELD_DOUBLE,  /* double, finite */
    FIELD_TEXT,    /* char[size] */
    FIELD_STRING,  /* char *, owned; JSON null where `required` is false */
    FIELD_STRINGS, /* char **, counted */
    FIELD_U64S,    /* uint64_t *, counted */
    FIELD_CAUSES,  /* uint64_t[CAUSE_COUNT]; an object without the zeros */
    FIELD_ENUM,    /* int-sized enum, by its id */
    FIELD_STRUCT,  /* embedded struct */
    FIELD_STRUCTS, /* struct *, counted */
    FIELD_SLICES,  /* struct slice *, counted; flat integers */
};

/* How an enum is spelled. */
struct field_ids {
    const char *(*to_str)(int value); /* NULL: out of range */
    int (*from_str)(const char *id, int *ret_value);
};

struct field {
    const char *name;
    enum field_type type;
    bool required;              /* absent: an error; else absent means the default of measurement_new(), 0 */
    size_t offset;              /* in the enclosing struct */
    size_t size;                /* capacity of a text, or size of one element */
    size_t count_offset;        /* of the size_t that counts elements */
    size_t max_count;           /* most elements believed */
    const struct field *fields; /* of the struct(s) */
    const struct field_ids *ids;
};

/* Integers per slice in the flat array, in this order: see FIELD_SLICES in docs/measurement-format.md. */
#define MEASUREMENT_SLICE_FIELDS 7

/* Fields of struct measurement, ended by FIELD_END. */
extern const struct field measurement_schema[];
