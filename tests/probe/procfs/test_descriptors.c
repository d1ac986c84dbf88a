/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/base.h"
#include "probe/bpf/abi.h"
#include "probe/procfs/descriptors.h"

struct fixture {
    struct descriptors *descriptors;
    pid_t child; /* has what we have, as it was when it was forked */
    uint32_t pids[2];
};

static uint64_t later = NSEC_PER_SEC; /* tables of a moment ago must not be taken for today's */

static void target_is(struct fixture *f, size_t n)
{
    f->pids[0] = (uint32_t)getpid();
    f->pids[1] = (uint32_t)f->child;
    later += 3600 * NSEC_PER_SEC;
    descriptors_set_target(f->descriptors, f->pids, n, later);
}

static void fork_child(struct fixture *f)
{
    f->child = fork();
    assert_true(f->child >= 0);
    if (f->child == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* when a test fails, too */
        (void)pause();
        _exit(0);
    }
}

static void end_child(struct fixture *f)
{
    (void)kill(f->child, SIGKILL);
    assert_int_equal(waitpid(f->child, NULL, 0), f->child);
}

static void setup(struct fixture *f)
{
    memset(f, 0, sizeof(*f));
    f->descriptors = descriptors_new();
    assert_non_null(f->descriptors);
}

static void a_pipe_is_told_by_who_has_its_other_end(void **state)
{
    struct fixture f;
    int fds[2];

    (void)state;
    setup(&f);
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    target_is(&f, 1);
    assert_int_equal(descriptors_kind(f.descriptors, getpid(), fds[0], false), WAIT_PIPE_SIBLING);
    fork_child(&f);
    target_is(&f, 2);
    assert_int_equal(descriptors_kind(f.descriptors, getpid(), fds[0], false), WAIT_PIPE_TARGET);
    (void)close(fds[1]);
    target_is(&f, 1); /* the child's end is outside now: it is none of the target */
    assert_int_equal(descriptors_kind(f.descriptors, getpid(), fds[0], false), WAIT_PIPE_OUTSIDE);
    target_is(&f, 2);
    assert_int_equal(descriptors_kind(f.descriptors, getpid(), fds[0], false), WAIT_PIPE_TARGET);
    end_child(&f);
    (void)close(fds[0]);
    descriptors_free(f.descriptors);
}

static void a_local_socket_is_told_by_its_peer(void **state)
{
    struct fixture f;
    int fds[2];

    (void)state;
    setup(&f);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    fork_child(&f);
    target_is(&f, 1);
    assert_int_equal(descriptors_kind(f.descriptors, getpid(), fds[0], false), WAIT_UNIX_SIBLING);
    (void)close(fds[1]);
    target_is(&f, 1);
    assert_int_equal(descriptors_kind(f.descriptors, getpid(), fds[0], false), WAIT_UNIX_OUTSIDE);
    target_is(&f, 2);
    assert_int_equal(descriptors_kind(f.descriptors, getpid(), fds[0], false), WAIT_UNIX_TARGET);
    end_child(&f);
    (void)close(fds[0]);
    descriptors_free(f.descriptors);
}

static int tcp_socket(struct sockaddr_in *address, bool listening)
{
    socklen_t size = sizeof(*address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    if (listening) {
        assert_int_equal(bind(fd, (struct sockaddr *)address, size), 0);
        assert_int_equal(listen(fd, 8), 0);
        assert_int_equal(getsockname(fd, (struct sockaddr *)address, &size), 0);
    } else {
        assert_int_equal(connect(fd, (struct sockaddr *)address, size), 0);
    }
    return fd;
}

static void tcp_is_served_or_asked(void **state)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int listener, client, server;
    struct fixture f;

    (void)state;
    setup(&f);
    listener = tcp_socket(&address, true);
    client = tcp_socket(&address, false);
    server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(server >= 0);
    target_is(&f, 1);
    assert_int_equal(descriptors_kind(f.descriptors, getpid(), server, false), WAIT_INET_SERVED);
    assert_int_equal(descriptors_kind(f.descriptors, getpid(), client, false), WAIT_INET_SIBLING);
    assert_int_equal(descriptors_kind(f.descriptors, getpid(), listener, false), WAIT_ACCEPT);
    fork_child(&f);
    (void)close(server);
    f.pids[0] = 0;
    target_is(&f, 1); /* the child alone serves */
    assert_int_equal(descriptors_kind(f.descriptors, getpid(), client, false), WAIT_INET_OUTSIDE);
    end_child(&f);
    (void)close(client);
    (void)close(listener);
    descriptors_free(f.descriptors);
}

static void a_selector_is_what_it_watches(void **state)
{
    int selector = epoll_create1(EPOLL_CLOEXEC), event = eventfd(0, EFD_CLOEXEC), fds[2];
    struct epoll_event wanted = {.events = EPOLLIN};
    struct fixture f;

    (void)state;
    setup(&f);
    target_is(&f, 1);
    assert_int_equal(descriptors_epoll_kind(f.descriptors, getpid(), selector), WAIT_EPOLL_OUTSIDE);
    assert_int_equal(epoll_ctl(selector, EPOLL_CTL_ADD, event, &wanted), 0);
    assert_int_equal(descriptors_epoll_kind(f.descriptors, getpid(), selector), WAIT_EPOLL_SIBLING);
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    fork_child(&f);
    (void)close(fds[1]);
    target_is(&f, 2);
    assert_int_equal(epoll_ctl(selector, EPOLL_CTL_ADD, fds[0], &wanted), 0);
    assert_int_equal(descriptors_epoll_kind(f.descriptors, getpid(), selector), WAIT_EPOLL_TARGET);
    assert_int_equal(descriptors_poll_kind(f.descriptors, getpid(), (int[]){event, fds[0]}, 2), WAIT_POLL_TARGET);
    target_is(&f, 1);
    assert_int_equal(descriptors_epoll_kind(f.descriptors, getpid(), selector), WAIT_EPOLL_OUTSIDE);
    end_child(&f);
    (void)close(fds[0]);
    (void)close(event);
    (void)close(selector);
    descriptors_free(f.descriptors);
}

static void files_and_nonsense_have_a_kind_too(void **state)
{
    int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    struct fixture f;

    (void)state;
    setup(&f);
    target_is(&f, 1);
    assert_int_equal(descriptors_kind(f.descriptors, getpid(), file, false), WAIT_FILE);
    assert_int_equal(descriptors_kind(f.descriptors, getpid(), 1000000, false), WAIT_UNKNOWN);
    assert_int_equal(descriptors_kind(f.descriptors, getpid(), -1, false), WAIT_UNKNOWN);
    (void)close(file);
    descriptors_free(f.descriptors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pipe_is_told_by_who_has_its_other_end),
        cmocka_unit_test(a_local_socket_is_told_by_its_peer),
        cmocka_unit_test(tcp_is_served_or_asked),
        cmocka_unit_test(a_selector_is_what_it_watches),
        cmocka_unit_test(files_and_nonsense_have_a_kind_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
