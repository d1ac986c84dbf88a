/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * measurement_text: strings of the target (raw bytes) as UTF-8 and back.
 *
 * A target names its threads and files with any bytes it likes; a saved measurement is UTF-8 that can be looked at.
 * Bytes that are not part of valid UTF-8, and those of code points that must not be shown (base/utf8.h), become %XX,
 * and '%' itself becomes %25, so that every string survives and most stay readable.
 */

/* @return the escaped copy, owned by the caller, or NULL (out of memory) */
char *measurement_text_escape(const char *raw);

/*
 * The way back.
 * @param ret_raw  owned by the caller
 * @return 0, -ENOMEM, -EBADMSG (a '%' without two hexadecimal digits, or %00)
 */
int measurement_text_unescape(const char *escaped, char **ret_raw);
