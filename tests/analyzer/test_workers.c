/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "analyzer/forecast.h"
#include "analyzer/profile/profile.h"
#include "analyzer/workers.h"
#include "cases.h"

#define GIB (UINT64_C(1) << 30)

/* A machine of four CPUs and 8 GiB, and 100 items. */
struct setting {
    struct measurement *m;
    struct profile profile;
    struct forecast f;
};

static struct setting setting(enum model current)
{
    struct setting s = {.m = case_serial_cpu(RUNTIME_CPYTHON, 10000 * MS)};

    s.m->machine.memory_bytes = 8 * GIB;
    s.profile = (struct profile){.current_model = current, .n_items = 100};
    s.f = (struct forecast){.cpus = 4, .same_machine = true, .active_ns = 1e10};
    return s;
}

static struct model_evidence bounded(struct setting *s, struct model_evidence row, double busy, uint64_t rss_bytes)
{
    s->f.profile = &s->profile;
    workers_bound(s->m, &s->f, busy, rss_bytes, &row);
    return row;
}

static void busy_cpus_are_the_bound(void **state)
{
    struct setting s = setting(MODEL_SERIAL);
    const struct model_evidence row = {.model = MODEL_PROCESSES, .workers = 4};

    (void)state;
    assert_int_equal(bounded(&s, row, 3.9, 0).bound, BOUND_CPUS);
    assert_int_equal(bounded(&s, row, 3.9, 0).workers, 4);
    assert_int_equal(bounded(&s, row, 1.0, 0).bound, BOUND_NONE);
    measurement_free(s.m);
}

static void a_quota_is_named_where_it_is_less_than_the_cpus(void **state)
{
    struct setting s = setting(MODEL_SERIAL);
    const struct model_evidence row = {.model = MODEL_PROCESSES, .workers = 2};

    (void)state;
    s.m->machine.cpu_quota = 1.5;
    s.f.cpus = measurement_cpus(s.m);
    assert_int_equal(s.f.cpus, 2);
    assert_int_equal(bounded(&s, row, 1.9, 0).bound, BOUND_CPU_QUOTA);
    s.f.same_machine = false; /* asked for: no cgroup says so */
    assert_int_equal(bounded(&s, row, 1.9, 0).bound, BOUND_CPUS);
    measurement_free(s.m);
}

static void there_is_no_more_to_do_at_once_than_items(void **state)
{
    struct setting s = setting(MODEL_SERIAL);

    (void)state;
    assert_int_equal(bounded(&s, (struct model_evidence){.model = MODEL_THREADS, .workers = 100}, 0.1, 0).bound,
                     BOUND_ITEMS);
    assert_int_equal(
        bounded(&s, (struct model_evidence){.model = MODEL_PROCESSES_COROUTINES, .workers = 4, .in_flight = 25}, 0.1, 0)
            .bound,
        BOUND_ITEMS);
    assert_int_equal(bounded(&s, (struct model_evidence){.model = MODEL_THREADS, .workers = 64}, 0.1, 0).bound,
                     BOUND_NONE);
    s.profile.divisible = true; /* there could be more of them */
    assert_int_equal(bounded(&s, (struct model_evidence){.model = MODEL_THREADS, .workers = 100}, 0.1, 0).bound,
                     BOUND_NONE);
    measurement_free(s.m);
}

