/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>

#include "base/base.h"
#include "held.h"
#include "probe/procfs/peek.h"
#include "probe/procfs/tcp_table.h"

static void many_descriptors_are_not_all_looked_at(void **state)
{
    struct rlimit limit;
    struct tcp_table table = {0};
    struct peek_sockets sockets;
    int fds[PEEK_MAX_FDS];

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    if (limit.rlim_cur < PEEK_MAX_FDS + 64) {
        limit.rlim_cur = limit.rlim_max;
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    }
    if (limit.rlim_cur < PEEK_MAX_FDS + 64)
        skip();
    for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
        assert_true((fds[i] = dup(STDERR_FILENO)) >= 0);
    assert_int_equal(peek_sockets(getpid(), &table, &sockets), 0);
    assert_true(sockets.truncated);
    for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
        (void)close(fds[i]);
    assert_int_equal(peek_sockets(getpid(), &table, &sockets), 0);
    assert_false(sockets.truncated);
    tcp_table_clear(&table);
}

static void watch_fd(int epoll, int fd)
{
    struct epoll_event event = {.events = EPOLLIN};

    assert_int_equal(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event), 0);
}

static void an_epoll_tells_its_outstanding_connections(void **state)
{
    AUTO_CLOSE int server = listen_tcp(AF_INET);
    AUTO_CLOSE int epoll = epoll_create1(EPOLL_CLOEXEC);
    AUTO_CLOSE int empty = epoll_create1(EPOLL_CLOEXEC);
    AUTO_CLOSE int elsewhere = listen_tcp(AF_INET6);
    AUTO_CLOSE int first = connect_to(elsewhere);
    AUTO_CLOSE int second = connect_to(elsewhere);
    AUTO_CLOSE int third = connect_to(elsewhere);
    AUTO_CLOSE int client = connect_to(server);
    AUTO_CLOSE int accepted = accept(server, NULL, NULL);
    int pipes[2];
    struct tcp_table table = {0};
    struct peek_sockets watched = {.outbound = 77};
    uint32_t timers = 77;
    pid_t child;

    (void)state;
    assert_int_equal(pipe(pipes), 0);
    watch_fd(epoll, first);
    watch_fd(epoll, second);
    watch_fd(epoll, accepted);
    watch_fd(epoll, pipes[0]);
    /* Neither the third connection, which is not watched, nor the accepted one counts, though nobody watches the
     * server. */
    {
        const int descriptors[] = {server, epoll, empty, first, second, third, accepted, pipes[0]};

        child = keep_only(descriptors, ARRAY_SIZE(descriptors));
    }
    assert_int_equal(peek_epoll(child, epoll, &table, &watched, &timers), 0);
    assert_int_equal(watched.outbound, 2);
    assert_int_equal(timers, 0);
    assert_true(watched.outbound_inode == inode_of(first) || watched.outbound_inode == inode_of(second));
    assert_int_equal(peek_epoll(child, empty, &table, &watched, &timers), 0);
    assert_int_equal(watched.outbound, 0);
    assert_int_equal(watched.outbound_inode, 0);
    watched.outbound = 77;
    assert_int_equal(peek_epoll(child, first, &table, &watched, &timers), -EINVAL);
    assert_int_equal(peek_epoll(child, 9999, &table, &watched, &timers), -ESRCH);
    end_held(child);
    assert_int_equal(peek_epoll(child, epoll, &table, &watched, &timers), -ESRCH);
    assert_int_equal(watched.outbound, 77);
    (void)close(pipes[0]);
    (void)close(pipes[1]);
    assert_true(client >= 0);
    tcp_table_clear(&table);
}

static int timer_of(int64_t after_ns, int64_t every_ns)
{
    const struct itimerspec spec = {.it_value = {after_ns / 1000000000, after_ns % 1000000000},
                                    .it_interval = {every_ns / 1000000000, every_ns % 1000000000}};
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);

    assert_true(fd >= 0);
    assert_int_equal(timerfd_settime(fd, 0, &spec, NULL), 0);
    return fd;
}

static void timers_that_run_out_once_are_outstanding(void **state)
{
    const int64_t hour_ns = 3600LL * 1000000000;
    AUTO_CLOSE int epoll = epoll_create1(EPOLL_CLOEXEC);
    AUTO_CLOSE int running = timer_of(hour_ns, 0);
    AUTO_CLOSE int run_out = timer_of(1, 0);
    AUTO_CLOSE int read_out = timer_of(1, 0);
    AUTO_CLOSE int ticking = timer_of(hour_ns, hour_ns);
    AUTO_CLOSE int idle = timer_of(0, 0);
    AUTO_CLOSE int unwatched = timer_of(hour_ns, 0);
    struct tcp_table table = {0};
    struct peek_sockets watched;
    uint32_t timers = 77;
    uint64_t ticks;
    pid_t child;

    (void)state;
    watch_fd(epoll, running);
    watch_fd(epoll, run_out);
    watch_fd(epoll, read_out);
    watch_fd(epoll, ticking);
    watch_fd(epoll, idle);
    usleep(2000);
    assert_int_equal(read(read_out, &ticks, sizeof(ticks)), sizeof(ticks));
    {
        const int descriptors[] = {epoll, running, run_out, read_out, ticking, idle, unwatched};

        child = keep_only(descriptors, ARRAY_SIZE(descriptors));
    }
    assert_int_equal(peek_epoll(child, epoll, &table, &watched, &timers), 0);
    assert_int_equal(timers, 2);
    assert_int_equal(watched.outbound, 0);
    end_held(child);
    assert_int_equal(peek_epoll(child, epoll, &table, &watched, &timers), -ESRCH);
    assert_int_equal(timers, 2);
    tcp_table_clear(&table);
}

