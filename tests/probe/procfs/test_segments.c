/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "base/base.h"
#include "held.h"
#include "probe/procfs/segments.h"

static uint16_t local_port(int fd)
{
    struct sockaddr_storage address;
    socklen_t length = sizeof(address);

    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    return ntohs(address.ss_family == AF_INET ? ((struct sockaddr_in *)&address)->sin_port
                                              : ((struct sockaddr_in6 *)&address)->sin6_port);
}

/* Messages of one byte with a pause that keeps the kernel from joining them. */
static void say(int fd, int times)
{
    for (int i = 0; i < times; i++) {
        assert_int_equal(write(fd, "x", 1), 1);
        usleep(2000);
    }
}

static void segments_of_a_connection_are_counted_each_way(void **state)
{
    static const int families[] = {AF_INET, AF_INET6};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
        AUTO_CLOSE int server = listen_tcp(families[i]);
        AUTO_CLOSE int client = connect_to(server);
        AUTO_CLOSE int accepted = accept(server, NULL, NULL);
        const int at_once = 1;
        struct segments segments = {.sent = 77};

        assert_true(accepted >= 0);
        assert_int_equal(setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &at_once, sizeof(at_once)), 0);
        say(client, 1);
        say(accepted, 12);
        assert_int_equal(segments_of(local_port(client), inode_of(client), &segments), 0);
        assert_int_equal(segments.sent, 1);
        assert_int_equal(segments.received, 12);
        assert_int_equal(segments_of(local_port(client), inode_of(server), &segments), -ENOENT);
        assert_int_equal(segments.sent, 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(segments_of_a_connection_are_counted_each_way),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
