/* SPDX-License-Identifier: BSD-2-Clause */

/* The parts of a measurement that show stacks, and looks at memory: kept by a file, and checked. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>

#include "base/base.h"
#include "probe/measurement.h"
#include "probe/measurement_json.h"

static struct frame *frames_of(const char *function, size_t n)
{
    struct frame *frames = calloc(n, sizeof(*frames));

    assert_non_null(frames);
    for (size_t i = 0; i < n; i++)
        frames[i] = (struct frame){
            .function = strdup(function),
            .file = i ? NULL : strdup("a.c"),
            .line = (uint32_t)i + 7,
            .module = strdup("/usr/lib/libpq.so.5"),
            .coroutine = i == 1,
        };
    return frames;
}

static void fill_stacks(struct measurement *m)
{
    m->n_holders = 2;
    m->holders = calloc(2, sizeof(*m->holders));
    m->holders[0] = (struct site){.cause = CAUSE_INTERPRETER_LOCK, .time_ns = 11, .count = 12, .longest_ns = 13};
    m->holders[0].frames = frames_of("parse", 3);
    m->holders[0].n_frames = 3;
    m->holders[1] = (struct site){.cause = CAUSE_LOCK, .time_ns = 5, .count = 1, .pid = 7, .tid = 8, .threads = 1};
    m->n_wakers = 1;
    m->wakers = calloc(1, sizeof(*m->wakers));
    m->wakers[0] = (struct waker){.waiter_pid = 7,
                                  .waiter_tid = 8,
                                  .waker_pid = 9,
                                  .waker_tid = 10,
                                  .cause = CAUSE_IPC,
                                  .time_ns = 21,
                                  .count = 22};
    m->wakers[0].waiter_frames = frames_of("get", 1);
    m->wakers[0].n_waiter_frames = 1;
    m->wakers[0].waker_frames = frames_of("put", 2);
    m->wakers[0].n_waker_frames = 2;
    m->n_peers = 1;
    m->peers = calloc(1, sizeof(*m->peers));
    m->peers[0] = (struct peer){
        .pid = 7,
        .address = "[2001:db8::1]:443",
        .connects = 31,
        .established = 30,
        .handshake_ns = 33,
        .first_ns = 34,
        .last_ns = 35,
    };
    m->peers[0].frames = frames_of("connect", 1);
    m->peers[0].n_frames = 1;
}

static struct measurement *new_one(void)
{
    struct measurement *m = measurement_new();

    assert_non_null(m);
    m->machine.cpus = m->machine.cpus_allowed = 1;
    m->loss.stacks_lost = 41;
    fill_stacks(m);
    m->n_processes = 1;
    m->processes = calloc(1, sizeof(*m->processes));
    m->processes[0] = (struct process){
        .pid = 7, .threads = 1, .read_bytes = 51, .written_bytes = 52, .reads = 53, .writes = 54, .n_memory = 2};
    m->processes[0].memory = calloc(2, sizeof(struct memory_point));
    m->processes[0].memory[0] = (struct memory_point){.at_ns = 61, .rss_bytes = 62};
    m->processes[0].memory[1] = (struct memory_point){.at_ns = 63, .rss_bytes = 64, .private_bytes = 65};
    return m;
}

static void assert_same_frames(const struct frame *a, size_t n_a, const struct frame *b, size_t n_b)
{
    assert_int_equal(n_a, n_b);
    for (size_t i = 0; i < n_a; i++) {
        assert_string_equal(a[i].function, b[i].function);
        assert_int_equal(!a[i].file, !b[i].file);
        if (a[i].file)
            assert_string_equal(a[i].file, b[i].file);
        assert_int_equal(a[i].line, b[i].line);
        assert_string_equal(a[i].module, b[i].module);
        assert_int_equal(a[i].coroutine, b[i].coroutine);
    }
}

static void a_file_keeps_holders_wakers_peers_and_memory(void **state)
{
    CLEANUP(measurement_freep) struct measurement *a = new_one();
    CLEANUP(measurement_freep) struct measurement *b = NULL;
    char path[] = "/tmp/concadvise-test-XXXXXX", message[256] = "";
    int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    (void)close(fd);
    assert_int_equal(measurement_save(a, path, NULL), 0);
    if (measurement_load(path, &b, message, sizeof(message)) < 0)
        fail_msg("%s", message);
    (void)unlink(path);
    assert_int_equal(b->n_holders, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(a->holders[i].cause, b->holders[i].cause);
        assert_int_equal(a->holders[i].time_ns, b->holders[i].time_ns);
        assert_int_equal(a->holders[i].count, b->holders[i].count);
        assert_int_equal(a->holders[i].longest_ns, b->holders[i].longest_ns);
        assert_int_equal(a->holders[i].pid, b->holders[i].pid);
        assert_int_equal(a->holders[i].tid, b->holders[i].tid);
        assert_same_frames(a->holders[i].frames, a->holders[i].n_frames, b->holders[i].frames, b->holders[i].n_frames);
    }
    assert_int_equal(b->n_wakers, 1);
    assert_memory_equal(a->wakers, b->wakers, offsetof(struct waker, waiter_frames));
    assert_same_frames(a->wakers->waiter_frames, 1, b->wakers->waiter_frames, b->wakers->n_waiter_frames);
    assert_same_frames(a->wakers->waker_frames, 2, b->wakers->waker_frames, b->wakers->n_waker_frames);
    assert_int_equal(b->n_peers, 1);
    assert_string_equal(a->peers->address, b->peers->address);
    assert_memory_equal(&a->peers->connects, &b->peers->connects, 5 * sizeof(uint64_t));
    assert_same_frames(a->peers->frames, 1, b->peers->frames, b->peers->n_frames);
    assert_memory_equal(&a->processes->read_bytes, &b->processes->read_bytes, 4 * sizeof(uint64_t));
    assert_int_equal(b->processes->n_memory, 2);
    assert_memory_equal(a->processes->memory, b->processes->memory, 2 * sizeof(struct memory_point));
    assert_int_equal(b->loss.stacks_lost, 41);
}

static void assert_broken(const struct measurement *m, const char *expected)
{
    const char *problem = NULL;

    assert_int_equal(measurement_check(m, &problem), -EBADMSG);
    assert_string_equal(problem, expected);
}

static void contradictions_are_noticed(void **state)
{
    CLEANUP(measurement_freep) struct measurement *m = new_one();
    char *function = m->wakers->waker_frames[1].function;

    (void)state;
    assert_int_equal(measurement_check(m, NULL), 0);
    m->holders[1].cause = CAUSE_SLEEP;
    assert_broken(m, "a holder is of no lock");
    m->holders[1].cause = CAUSE_LOCK;
    m->holders[1].n_frames = 1;
    assert_broken(m, "a stack has a number of frames but no frames");
    m->holders[1].n_frames = 0;
    m->wakers->waker_tid = 0;
    assert_broken(m, "a waker without two threads");
    m->wakers->waker_tid = 10;
    m->wakers->cause = CAUSE_COUNT;
    assert_broken(m, "the cause of a waker is out of range");
    m->wakers->cause = CAUSE_JOIN;
    m->wakers->waker_frames[1].function = NULL;
    assert_broken(m, "a frame has no function");
    m->wakers->waker_frames[1].function = function;
    m->peers->established = 32;
    assert_broken(m, "a peer answered more connections than were opened");
    m->peers->established = 31;
    assert_int_equal(measurement_check(m, NULL), 0);
    m->peers->last_ns = 33;
    assert_broken(m, "the last connection to a peer is before the first");
    m->peers->last_ns = 34;
    m->processes->memory[1].at_ns = 60;
    assert_broken(m, "looks at the memory of a process are not in order of time");
    m->processes->memory[1].at_ns = 61;
    assert_int_equal(measurement_check(m, NULL), 0);
    m->n_loops = 1;
    m->loops = calloc(1, sizeof(*m->loops));
    m->loops->timers_mean = m->loops->sleepers_mean = 2.5;
    assert_int_equal(measurement_check(m, NULL), 0);
    m->loops->timers_mean = -0.5;
    assert_broken(m, "timers_mean of an event loop is not a count");
    m->loops->timers_mean = 2.5;
    m->loops->sleepers_mean = (double)INFINITY;
    assert_broken(m, "sleepers_mean of an event loop is not a count");
    m->loops->sleepers_mean = 2.5;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_keeps_holders_wakers_peers_and_memory),
        cmocka_unit_test(contradictions_are_noticed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
