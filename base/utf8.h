/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * utf8: bytes as code points, and which code points must not be shown as they are.
 *
 * Knows the encoding (RFC 3629) and Unicode's properties. Refuses to know how a name is escaped instead:
 * report/escape.h for people and documents, probe/measurement_text.h for files.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Decode one code point.
 * @param ret_code  untouched on failure
 * @return its length in bytes, or 0 when the bytes are not UTF-8 (overlong, surrogate, truncated, beyond U+10FFFF)
 */
size_t utf8_decode(const char *text, size_t n, uint32_t *ret_code);

/*
 * Does a code point steer a terminal, break the line, reorder or hide what is around it, or look like whatever the font
 * likes? Controls (C0, DEL, C1), line separators, bidirectional and other format characters (Unicode's Cf and
 * Default_Ignorable_Code_Point), blank fillers, private use, noncharacters.
 */
bool utf8_unsafe(uint32_t code);

/* The longest prefix of `text` of at most `most` bytes that does not end within a code point. @return its length */
size_t utf8_cut(const char *text, size_t most);
