/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/utf8.h"

#include "base/base.h"

size_t utf8_decode(const char *text, size_t n, uint32_t *ret_code)
{
    /* Smallest code point of each length: anything below is an overlong form. */
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *p = (const unsigned char *)text;
    size_t length;
    uint32_t code;

    if (n == 0)
        return 0;
    if (p[0] < 0x80) {
        *ret_code = p[0];
        return 1;
    }
    if ((p[0] & 0xe0) == 0xc0)
        length = 2;
    else if ((p[0] & 0xf0) == 0xe0)
        length = 3;
    else if ((p[0] & 0xf8) == 0xf0)
        length = 4;
    else
        return 0;
    if (length > n)
        return 0;
    code = p[0] & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (p[i] & 0x3f);
    }
    if (code < smallest[length] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
        return 0;
    *ret_code = code;
    return length;
}

bool utf8_unsafe(uint32_t code)
{
    static const struct {
        uint32_t first, last;
    } ranges[] = {
        {0x0000, 0x001f},    /* C0 controls, newline and tab included: a name stays on its line */
        {0x007f, 0x009f},    /* DEL and C1 controls: U+009B is CSI on some terminals */
        {0x00ad, 0x00ad},    /* soft hyphen */
        {0x034f, 0x034f},    /* combining grapheme joiner */
        {0x0600, 0x0605},    /* Arabic number signs: they stretch over what follows */
        {0x061c, 0x061c},    /* Arabic letter mark */
        {0x06dd, 0x06dd},    /* Arabic end of ayah */
        {0x070f, 0x070f},    /* Syriac abbreviation mark */
        {0x0890, 0x0891},    /* Arabic pound and piastre mark */
        {0x08e2, 0x08e2},    /* Arabic disputed end of ayah */
        {0x115f, 0x1160},    /* Hangul fillers: blank */
        {0x17b4, 0x17b5},    /* Khmer inherent vowels: blank */
        {0x180b, 0x180f},    /* Mongolian variation selectors and vowel separator */
        {0x200b, 0x200f},    /* zero width characters, left-to-right and right-to-left marks */
        {0x2028, 0x202e},    /* line and paragraph separator, bidi embeddings and overrides */
        {0x2060, 0x206f},    /* invisible operators, bidi isolates */
        {0x2800, 0x2800},    /* Braille blank */
        {0x3164, 0x3164},    /* Hangul filler */
        {0xd800, 0xf8ff},    /* surrogates; private use */
        {0xfdd0, 0xfdef},    /* noncharacters */
        {0xfe00, 0xfe0f},    /* variation selectors */
        {0xfeff, 0xfeff},    /* byte order mark */
        {0xffa0, 0xffa0},    /* half-width Hangul filler */
        {0xfff0, 0xfffb},    /* interlinear annotation */
        {0xfffe, 0xffff},    /* noncharacters */
        {0x110bd, 0x110bd},  /* Kaithi number sign */
        {0x110cd, 0x110cd},  /* Kaithi number sign above */
        {0x13430, 0x1343f},  /* Egyptian hieroglyph format controls */
        {0x1bca0, 0x1bca3},  /* shorthand format controls */
        {0x1d173, 0x1d17a},  /* musical format controls */
        {0xe0000, 0x10ffff}, /* tags, variation selectors, private planes */
    };

    for (size_t i = 0; i < ARRAY_SIZE(ranges) && code >= ranges[i].first; i++)
        if (code <= ranges[i].last)
            return true;
    return code >= 0x1fffe && (code & 0xfffe) == 0xfffe;
}

size_t utf8_cut(const char *text, size_t most)
{
    size_t n = strnlen(text, most);

    while (text[n] && n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80)
        n--;
    return n;
}
