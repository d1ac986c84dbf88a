/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/export/proto.h"

#include "report/buffer.h"

enum wire_type {
    VARINT = 0,
    LENGTH_DELIMITED = 2,
};

static void add_varint(struct buffer *b, uint64_t value)
{
    char bytes[10];
    size_t n = 0;

    do {
        bytes[n] = (char)(value & 0x7f);
        value >>= 7;
        if (value)
            bytes[n] = (char)(bytes[n] | 0x80);
        n++;
    } while (value);
    buffer_add_bytes(b, bytes, n);
}

void proto_number(struct buffer *b, unsigned field, uint64_t value)
{
    if (value == 0)
        return;
    add_varint(b, (uint64_t)field << 3 | VARINT);
    add_varint(b, value);
}

void proto_bytes(struct buffer *b, unsigned field, const char *bytes, size_t n)
{
    add_varint(b, (uint64_t)field << 3 | LENGTH_DELIMITED);
    add_varint(b, n);
    buffer_add_bytes(b, bytes, n);
}

void proto_message(struct buffer *b, unsigned field, const struct buffer *message)
{
    if (message->error && !b->error)
        b->error = message->error;
    proto_bytes(b, field, buffer_text(message), message->length);
}

void proto_packed(struct buffer *b, unsigned field, const uint64_t *values, size_t n)
{
    AUTO_BUFFER packed = {0};

    for (size_t i = 0; i < n; i++)
        add_varint(&packed, values[i]);
    proto_message(b, field, &packed);
}
