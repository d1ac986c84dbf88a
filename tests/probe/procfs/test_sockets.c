/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/base.h"
#include "held.h"
#include "probe/procfs/peek.h"
#include "probe/procfs/sockets.h"
#include "probe/procfs/tcp_table.h"

static struct peek_sockets look(const int *descriptors, size_t n)
{
    pid_t child = keep_only(descriptors, n);
    struct tcp_table table = {0};
    struct peek_sockets sockets;

    memset(&sockets, 0xff, sizeof(sockets));
    assert_int_equal(peek_sockets(child, &table, &sockets), 0);
    end_held(child);
    tcp_table_clear(&table);
    return sockets;
}

static void both_ends_of_a_connection_are_told_apart(void **state)
{
    static const int families[] = {AF_INET, AF_INET6};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
        AUTO_CLOSE int server = listen_tcp(families[i]);
        AUTO_CLOSE int first = connect_to(server);
        AUTO_CLOSE int second = connect_to(server);
        AUTO_CLOSE int accepted = accept(server, NULL, NULL);
        const int client_side[] = {first, second};
        const int server_side[] = {server, accepted};
        struct peek_sockets sockets = look(client_side, 2);

        assert_false(sockets.listens);
        assert_int_equal(sockets.outbound, 2);
        assert_int_equal(sockets.inbound, 0);
        assert_false(sockets.truncated);
        sockets = look(server_side, 2);
        assert_true(sockets.listens);
        assert_int_equal(sockets.outbound, 0);
        assert_int_equal(sockets.inbound, 1);
    }
}

static void closed_and_unconnected_sockets_do_not_count(void **state)
{
    AUTO_CLOSE int server = listen_tcp(AF_INET);
    AUTO_CLOSE int client = connect_to(server);
    AUTO_CLOSE int idle = socket(AF_INET, SOCK_STREAM, 0);
    AUTO_CLOSE int datagram = socket(AF_INET, SOCK_DGRAM, 0);
    const int descriptors[] = {client, idle, datagram};

    (void)state;
    assert_int_equal(look(descriptors, 3).outbound, 1);
    assert_int_equal(look(descriptors + 1, 2).outbound, 0);
    assert_int_equal(look(NULL, 0).outbound, 0);
    assert_int_equal(shutdown(client, SHUT_WR), 0);
    assert_int_equal(look(descriptors, 3).outbound, 0);
}

static void a_unix_server_listens(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    AUTO_CLOSE int server = socket(AF_UNIX, SOCK_STREAM, 0);
    int pair[2];

    (void)state;
    snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1, "concadvise-test-%d", (int)getpid());
    assert_int_equal(bind(server, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_false(look(&server, 1).listens);
    assert_int_equal(listen(server, 1), 0);
    assert_true(look(&server, 1).listens);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    assert_false(look(pair, 2).listens);
    assert_int_equal(look(pair, 2).outbound, 0);
    (void)close(pair[0]);
    (void)close(pair[1]);
}

/* A server on any address, in a network namespace of its own; the pipe closes when it listens. */
static void serve_elsewhere(int ready)
{
    const struct sockaddr_in any = {.sin_family = AF_INET};
    int fd;

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (unshare(geteuid() == 0 ? CLONE_NEWNET : CLONE_NEWUSER | CLONE_NEWNET) < 0)
        _exit(EXIT_FAILURE);
    fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&any, sizeof(any)) < 0 || listen(fd, 1) < 0 ||
        write(ready, "", 1) != 1)
        _exit(EXIT_FAILURE);
    for (;;)
        pause();
}

static void a_server_in_a_network_of_its_own_listens(void **state)
{
    struct tcp_table table = {0};
    struct peek_sockets sockets;
    int ready[2];
    pid_t child;
    char byte;

    (void)state;
    assert_int_equal(pipe(ready), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0)
        serve_elsewhere(ready[1]);
    (void)close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    (void)close(ready[0]);
    assert_int_equal(peek_sockets(child, &table, &sockets), 0);
    assert_true(sockets.listens);
    assert_int_equal(table.lists, 0); /* that would be our own network's */
    end_held(child);
}

/* Looks one after the other ask the kernel once; a moment later what has connected since is seen. */
static void looks_share_a_list_for_a_moment(void **state)
{
    struct tcp_table table = {0};
    AUTO_CLOSE int server = listen_tcp(AF_INET);
    AUTO_CLOSE int first = connect_to(server);
    const int descriptors[] = {server, first};
    struct peek_sockets sockets;
    uint32_t before;
    int second;

    (void)state;
    assert_int_equal(peek_sockets(getpid(), &table, &sockets), 0);
    assert_int_equal(table.lists, 1);
    before = sockets.outbound;
    for (size_t i = 0; i < ARRAY_SIZE(descriptors); i++) {
        struct socket_set one = {.n = 0};
        struct port_set ports = {0};

        one.inodes[one.n++] = inode_of(descriptors[i]);
        table.made_ns = UINT64_MAX / 2; /* fresh, however long this test is kept waiting */
        assert_int_equal(sockets_classify(getpid(), &one, &ports, &table, &sockets), 0);
        assert_int_equal(sockets.listens, i == 0);
        assert_int_equal(sockets.outbound, i == 1);
    }
    assert_int_equal(table.lists, 1);
    second = connect_to(server);
    table.made_ns = 1; /* long ago */
    assert_int_equal(peek_sockets(getpid(), &table, &sockets), 0);
    assert_int_equal(table.lists, 2);
    assert_true(sockets.listens);
    assert_int_equal(sockets.outbound, before + 1);
    (void)close(second);
    tcp_table_clear(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_ends_of_a_connection_are_told_apart),
        cmocka_unit_test(closed_and_unconnected_sockets_do_not_count),
        cmocka_unit_test(a_unix_server_listens),
        cmocka_unit_test(a_server_in_a_network_of_its_own_listens),
        cmocka_unit_test(looks_share_a_list_for_a_moment),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
