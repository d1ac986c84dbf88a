/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/socket.h>

#include "base/base.h"
#include "probe/wire.h"

static void messages_arrive_whole_and_in_order(void **state)
{
    AUTO_FREE void *buffer = NULL;
    struct wire_header header;
    size_t capacity = 0;
    int pair[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(wire_send(pair[0], WIRE_FAILED, "no", 2), 0);
    assert_int_equal(wire_send(pair[0], WIRE_STOP, NULL, 0), 0);
    assert_int_equal(wire_receive(pair[1], &header, &buffer, &capacity), 1);
    assert_int_equal(header.type, WIRE_FAILED);
    assert_int_equal(header.size, 2);
    assert_string_equal(buffer, "no");
    assert_int_equal(wire_receive(pair[1], &header, &buffer, &capacity), 1);
    assert_int_equal(header.type, WIRE_STOP);
    assert_int_equal(header.size, 0);
    (void)close(pair[0]);
    assert_int_equal(wire_receive(pair[1], &header, &buffer, &capacity), 0);
    assert_int_equal(header.type, WIRE_STOP);
    assert_int_equal(wire_send(pair[1], WIRE_STOP, NULL, 0), -EPIPE);
    (void)close(pair[1]);
}

static void what_makes_no_sense_is_refused(void **state)
{
    struct wire_header header = {.type = WIRE_RECORDS, .size = WIRE_MAX + 1};
    AUTO_FREE void *buffer = NULL;
    size_t capacity = 0;
    int pair[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(wire_send(pair[0], WIRE_RECORDS, "", WIRE_MAX + 1), -EMSGSIZE);
    assert_int_equal(write(pair[0], &header, sizeof(header)), sizeof(header));
    assert_int_equal(wire_receive(pair[1], &header, &buffer, &capacity), -EPROTO);
    /* Ended in the middle of a message. */
    header.size = 100;
    assert_int_equal(write(pair[0], &header, sizeof(header)), sizeof(header));
    assert_int_equal(write(pair[0], "half", 4), 4);
    (void)close(pair[0]);
    assert_int_equal(wire_receive(pair[1], &header, &buffer, &capacity), -EPROTO);
    (void)close(pair[1]);
}

static void room_is_told_before_the_buffer_is_full(void **state)
{
    static const char payload[4096];
    AUTO_FREE void *buffer = NULL;
    struct wire_header header;
    size_t capacity = 0, sent = 0;
    int ends[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    assert_true(wire_has_room(ends[0]));
    /* Where it said that there is room, sending has not waited: else this test would hang. */
    for (; wire_has_room(ends[0]) && sent < 10000; sent++)
        assert_int_equal(wire_send(ends[0], WIRE_PYTHON, payload, sizeof(payload)), 0);
    assert_true(sent > 0 && sent < 10000);
    for (size_t i = 0; i < sent; i++)
        assert_int_equal(wire_receive(ends[1], &header, &buffer, &capacity), 1);
    assert_true(wire_has_room(ends[0]));
    (void)close(ends[0]);
    (void)close(ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_arrive_whole_and_in_order),
        cmocka_unit_test(room_is_told_before_the_buffer_is_full),
        cmocka_unit_test(what_makes_no_sense_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
