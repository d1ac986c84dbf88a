/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * measurement_text: strings of the target (raw bytes) as UTF-8 and back.
 *
 * A target names its threads and files with any bytes it likes; a saved measurement is UTF-8. Bytes that are not part
 * of valid UTF-8 become %XX, and '%' itself becomes %25, so that every string survives and most stay readable.
 */

#include <stddef.h>

/* @return the escaped copy, owned by the caller, or NULL (out of memory) */
char *measurement_text_escape(const char *raw);

/*
 * The way back.
 * @param ret_raw  owned by the caller
 * @return 0, -ENOMEM, -EBADMSG (a '%' without two hexadecimal digits, or %00)
 */
int measurement_text_unescape(const char *escaped, char **ret_raw);

/* Length of the valid UTF-8 sequence at `text` (NUL-terminated), 0 where there is none. */
size_t measurement_text_utf8_length(const char *text);
