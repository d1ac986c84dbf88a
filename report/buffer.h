/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * buffer: a growing string with a sticky error, so that rendering code checks for lack of memory once, at its end.
 *
 * Knows bytes. Refuses to know what they mean: escape.h and layout.h do.
 */

#include <stddef.h>

#include "base/base.h"

struct buffer {
    char *data; /* NUL-terminated when not NULL */
    size_t length;
    size_t capacity;
    int error; /* 0, or the first -errno: later additions do nothing */
};

#define AUTO_BUFFER CLEANUP(buffer_clear) struct buffer

void buffer_clear(struct buffer *b); /* frees the bytes, leaves a zeroed buffer; for CLEANUP() */
void buffer_reset(struct buffer *b); /* empties it, keeps memory and error */

/* Append. Failures are in b->error. */
void buffer_add(struct buffer *b, const char *text);
void buffer_add_bytes(struct buffer *b, const char *bytes, size_t n);
void buffer_format(struct buffer *b, const char *format, ...) PRINTF_LIKE(2, 3);

/* @return what was collected, "" when nothing was; never NULL; valid until the next change */
const char *buffer_text(const struct buffer *b);
