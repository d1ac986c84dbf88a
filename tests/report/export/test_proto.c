/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "report/buffer.h"
#include "report/export/proto.h"

static void assert_bytes(const struct buffer *b, const char *bytes, size_t n)
{
    assert_int_equal(b->error, 0);
    assert_int_equal(b->length, n);
    assert_memory_equal(buffer_text(b), bytes, n);
}

/* The examples of protobuf.dev, "Encoding". */
static void fields_are_as_the_specification_has_them(void **state)
{
    const uint64_t packed[] = {3, 270, 86942};
    AUTO_BUFFER b = {0}, message = {0};

    (void)state;
    proto_number(&b, 1, 150);
    assert_bytes(&b, "\x08\x96\x01", 3);
    buffer_reset(&b);
    proto_bytes(&b, 2, "testing", 7);
    assert_bytes(&b, "\x12\x07testing", 9);
    buffer_reset(&b);
    proto_packed(&b, 6, packed, 3);
    assert_bytes(&b, "\x32\x06\x03\x8e\x02\x9e\xa7\x05", 8);
    buffer_reset(&b);
    proto_number(&message, 1, 150);
    proto_message(&b, 3, &message);
    assert_bytes(&b, "\x1a\x03\x08\x96\x01", 5);
}

static void limits(void **state)
{
    AUTO_BUFFER b = {0};

    (void)state;
    proto_number(&b, 1, 0);
    assert_int_equal(b.length, 0);
    proto_number(&b, 16, UINT64_MAX);
    assert_bytes(&b, "\x80\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12);
    buffer_reset(&b);
    proto_bytes(&b, 1, "a\0b", 3);
    assert_bytes(&b,
                 "\x0a\x03"
                 "a\0b",
                 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_as_the_specification_has_them),
        cmocka_unit_test(limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
