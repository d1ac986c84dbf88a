/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/measurement_text.h"

#include "base/base.h"
#include "base/utf8.h"

/* Stands as it is: valid, and nothing that acts where the file is shown. */
static size_t plain_length(const char *text)
{
    uint32_t code = 0;
    size_t length = utf8_decode(text, strnlen(text, 4), &code);

    return code == '%' || utf8_unsafe(code) ? 0 : length;
}

char *measurement_text_escape(const char *raw)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t size = strlen(raw);
    char *escaped = size < SIZE_MAX / 3 - 1 ? malloc(size * 3 + 1) : NULL;
    char *out = escaped;

    if (!escaped)
        return NULL;
    while (*raw) {
        size_t length = plain_length(raw);

        if (length == 0) {
            *out++ = '%';
            *out++ = digits[(unsigned char)*raw >> 4];
            *out++ = digits[(unsigned char)*raw & 15];
            raw++;
            continue;
        }
        memcpy(out, raw, length);
        out += length;
        raw += length;
    }
    *out = '\0';
    return escaped;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return -1;
}

int measurement_text_unescape(const char *escaped, char **ret_raw)
{
    AUTO_FREE char *raw = malloc(strlen(escaped) + 1);
    char *out = raw;

    if (!raw)
        return -ENOMEM;
    while (*escaped) {
        int high, low;

        if (*escaped != '%') {
            *out++ = *escaped++;
            continue;
        }
        high = hex_digit(escaped[1]);
        low = high < 0 ? -1 : hex_digit(escaped[2]);
        if (low < 0 || (high == 0 && low == 0))
            return -EBADMSG;
        *out++ = (char)(high << 4 | low);
        escaped += 3;
    }
    *out = '\0';
    *ret_raw = TAKE_PTR(raw);
    return 0;
}
