/* SPDX-License-Identifier: BSD-2-Clause */

/* Looks at real processes: a child that grows, one that copies what it inherited, and more than a round can hold. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/wait.h>

#include "base/base.h"
#include "probe/measurement.h"
#include "probe/follow/run_state.h"
#include "probe/follow/watch.h"

#define BLOCK ((size_t)32 << 20)
#define ROUND_NS (100 * NSEC_PER_MSEC)

static char *block; /* of the test itself, shared with its children until they write */

/* A child that does one step each time it is told to, and answers. */
struct child {
    pid_t pid;
    int orders, answers;
};

static void step_of_child(int number)
{
    char buffer[1000];

    if (number == 0)
        memset(block, 2, BLOCK);
    AUTO_CLOSE int zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);

    for (int i = 0; i < 50; i++)
        if (read(zero, buffer, sizeof(buffer)) != (ssize_t)sizeof(buffer))
            _exit(1);
}

static struct child start(void)
{
    int orders[2], answers[2];
    struct child child;

    assert_int_equal(pipe(orders), 0);
    assert_int_equal(pipe(answers), 0);
    child.pid = fork();
    assert_true(child.pid >= 0);
    if (child.pid == 0) {
        char byte;

        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (int number = 0; read(orders[0], &byte, 1) == 1; number++) {
            step_of_child(number);
            if (write(answers[1], &byte, 1) != 1)
                break;
        }
        _exit(0);
    }
    (void)close(orders[0]);
    (void)close(answers[1]);
    child.orders = orders[1];
    child.answers = answers[0];
    return child;
}

static void order(const struct child *child)
{
    char byte = 'x';

    assert_int_equal(write(child->orders, &byte, 1), 1);
    assert_int_equal(read(child->answers, &byte, 1), 1);
}

static void end(const struct child *child)
{
    assert_int_equal(kill(child->pid, SIGKILL), 0);
    assert_int_equal(waitpid(child->pid, NULL, 0), child->pid);
    (void)close(child->orders);
    (void)close(child->answers);
}

static bool ignore_python(const struct run_process *process, void *userdata)
{
    (void)process;
    (void)userdata;
    return true;
}

static struct run_process *follow(struct run_state *run, const struct child *child)
{
    assert_non_null(run_state_new_process(run, (uint32_t)child->pid, 0, 1));
    return run_state_find_process(run, (uint32_t)child->pid);
}

static void inherited_pages_that_are_copied_show(void **state)
{
    struct run_state run;
    struct watch watch;
    struct run_process *process;
    struct child child = start();
    const struct memory_point *points;
    size_t n;

    (void)state;
    assert_int_equal(run_state_init(&run, 100), 0);
    assert_int_equal(watch_init(&watch), 0);
    process = follow(&run, &child);
    run.next_look = UINT64_MAX;
    watch_images(&watch, &run, 5, ignore_python, NULL);
    assert_int_equal(process->n_memory, 1);
    assert_int_equal(process->memory[0].at_ns, 5);
    assert_true(process->memory[0].rss_bytes >= BLOCK);
    assert_int_equal(process->memory[0].private_bytes, 0);
    /* Once only: the rounds do the rest. */
    watch_images(&watch, &run, 6, ignore_python, NULL);
    assert_int_equal(process->n_memory, 1);
    /* The first round looks closely; after the copy the next close look is at the end. */
    watch_processes(&watch, &run, ROUND_NS);
    order(&child);
    watch_processes(&watch, &run, 2 * ROUND_NS);
    watch_end(&run, 3 * ROUND_NS);
    points = process->memory;
    n = process->n_memory;
    assert_int_equal(n, 4);
    assert_true(points[1].private_bytes > 0 && points[1].private_bytes < BLOCK);
    assert_true(points[n - 1].private_bytes >= BLOCK);
    /* Shared or copied, as much is resident: give and take what fork() had not yet touched. */
    assert_true(points[n - 1].rss_bytes < points[0].rss_bytes + BLOCK / 2);
    assert_int_equal(process->private_bytes, points[n - 1].private_bytes);
    end(&child);
    /* Gone: what was seen stays. */
    watch_end(&run, 4 * ROUND_NS);
    assert_int_equal(process->n_memory, n);
    watch_clear(&watch);
    run_state_clear(&run);
}

