/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/base.h"
#include "probe/measurement.h"

/* Two threads whose numbers add up. */
static struct measurement *new_sound(void)
{
    struct measurement *m = measurement_new();

    assert_non_null(m);
    m->machine.cpus = m->machine.cpus_allowed = 4;
    m->wall_ns = 1000;
    m->n_threads = 2;
    m->threads = calloc(2, sizeof(*m->threads));
    assert_non_null(m->threads);
    m->threads[0] = (struct thread){.tid = 7, .pid = 7, .death_ns = 1000, .on_cpu_ns = 600, .runnable_ns = 100};
    m->threads[0].blocked_ns[CAUSE_LOCK] = 300;
    m->threads[0].blocked_count[CAUSE_LOCK] = 3;
    m->threads[1] = (struct thread){.tid = 8, .pid = 7, .birth_ns = 200, .death_ns = 700, .on_cpu_ns = 490};
    m->threads[1].unattributed_ns = 10;
    measurement_sum_threads(m);
    return m;
}

static void assert_broken(struct measurement *m, const char *expected)
{
    const char *problem = NULL;

    assert_int_equal(measurement_check(m, &problem), -EBADMSG);
    assert_string_equal(problem, expected);
    assert_int_equal(measurement_check(m, NULL), -EBADMSG);
}

static void sums_come_from_the_rows(void **state)
{
    CLEANUP(measurement_freep) struct measurement *m = new_sound();

    (void)state;
    assert_int_equal(m->thread_time_ns, 1500);
    assert_int_equal(m->on_cpu_ns, 1090);
    assert_int_equal(m->runnable_ns, 100);
    assert_int_equal(m->blocked_ns[CAUSE_LOCK], 300);
    assert_int_equal(m->blocked_count[CAUSE_LOCK], 3);
    assert_int_equal(m->unattributed_ns, 10);
    assert_int_equal(measurement_check(m, NULL), 0);
}

static void one_nanosecond_too_many_or_too_few_is_noticed(void **state)
{
    static const char *const lifetime = "a thread's on_cpu + runnable + blocked + unattributed is not its lifetime";
    CLEANUP(measurement_freep) struct measurement *m = new_sound();

    (void)state;
    m->threads[0].on_cpu_ns++;
    assert_broken(m, lifetime);
    m->threads[0].on_cpu_ns -= 2;
    assert_broken(m, lifetime);
    m->threads[0].on_cpu_ns++;
    m->on_cpu_ns++;
    assert_broken(m, "on_cpu + runnable + blocked + unattributed is not thread_time");
    m->thread_time_ns++;
    assert_broken(m, "the threads' lifetimes do not add up to thread_time");
    m->loss.threads_omitted = 1;
    assert_int_equal(measurement_check(m, NULL), 0);
    m->on_cpu_ns -= 2;
    m->thread_time_ns -= 2;
    assert_broken(m, "the threads' lifetimes do not add up to thread_time");
}

static void huge_numbers_do_not_wrap_into_a_sound_sum(void **state)
{
    CLEANUP(measurement_freep) struct measurement *m = new_sound();

    (void)state;
    m->threads[0].blocked_ns[CAUSE_LOCK] = UINT64_MAX;
    m->threads[0].blocked_ns[CAUSE_DISK] = 301;
    assert_broken(m, "a thread's on_cpu + runnable + blocked + unattributed is not its lifetime");
}

static void parallelism_sums_to_the_wall_time(void **state)
{
    CLEANUP(measurement_freep) struct measurement *m = new_sound();

    (void)state;
    m->n_parallelism = 3;
    assert_broken(m, "n_parallelism without parallelism_ns");
    m->parallelism_ns = calloc(3, sizeof(uint64_t));
    m->parallelism_ns[0] = 400;
    m->parallelism_ns[2] = 600;
    assert_int_equal(measurement_check(m, NULL), 0);
    m->parallelism_ns[1] = 1;
    assert_broken(m, "parallelism_ns does not add up to wall_ns");
}

static void values_out_of_range_are_noticed(void **state)
{
    CLEANUP(measurement_freep) struct measurement *m = new_sound();

    (void)state;
    m->threads[0].n_slices = 1;
    assert_broken(m, "a thread has n_slices but no slices");
    m->threads[0].slices = calloc(1, sizeof(struct slice));
    m->threads[0].slices[0].cause = CAUSE_OTHER;
    assert_int_equal(measurement_check(m, NULL), 0);
    m->threads[0].slices[0].cause = CAUSE_COUNT;
    assert_broken(m, "the cause of a slice is out of range");
    m->threads[0].slices[0].cause = CAUSE_OTHER;

    m->machine.cpus_allowed = 0;
    assert_broken(m, "machine.cpus_allowed is 0");
    m->machine.cpus_allowed = 1;

    memset(m->threads[1].name, 'x', sizeof(m->threads[1].name));
    assert_broken(m, "a thread's name is not terminated");
    m->threads[1].name[15] = '\0';

    m->threads[1].cpu_samples = 5;
    m->threads[1].lock_held_samples = 6;
    assert_broken(m, "a thread's lock_held_samples exceed its cpu_samples");
    m->threads[1].lock_held_samples = 5;

    m->n_replays = 1;
    m->replays = calloc(1, sizeof(*m->replays));
    assert_broken(m, "the share of a replay is not in (0, 1]");
    m->replays[0].share = 1.0;
    assert_int_equal(measurement_check(m, NULL), 0);
    m->replays[0].model = MODEL_NONE;
    assert_broken(m, "the model of a replay is out of range");
}

