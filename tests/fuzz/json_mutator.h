/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * json_mutator: changes JSON documents value by value, so that most of what comes out still parses and gets past the
 * first check. One change in eight is of bytes, for the parser's sake.
 */

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

/* @param mend  called on the changed document, to make it consistent again; may be NULL */
size_t json_mutate(uint8_t *data, size_t size, size_t max_size, unsigned int seed, void (*mend)(json_t *document));

/* For json_mutate(): the sums of a saved measurement (probe/measurement_check.c) as they must be. */
void json_mutator_balance(json_t *document);