static void the_living_are_counted_at_the_end(void **state)
{
    struct run_state run;
    struct run_process *process;
    struct child child = start();

    (void)state;
    assert_int_equal(run_state_init(&run, 100), 0);
    process = follow(&run, &child);
    order(&child);
    order(&child);
    watch_end(&run, ROUND_NS);
    /* 2 * 50 reads of 1000 bytes, and two orders of a byte. */
    assert_int_equal(process->io_alive.read_bytes, 100002);
    assert_int_equal(process->io_alive.written_bytes, 2);
    assert_int_equal(process->io_alive.writes, 2);
    assert_true(process->io_alive.reads >= 102 && process->io_alive.reads <= 104);
    end(&child);
    run_state_clear(&run);
}

static void every_process_has_its_turn(void **state)
{
    enum { CHILDREN = 100 };
    struct child children[CHILDREN];
    struct run_state run;
    struct watch watch;
    size_t looked_at = 0;

    (void)state;
    assert_int_equal(run_state_init(&run, 100), 0);
    assert_int_equal(watch_init(&watch), 0);
    for (size_t i = 0; i < CHILDREN; i++) {
        children[i] = start();
        assert_non_null(run_state_new_process(&run, (uint32_t)children[i].pid, 0, 1));
    }
    watch_processes(&watch, &run, ROUND_NS);
    for (size_t i = 0; i < CHILDREN; i++)
        looked_at += run.processes[i].n_memory;
    assert_true(looked_at > 0 && looked_at < CHILDREN);
    watch_processes(&watch, &run, 2 * ROUND_NS);
    for (size_t i = 0; i < CHILDREN; i++) {
        assert_true(run.processes[i].n_memory > 0);
        end(&children[i]);
    }
    watch_clear(&watch);
    run_state_clear(&run);
}

/* It starts up for half a second, listens, and then waits for its workers: no wait of its own tells of the socket. */
static void a_master_that_listens_late_is_seen(void **state)
{
    AUTO_CLOSE int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct run_state run;
    struct watch watch;
    struct run_process *process;
    uint64_t round = 0;

    (void)state;
    assert_true(server >= 0);
    assert_int_equal(run_state_init(&run, 100), 0);
    assert_int_equal(watch_init(&watch), 0);
    assert_non_null(run_state_new_process(&run, (uint32_t)getpid(), 0, 1));
    process = run_state_find_process(&run, (uint32_t)getpid());
    while (round < 5)
        watch_processes(&watch, &run, ++round * ROUND_NS);
    assert_false(process->listens);
    assert_int_equal(listen(server, 1), 0); /* on a port that the kernel picks */
    tcp_table_clear(&watch.connections);    /* rounds are further apart than a list is used for */
    watch_processes(&watch, &run, ++round * ROUND_NS);
    assert_false(process->uses_sockets);
    assert_true(process->listens);
    watch_clear(&watch);
    run_state_clear(&run);
}

/* The selector of a loop that has begun just now: some looks soon after each other, then the rounds will do. */
static void new_loops_are_looked_at_soon(void **state)
{
    const struct itimerspec hour = {.it_value = {.tv_sec = 3600}};
    struct epoll_event event = {.events = EPOLLIN};
    AUTO_CLOSE int epoll = epoll_create1(EPOLL_CLOEXEC);
    AUTO_CLOSE int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    struct watch watch;
    struct run_state run;
    struct run_thread *thread;

    (void)state;
    assert_int_equal(watch_init(&watch), 0);
    assert_int_equal(epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &event), 0);
    assert_int_equal(run_state_init(&run, 100), 0);
    thread = run_state_thread(&run, (uint32_t)getpid(), (uint32_t)getpid(), 1);
    assert_non_null(thread);
    thread->last_epoll_end = 1;
    thread->epoll_fd = (uint32_t)epoll;
    watch_new_loops(&watch, &run, 5);
    assert_int_equal(thread->outstanding_looks, 0); /* nothing there yet: it starts up */
    assert_true(run.next_loop_look > 5);
    assert_int_equal(timerfd_settime(timer, 0, &hour, NULL), 0);
    for (size_t i = 0; i < 10 && run.next_loop_look; i++)
        watch_new_loops(&watch, &run, run.next_loop_look);
    assert_int_equal(run.next_loop_look, 0);
    assert_int_equal(thread->outstanding_looks, 2);
    assert_int_equal(thread->outstanding_sum, 2);
    assert_int_equal(thread->outstanding_max, 1);
    run_state_clear(&run);
    watch_clear(&watch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inherited_pages_that_are_copied_show), cmocka_unit_test(the_living_are_counted_at_the_end),
        cmocka_unit_test(every_process_has_its_turn),           cmocka_unit_test(a_master_that_listens_late_is_seen),
        cmocka_unit_test(new_loops_are_looked_at_soon),
    };

    block = mmap(NULL, BLOCK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (block == MAP_FAILED)
        return 1;
    memset(block, 1, BLOCK);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
