/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/measurement_text.h"

#include "base/base.h"

size_t measurement_text_utf8_length(const char *text)
{
    const unsigned char *byte = (const unsigned char *)text;
    uint32_t code;
    size_t length;
    /* Smallest code point of each length: anything below is an overlong form. */
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};

    if (byte[0] < 0x80)
        return byte[0] ? 1 : 0;
    if ((byte[0] & 0xe0) == 0xc0)
        length = 2;
    else if ((byte[0] & 0xf0) == 0xe0)
        length = 3;
    else if ((byte[0] & 0xf8) == 0xf0)
        length = 4;
    else
        return 0;
    code = byte[0] & (0x7fU >> length);
    for (size_t i = 1; i < length; i++) {
        /* The terminating NUL is no continuation byte: never reads past it. */
        if ((byte[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (byte[i] & 0x3f);
    }
    if (code < smallest[length] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
        return 0;
    return length;
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
        size_t length = *raw == '%' ? 0 : measurement_text_utf8_length(raw);

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