static void cpus_are_the_tighter_of_affinity_and_quota(void **state)
{
    static const struct {
        uint32_t cpus, allowed;
        double quota;
        uint32_t expected;
    } cases[] = {
        {8, 8, 0.0, 8}, {8, 4, 0.0, 4},  {8, 4, 2.0, 2}, {8, 4, 2.01, 3}, {8, 4, 3.99, 4},
        {8, 4, 4.0, 4}, {8, 4, 16.0, 4}, {8, 4, 0.1, 1}, {8, 0, 0.0, 8},  {0, 0, 0.0, 1},
    };
    struct measurement m = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        m.machine.cpus = cases[i].cpus;
        m.machine.cpus_allowed = cases[i].allowed;
        m.machine.cpu_quota = cases[i].quota;
        assert_int_equal(measurement_cpus(&m), cases[i].expected);
    }
}

static void notes_are_kept_once(void **state)
{
    CLEANUP(measurement_freep) struct measurement *m = new_sound();

    (void)state;
    assert_int_equal(measurement_note(m, "first"), 0);
    assert_int_equal(measurement_note(m, "second"), 0);
    assert_int_equal(measurement_note(m, "first"), 0);
    assert_int_equal(m->n_notes, 2);
    assert_string_equal(m->notes[1], "second");
}

static void threads_are_found_by_tid(void **state)
{
    CLEANUP(measurement_freep) struct measurement *m = new_sound();

    (void)state;
    assert_ptr_equal(measurement_find_thread(m, 8), &m->threads[1]);
    assert_null(measurement_find_thread(m, 9));
}

static void ids_convert_both_ways(void **state)
{
    enum cause cause = CAUSE_IDLE;
    enum model model = MODEL_SERIAL;
    enum runtime_kind kind = RUNTIME_GO;

    (void)state;
    for (int i = 0; i < CAUSE_COUNT; i++) {
        assert_int_equal(cause_from_str(cause_to_str((enum cause)i), &cause), 0);
        assert_int_equal(cause, i);
    }
    for (int i = MODEL_NONE; i < (int)MODEL_COUNT; i++) {
        assert_int_equal(model_from_str(model_to_str((enum model)i), &model), 0);
        assert_int_equal(model, i);
    }
    for (int i = 0; i < RUNTIME_COUNT; i++) {
        assert_int_equal(runtime_from_str(runtime_to_str((enum runtime_kind)i), &kind), 0);
        assert_int_equal(kind, i);
        assert_string_not_equal(runtime_name((enum runtime_kind)i), "?");
    }
    assert_int_equal(cause_from_str("?", &cause), -EINVAL);
    assert_int_equal(cause_from_str(NULL, &cause), -EINVAL);
    assert_int_equal(cause, CAUSE_COUNT - 1);
    assert_string_equal(cause_to_str(CAUSE_COUNT), "?");
    assert_string_equal(model_to_str(MODEL_COUNT), "?");
    assert_string_equal(runtime_to_str(RUNTIME_COUNT), "?");
    assert_string_equal(model_to_str(MODEL_NONE), "none");
}

static void free_accepts_nothing_and_half_built(void **state)
{
    struct measurement *m = measurement_new();

    (void)state;
    measurement_free(NULL);
    m->n_sites = 3;
    m->n_threads = 2;
    m->target.n_argv = 4;
    m->n_replays = 1;
    measurement_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_come_from_the_rows),
        cmocka_unit_test(one_nanosecond_too_many_or_too_few_is_noticed),
        cmocka_unit_test(huge_numbers_do_not_wrap_into_a_sound_sum),
        cmocka_unit_test(parallelism_sums_to_the_wall_time),
        cmocka_unit_test(values_out_of_range_are_noticed),
        cmocka_unit_test(cpus_are_the_tighter_of_affinity_and_quota),
        cmocka_unit_test(notes_are_kept_once),
        cmocka_unit_test(threads_are_found_by_tid),
        cmocka_unit_test(ids_convert_both_ways),
        cmocka_unit_test(free_accepts_nothing_and_half_built),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