static void memory_is_split_into_shared_and_private(void **state)
{
    const size_t size = 32 << 20;
    struct peek_memory before, after;
    char *block;
    pid_t child;

    (void)state;
    assert_int_equal(peek_memory(getpid(), &before), 0);
    assert_true(before.peak_rss_bytes > 0);
    block = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(block != MAP_FAILED);
    memset(block, 1, size);
    assert_int_equal(peek_memory(getpid(), &after), 0);
    assert_true(after.peak_rss_bytes >= size);
    if (before.private_bytes == 0)
        skip(); /* no smaps_rollup here */
    /* Not the difference: pages of libraries stop being private when somebody else maps them meanwhile. */
    assert_true(after.private_bytes >= size);
    /* A forked child shares the pages: private to neither. */
    child = keep_only(NULL, 0);
    assert_int_equal(peek_memory(child, &after), 0);
    assert_true(after.private_bytes < size);
    end_held(child);
    assert_int_equal(peek_memory(child, &after), -ESRCH);
    assert_int_equal(munmap(block, size), 0);
}

static void resident_memory_is_read_cheaply(void **state)
{
    const size_t size = 16 << 20;
    uint64_t before = 0, after = 0;
    char *block;

    (void)state;
    assert_int_equal(peek_rss(getpid(), &before), 0);
    block = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(block != MAP_FAILED);
    memset(block, 1, size);
    assert_int_equal(peek_rss(getpid(), &after), 0);
    /* The kernel's counters may lag by 64 pages on each CPU. */
    assert_true(after >= before + size * 3 / 4);
    assert_true(after <= before + size * 5 / 4);
    assert_int_equal(munmap(block, size), 0);
    assert_int_equal(peek_rss(1 << 30, &after), -ESRCH);
}

/* In a child whose only other thread has ended: the living thread's calls are counted, those of the dead are not. */
static void *write_much(void *data)
{
    static char buffer[4096];

    for (int i = 0; i < 10; i++)
        if (write(*(int *)data, buffer, sizeof(buffer)) != (ssize_t)sizeof(buffer))
            _exit(1);
    return NULL;
}

static void io_of_the_living_threads_is_counted(void **state)
{
    AUTO_CLOSE int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    int ready[2];
    struct peek_io io;
    pid_t child;
    char byte;

    (void)state;
    assert_int_equal(pipe(ready), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        pthread_t thread;

        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (pthread_create(&thread, NULL, write_much, &null) != 0 || pthread_join(thread, NULL) != 0)
            _exit(1);
        for (int i = 0; i < 7; i++)
            if (write(null, "12345", 5) != 5)
                _exit(1);
        if (write(ready[1], "x", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    /* The dead thread leaves /proc/PID/task a moment after it was joined. */
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(peek_io(child, &io), 0);
        if (io.writes == 8)
            break;
        usleep(1000);
    }
    assert_int_equal(io.writes, 8);
    assert_int_equal(io.written_bytes, 7 * 5 + 1);
    assert_true(io.read_bytes < 4096);
    end_held(child);
    assert_int_equal(peek_io(child, &io), -ESRCH);
    (void)close(ready[0]);
    (void)close(ready[1]);
}

static void thread_times_are_split_into_user_and_system(void **state)
{
    uint64_t user_ns = 0, system_ns = 0, before_ns, ignored;
    struct timespec spent;

    (void)state;
    /* A name that looks like the rest of the line. */
    assert_int_equal(prctl(PR_SET_NAME, "x) R 1 2 3 (y"), 0);
    assert_int_equal(peek_thread_times(getpid(), gettid(), &before_ns, &ignored), 0);
    do
        assert_int_equal(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent), 0);
    while (spent.tv_sec == 0 && spent.tv_nsec < 300 * 1000 * 1000);
    assert_int_equal(peek_thread_times(getpid(), gettid(), &user_ns, &system_ns), 0);
    assert_true(user_ns + system_ns >= 250 * NSEC_PER_MSEC);
    assert_true(user_ns + system_ns <= 60 * NSEC_PER_SEC);
    assert_int_equal(peek_thread_times(getpid(), 1 << 30, &user_ns, &system_ns), -ESRCH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_descriptors_are_not_all_looked_at),
        cmocka_unit_test(an_epoll_tells_its_outstanding_connections),
        cmocka_unit_test(timers_that_run_out_once_are_outstanding),
        cmocka_unit_test(memory_is_split_into_shared_and_private),
        cmocka_unit_test(resident_memory_is_read_cheaply),
        cmocka_unit_test(io_of_the_living_threads_is_counted),
        cmocka_unit_test(thread_times_are_split_into_user_and_system),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
