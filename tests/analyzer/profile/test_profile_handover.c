/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>

#include "analyzer/profile/profile.h"
#include "analyzer/profile/profile_handover.h"
#include "tests/analyzer/profile/checked.h"
#include "tests/analyzer/synthetic.h"

#define ITEMS 1000 /* of each worker: */
#define ITEM (40 * US)
#define TAKING (40 * US) /* CPU to take it and give the result back... */
#define WAITING (60 * US)
#define FEEDING (60 * US) /* ...and the feeder's */

#define LIB "/usr/lib/python3.11/"
#define FEEDER 1
#define WORKERS 2 /* the first worker's number, and how many there are */

/* On-CPU time of a thread, or of several of one process; innermost frame first, NULL ends them. */
static void cpu_site(struct measurement *m, int32_t tid, uint32_t threads, uint64_t time_ns, const char *inner_function,
                     const char *inner_file, const char *outer_file)
{
    struct site *site;

    synthetic_wait_site(m, CAUSE_OTHER, 1, 1);
    site = &m->sites[m->n_sites - 1];
    free(site->frames[0].function);
    free(site->frames);
    site->frames = calloc(2, sizeof(*site->frames));
    assert_non_null(site->frames);
    site->n_frames = outer_file ? 2 : 1;
    site->frames[0] = (struct frame){.function = strdup(inner_function), .file = strdup(inner_file), .line = 1};
    if (outer_file)
        site->frames[1] = (struct frame){.function = strdup("f"), .file = strdup(outer_file), .line = 1};
    site->on_cpu = true;
    site->pid = 1;
    site->tid = tid;
    site->threads = threads;
    site->time_ns = time_ns;
    site->count = time_ns / MS;
}

/* A pool of two threads that take tiny items one by one: as much hand-over as work, and a feeder beside. */
static struct measurement *pool(void)
{
    struct measurement *m = synthetic_new(2);

    synthetic_python(m);
    synthetic_process(m, 1, 0);
    synthetic_thread(m, FEEDER, 1, 0, 0);
    synthetic_slice(m, 0, 2 * MS, 0, CAUSE_OTHER);
    for (int i = 0; i < ITEMS; i++)
        synthetic_slice(m, 0, FEEDING, ITEM + TAKING + WAITING - FEEDING, CAUSE_HANDOFF);
    for (int32_t k = 0; k < WORKERS; k++) {
        size_t t = synthetic_thread(m, FEEDER + 1 + k, 1, FEEDER, 2 * MS);

        for (int i = 0; i < ITEMS; i++)
            synthetic_woken_slice(m, t, ITEM + TAKING, WAITING, CAUSE_HANDOFF, FEEDER);
    }
    cpu_site(m, FEEDER, 1, ITEMS * FEEDING, "ThreadPoolExecutor.submit", LIB "concurrent/futures/thread.py", "job.py");
    cpu_site(m, FEEDER + 1, WORKERS, WORKERS * ITEMS * TAKING, "Condition.__enter__", LIB "threading.py",
             LIB "concurrent/futures/thread.py");
    return m;
}

static double share_of(const struct measurement *m, size_t thread)
{
    AUTO_FREE double *shares = NULL;

    assert_int_equal(handover_shares(m, &shares), 0);
    return shares[thread];
}

static uint64_t work_of(const struct profile *p)
{
    uint64_t sum_ns = 0;

    for (size_t s = 0; s < p->n_steps; s++)
        sum_ns += p->steps[s].locked_cpu_ns + p->steps[s].free_cpu_ns;
    return sum_ns;
}

/* What is left is the items' work, in batches; what was paid for handing them over stays with the present program. */
static void tiny_items_are_told_from_their_hand_over(void **state)
{
    CLEANUP(measurement_freep) struct measurement *m = pool();
    CLEANUP(profile_freep) struct profile *p = NULL;

    (void)state;
    cpu_site(m, FEEDER + 1, WORKERS, WORKERS * ITEMS * ITEM, "score", "job.py", LIB "concurrent/futures/thread.py");
    assert_true(share_of(m, 0) == 1);
    assert_true(fabs(share_of(m, 1) - 0.5) < 0.01);
    p = profile_checked(m);
    assert_int_equal(p->current_model, MODEL_THREADS);
    assert_int_equal(p->current_workers, WORKERS); /* the feeder does no items */
    assert_about(work_of(p), (uint64_t)WORKERS * ITEMS * ITEM);
    assert_in_range(p->n_items, 40, 80);
    assert_about(p->switch_ns_per_item * p->n_items, (uint64_t)WORKERS * ITEMS * (TAKING + WAITING));
}

