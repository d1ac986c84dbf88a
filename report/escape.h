/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * escape: makes whatever a target can name (arguments, comm, paths, functions) safe to show: the one place that does,
 * for every form of a report.
 *
 * Refuses to trust any byte. In all forms a byte that is not UTF-8 becomes \xNN, a code point that must not be shown
 * (base/utf8.h) \xNN below U+0080 and \u{N} above, and a backslash that would read as the start of one of these \x5c:
 * so what was meant is always known. Text of people's own making keeps its other backslashes.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buffer;

/*
 * Append `raw` for a terminal or a text file; utf8 false: everything beyond ASCII is escaped. NULL raw: nothing. A pile
 * of combining marks that would cover other lines is escaped, too.
 */
void escape_terminal(struct buffer *b, const char *raw, bool utf8);

/* The same for a field of a fixed size that may lack its terminator (comm). */
void escape_terminal_field(struct buffer *b, const char *raw, size_t size, bool utf8);

/*
 * Append `raw`, `n` bytes of it, as valid UTF-8 for a string of a JSON document: only bytes that are not UTF-8 are
 * replaced, by \xNN (and the backslash before what looks like it). Code points keep their value: escape_json() makes
 * the document safe.
 */
void escape_utf8(struct buffer *b, const char *raw, size_t n);

/* The way back, in place: every \xNN becomes that byte again (\x00, which is never written, stays). */
void escape_utf8_undo(char *text);

/*
 * Append a serialised JSON document (`n` bytes, valid) so that it can be shown: in its strings, unsafe code points as
 * \uNNNN. It stays the same document.
 */
void escape_json(struct buffer *b, const char *document, size_t n);

/* The same for <script> in an HTML page: `<`, `>`, `&` as \u003c and so on, too: neither </script> nor <!-- is left. */
void escape_json_script(struct buffer *b, const char *document, size_t n);

/* Append `raw` for HTML: as text, and as the value of an attribute in either quotes. */
void escape_html(struct buffer *b, const char *raw);

/* Append `raw` as text of Markdown (GitHub's dialect): in a paragraph, a list, a cell of a table. */
void escape_markdown(struct buffer *b, const char *raw);

/* Append `raw` as inline code of Markdown. in_table: a cell, where `|` has to be told from the border. "": nothing. */
void escape_markdown_code(struct buffer *b, const char *raw, bool in_table);

/* Columns that escaped text takes on a terminal. */
size_t escape_columns(const char *text);

/*
 * The longest prefix of `text` that fits into `columns`; whole code points only.
 * @param ret_used  columns it takes (a wide character may leave one free); may be NULL
 * @return its length in bytes
 */
size_t escape_fit(const char *text, size_t columns, size_t *ret_used);
