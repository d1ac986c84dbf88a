/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * escape: makes whatever a target can name (arguments, comm, paths, functions) safe to show.
 *
 * Knows UTF-8, control characters and the invisible marks that reorder text. Refuses to trust any byte: what is left
 * after escaping is printable text on one line. Bytes that are not UTF-8 become \xNN, code points that must not reach
 * a terminal become \xNN (below 0x100) or \u{N}.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buffer;

/* Append `raw` for a terminal or a text file; utf8 false: everything beyond ASCII is escaped. NULL raw: nothing. */
void escape_terminal(struct buffer *b, const char *raw, bool utf8);

/* The same for a field of a fixed size that may lack its terminator (comm). */
void escape_terminal_field(struct buffer *b, const char *raw, size_t size, bool utf8);

/* Append `raw`, at most `n` bytes of it, as valid UTF-8: only bytes that are not UTF-8 are replaced, by \xNN. */
void escape_utf8(struct buffer *b, const char *raw, size_t n);

/*
 * Decode one code point.
 * @return its length in bytes, or 0 when the bytes are not UTF-8 (overlong, surrogate, truncated, beyond U+10FFFF)
 */
size_t escape_decode(const char *text, size_t n, uint32_t *ret_code);

/* Columns that escaped text takes on a terminal. */
size_t escape_columns(const char *text);

/*
 * The longest prefix of `text` that fits into `columns`; whole code points only.
 * @param ret_used  columns it takes (a wide character may leave one free); may be NULL
 * @return its length in bytes
 */
size_t escape_fit(const char *text, size_t columns, size_t *ret_used);