static void a_loop_shows_how_many_waits_there_are(void **state)
{
    struct setting s = setting(MODEL_COROUTINES);
    struct model_evidence row = {.model = MODEL_THREADS, .workers = 64};

    (void)state;
    free(s.m->loops);
    s.m->loops = calloc(1, sizeof(*s.m->loops));
    assert_non_null(s.m->loops);
    s.m->n_loops = 1;
    s.m->loops[0].outstanding_max = 10;
    assert_int_equal(bounded(&s, row, 0.1, 0).workers, 10);
    assert_int_equal(bounded(&s, row, 0.1, 0).bound, BOUND_OUTSTANDING);
    row = (struct model_evidence){.model = MODEL_PROCESSES_COROUTINES, .workers = 4, .in_flight = 25};
    assert_int_equal(bounded(&s, row, 0.1, 0).in_flight, 3);
    assert_int_equal(bounded(&s, row, 0.1, 0).workers, 4);
    /* The loop itself may have been awaiting one after the other: that is its flaw, not its bound. */
    row = (struct model_evidence){.model = MODEL_COROUTINES, .workers = 64, .in_flight = 64};
    assert_int_equal(bounded(&s, row, 0.1, 0).in_flight, 64);
    /* Of sleeps the peak is that of the timers they are. */
    s.m->loops[0] = (struct event_loop){.timers_mean = 20, .timers_max = 24, .sleepers_mean = 10};
    row = (struct model_evidence){.model = MODEL_THREADS, .workers = 64};
    assert_int_equal(bounded(&s, row, 0.1, 0).workers, 12);
    s.m->loops[0] = (struct event_loop){.outstanding_max = 1};
    assert_int_equal(bounded(&s, row, 0.1, 0).workers, 64);
    s.profile.executor_threads = 2; /* the loop mostly waited for its threads: what it had under way says more */
    s.profile.current_workers = 25;
    assert_int_equal(bounded(&s, row, 0.1, 0).workers, 25);
    s.profile.current_workers = 2; /* nothing is known of waits */
    assert_int_equal(bounded(&s, row, 0.1, 0).bound, BOUND_NONE);
    measurement_free(s.m);
}

static void no_more_processes_than_memory_holds(void **state)
{
    struct setting s = setting(MODEL_SERIAL);
    const struct model_evidence row = {.model = MODEL_PROCESSES, .workers = 4};
    struct model_evidence out;

    (void)state;
    out = bounded(&s, row, 3.9, 12 * GIB); /* 3 GiB each, 7.2 GiB to be had */
    assert_int_equal(out.workers, 2);
    assert_int_equal(out.bound, BOUND_MEMORY);
    assert_int_equal(out.worker_bytes, 3 * GIB);
    s.profile.private_bytes = 4 * GIB; /* the program's own workers say more than the replayer's */
    assert_int_equal(bounded(&s, row, 3.9, 12 * GIB).workers, 1);
    s.profile.private_bytes = 0;
    s.m->machine.memory_limit_bytes = 4 * GIB;
    assert_int_equal(bounded(&s, row, 3.9, 12 * GIB).workers, 1);
    s.m->machine.memory_limit_bytes = 0;
    assert_int_equal(bounded(&s, row, 3.9, 4 * GIB).bound, BOUND_CPUS);
    assert_int_equal(bounded(&s, row, 3.9, 0).worker_bytes, 0);
    measurement_free(s.m);
}

static void memory_of_a_program_is_not_free_for_its_workers(void **state)
{
    struct setting s = setting(MODEL_SERIAL);
    const struct model_evidence row = {.model = MODEL_PROCESSES, .workers = 4};

    (void)state;
    assert_true(s.m->n_processes > 0);
    s.m->processes[0].peak_rss_bytes = 5 * GIB;
    assert_int_equal(bounded(&s, row, 3.9, 4 * GIB).workers, 2);
    s.m->processes[0].peak_rss_bytes = 9 * GIB;
    assert_int_equal(bounded(&s, row, 3.9, 4 * GIB).workers, 1);
    measurement_free(s.m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(busy_cpus_are_the_bound),
        cmocka_unit_test(a_quota_is_named_where_it_is_less_than_the_cpus),
        cmocka_unit_test(there_is_no_more_to_do_at_once_than_items),
        cmocka_unit_test(a_loop_shows_how_many_waits_there_are),
        cmocka_unit_test(no_more_processes_than_memory_holds),
        cmocka_unit_test(memory_of_a_program_is_not_free_for_its_workers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