/* Where the program's own code queues, hand-overs mean something: items stay as they are. */
static void own_hand_overs_are_left_alone(void **state)
{
    CLEANUP(measurement_freep) struct measurement *m = pool();
    CLEANUP(profile_freep) struct profile *p = NULL;

    (void)state;
    cpu_site(m, FEEDER + 1, WORKERS, WORKERS * ITEMS * ITEM, "score", "job.py", NULL);
    synthetic_wait_site(m, CAUSE_HANDOFF, ITEMS, 12);
    p = profile_checked(m);
    assert_int_equal(p->n_items, WORKERS * ITEMS);
    assert_about(work_of(p), (uint64_t)WORKERS * ITEMS * ITEM);
}

/* A little of it is part of any arrangement, and few samples say nothing. */
static void little_and_unsure_shares_are_none(void **state)
{
    CLEANUP(measurement_freep) struct measurement *m = pool();

    (void)state;
    assert_true(share_of(m, 1) == 1);
    m->sites[1].count = 9;
    assert_true(share_of(m, 1) == 0);
    m->sites[1].count = 80;
    cpu_site(m, FEEDER + 1, WORKERS, 10 * WORKERS * ITEMS * ITEM, "score", "job.py", NULL);
    assert_true(share_of(m, 1) == 0);
}

/* C code of the program's shows as the function that called it, library code by who called it. */
static void only_what_hands_over_counts(void **state)
{
    static const struct {
        const char *function, *file, *outer;
        bool handover;
    } cases[] = {
        {"_WorkItem.run", LIB "concurrent/futures/thread.py", NULL, false},
        {"mapstar", LIB "multiprocessing/pool.py", NULL, false},
        {"_process_chunk.<locals>.<listcomp>", LIB "concurrent/futures/process.py", NULL, false},
        {"Pool._handle_tasks", LIB "multiprocessing/pool.py", NULL, true},
        {"dumps", LIB "json/__init__.py", LIB "multiprocessing/pool.py", false},
        {"__reduce__", "job.py", LIB "multiprocessing/reduction.py", true},
        {"select", LIB "selectors.py", LIB "multiprocessing/connection.py", true},
        {"put", "/home/me/threading.py", NULL, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        CLEANUP(measurement_freep) struct measurement *m = synthetic_new(2);

        synthetic_thread(m, 1, 1, 0, 0);
        synthetic_slice(m, 0, 100 * MS, 0, CAUSE_OTHER);
        cpu_site(m, 1, 1, 100 * MS, cases[i].function, cases[i].file, cases[i].outer);
        assert_true(share_of(m, 0) == (cases[i].handover ? 1 : 0));
    }
}

/* Batches make wake-ups rarer, not bytes fewer. */
static void large_messages_stay_where_they_are(void **state)
{
    CLEANUP(measurement_freep) struct measurement *m = pool();

    (void)state;
    synthetic_process(m, 7, 1);
    m->processes[0].writes = 100;
    m->processes[0].written_bytes = 100 * 8191;
    assert_true(share_of(m, 0) == 1);
    m->processes[0].written_bytes = 100 * 8192;
    assert_true(share_of(m, 0) == 0);
}

/* Ten thousand squares in a pool of processes: no sample hits one, and all the same they were computed there. */
static void items_that_no_sample_hits_are_in_the_workers(void **state)
{
    CLEANUP(measurement_freep) struct measurement *m = pool();
    CLEANUP(profile_freep) struct profile *p = NULL;

    (void)state;
    assert_int_equal(profile_from_measurement(m, &p), -ENODATA);
    for (int32_t k = 0; k < WORKERS; k++) {
        synthetic_process(m, FEEDER + 1 + k, 1);
        m->threads[1 + k].pid = FEEDER + 1 + k;
    }
    for (size_t i = 0; i < m->n_sites; i++)
        if (m->sites[i].tid != FEEDER)
            m->sites[i].threads = 1;
    for (int32_t k = 1; k < WORKERS; k++)
        cpu_site(m, FEEDER + 1 + k, 1, ITEMS * TAKING, "Condition.__enter__", LIB "threading.py",
                 LIB "concurrent/futures/thread.py");
    assert_int_equal(profile_from_measurement(m, &p), 0);
    assert_true(work_of(p) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tiny_items_are_told_from_their_hand_over),
        cmocka_unit_test(own_hand_overs_are_left_alone),
        cmocka_unit_test(little_and_unsure_shares_are_none),
        cmocka_unit_test(only_what_hands_over_counts),
        cmocka_unit_test(items_that_no_sample_hits_are_in_the_workers),
        cmocka_unit_test(large_messages_stay_where_they_are),
    };

    return cmocka_run_group_tests_name("analyzer/profile/handover", tests, NULL, NULL);
}
