/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * proto: fields of a protocol buffer message, appended to a buffer (protobuf.dev, "Encoding"). Two wire types are
 * enough here: varint and length-delimited. A field with the default value is left out, as proto3 does.
 */

#include <stddef.h>
#include <stdint.h>

struct buffer;

void proto_number(struct buffer *b, unsigned field, uint64_t value);
void proto_bytes(struct buffer *b, unsigned field, const char *bytes, size_t n); /* also empty ones */
void proto_message(struct buffer *b, unsigned field, const struct buffer *message);
void proto_packed(struct buffer *b, unsigned field, const uint64_t *values, size_t n);
