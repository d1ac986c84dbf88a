/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/buffer.h"

#include <stdarg.h>

void buffer_clear(struct buffer *b)
{
    free(b->data);
    *b = (struct buffer){0};
}

void buffer_reset(struct buffer *b)
{
    b->length = 0;
    if (b->data)
        b->data[0] = '\0';
}

/* Room for `more` bytes and the terminator. */
static bool buffer_reserve(struct buffer *b, size_t more)
{
    if (b->error)
        return false;
    if (more > SIZE_MAX - b->length - 1)
        b->error = -ENOMEM;
    else
        b->error = base_grow(&b->data, &b->capacity, b->length + more + 1, 1);
    return b->error == 0;
}

void buffer_add_bytes(struct buffer *b, const char *bytes, size_t n)
{
    if (n == 0 || !buffer_reserve(b, n))
        return;
    memcpy(b->data + b->length, bytes, n);
    b->length += n;
    b->data[b->length] = '\0';
}

void buffer_add(struct buffer *b, const char *text)
{
    buffer_add_bytes(b, text, strlen(text));
}

void buffer_format(struct buffer *b, const char *format, ...)
{
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n < 0) {
        b->error = b->error ? b->error : -EINVAL;
        return;
    }
    if (!buffer_reserve(b, (size_t)n))
        return;
    va_start(args, format);
    (void)vsnprintf(b->data + b->length, (size_t)n + 1, format, args);
    va_end(args);
    b->length += (size_t)n;
}

const char *buffer_text(const struct buffer *b)
{
    return b->data ? b->data : "";
}
