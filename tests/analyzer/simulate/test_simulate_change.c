/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>

#include "analyzer/profile/profile.h"
#include "analyzer/simulate/simulate.h"
#include "analyzer/simulate/simulate_change.h"
#include "base/base.h"

#define MS NSEC_PER_MSEC

static const struct simulate_costs no_costs;

/* `n` items of a CPU step and a wait, on CPython. */
static struct profile *items(size_t n, uint64_t locked_ns, uint64_t free_ns, uint64_t wait_ns)
{
    struct profile *p = calloc(1, sizeof(*p));

    assert_non_null(p);
    p->steps = calloc(n, sizeof(*p->steps));
    p->items = calloc(n, sizeof(*p->items));
    p->phases = calloc(1, sizeof(*p->phases));
    assert_true(p->steps && p->items && p->phases);
    for (size_t i = 0; i < n; i++) {
        p->steps[i] = (struct profile_step){.locked_cpu_ns = locked_ns, .free_cpu_ns = free_ns, .wait_ns = wait_ns};
        p->items[i] = (struct profile_item){.first_step = i, .n_steps = 1};
    }
    p->n_steps = p->n_items = n;
    p->n_phases = p->n_lanes = 1;
    p->interpreter_lock = true;
    p->current_model = MODEL_SERIAL;
    p->current_workers = 1;
    return p;
}

static uint64_t changed(const struct profile *p, const struct simulate_costs *costs, struct simulate_change change,
                        enum model model, uint32_t cpus, uint32_t *ret_workers)
{
    struct simulate_result result = {0, 0};
    uint32_t workers = 0;

    assert_int_equal(simulate_changed(p, costs, &change, model, cpus, &workers, &result), 0);
    if (ret_workers)
        *ret_workers = workers;
    return result.wall_ns;
}

static void no_change_is_the_best_of_the_profile_itself(void **state)
{
    CLEANUP(profile_freep) struct profile *p = items(100, 1 * MS, 2 * MS, 20 * MS);
    const struct simulate_costs costs = {.process_start_ns = 4 * MS, .ipc_item_ns = MS / 10};

    (void)state;
    for (enum model model = MODEL_SERIAL; model < MODEL_COUNT; model++) {
        struct simulate_result best = {0, 0};
        uint32_t best_workers = 0, workers = 0;

        assert_int_equal(simulate_best_workers(p, &costs, model, 4, &best_workers, &best), 0);
        assert_int_equal(changed(p, &costs, SIMULATE_NO_CHANGE, model, 4, &workers), best.wall_ns);
        assert_int_equal(workers, best_workers);
    }
}

static void factors_change_what_they_name(void **state)
{
    CLEANUP(profile_freep) struct profile *p = items(10, 10 * MS, 0, 30 * MS);
    struct simulate_change change = SIMULATE_NO_CHANGE;

    (void)state;
    assert_int_equal(changed(p, &no_costs, change, MODEL_SERIAL, 4, NULL), 400 * MS);
    change.wait_factor = 0.5;
    assert_int_equal(changed(p, &no_costs, change, MODEL_SERIAL, 4, NULL), 250 * MS);
    change.cpu_factor = 3;
    assert_int_equal(changed(p, &no_costs, change, MODEL_SERIAL, 4, NULL), 450 * MS);
    change.items_factor = 1.5;
    assert_int_equal(changed(p, &no_costs, change, MODEL_SERIAL, 4, NULL), 675 * MS);
    change.items_factor = 0;
    assert_int_equal(changed(p, &no_costs, change, MODEL_SERIAL, 4, NULL), 45 * MS);
    assert_int_equal(p->n_items, 10);
    assert_int_equal(p->steps[0].wait_ns, 30 * MS);
}

/* Pure interpreter code stays serial in threads until it lets go of the lock, or there is none. */
static void the_interpreter_lock_can_be_taken_away(void **state)
{
    CLEANUP(profile_freep) struct profile *p = items(64, 10 * MS, 0, 0);
    struct simulate_change change = SIMULATE_NO_CHANGE;
    uint32_t workers;

    (void)state;
    assert_true(changed(p, &no_costs, change, MODEL_THREADS, 4, NULL) >= 640 * MS);
    change.no_interpreter_lock = true;
    assert_int_equal(changed(p, &no_costs, change, MODEL_THREADS, 4, &workers), 160 * MS);
    assert_int_equal(workers, 4);
    change = SIMULATE_NO_CHANGE;
    change.locked_factor = 0;
    assert_int_equal(changed(p, &no_costs, change, MODEL_THREADS, 4, &workers), 160 * MS);
    assert_int_equal(workers, 4);
    change.locked_factor = 5; /* no more than all of it */
    assert_int_equal(changed(p, &no_costs, change, MODEL_SERIAL, 4, NULL), 640 * MS);
}

static void process_costs_decide_what_processes_gain(void **state)
{
    CLEANUP(profile_freep) struct profile *p = items(16, 10 * MS, 0, 0);
    const struct simulate_costs costs = {.process_start_ns = 100 * MS, .ipc_item_ns = 5 * MS};
    struct simulate_change change = SIMULATE_NO_CHANGE;
    uint64_t dear = changed(p, &costs, change, MODEL_PROCESSES, 4, NULL);

    (void)state;
    change.process_start_factor = 0.1;
    uint64_t cheap_start = changed(p, &costs, change, MODEL_PROCESSES, 4, NULL);

    assert_true(cheap_start < dear);
    change.ipc_factor = 0;
    assert_true(changed(p, &costs, change, MODEL_PROCESSES, 4, NULL) < cheap_start);
}

static void big_items_are_dear_to_hand_over(void **state)
{
    CLEANUP(profile_freep) struct profile *p = items(16, 10 * MS, 0, 0);
    const struct simulate_costs costs = {.process_start_ns = MS, .ipc_byte_ps = 1000};
    struct simulate_change change = SIMULATE_NO_CHANGE;
    uint64_t little = changed(p, &costs, change, MODEL_PROCESSES, 4, NULL);

    (void)state;
    change.item_bytes = 20000000; /* 20 ms at 1 ns per byte */
    assert_true(changed(p, &costs, change, MODEL_PROCESSES, 4, NULL) >= little + 4 * 20 * MS);
    assert_true(changed(p, &costs, change, MODEL_PROCESSES, 4, NULL) >
                changed(p, &costs, change, MODEL_THREADS, 4, NULL));
}

/* CPU times were measured on two busy CPUs; that the changed program would keep one busy does not make them longer. */
static void measured_cpu_times_stay_those_of_the_run(void **state)
{
    CLEANUP(profile_freep) struct profile *p = items(20, 0, 15 * MS, 0);
    const struct simulate_costs costs = {.slowdown = 1.5, .slowdown_cpus = 2};
    struct simulate_change change = SIMULATE_NO_CHANGE;
    uint64_t serial_ns;

    (void)state;
    p->current_model = MODEL_THREADS;
    p->current_workers = 2;
    serial_ns = changed(p, &costs, change, MODEL_SERIAL, 2, NULL);
    assert_in_range(serial_ns, 20 * 10 * MS - 10, 20 * 10 * MS + 10);
    for (size_t i = 0; i < p->n_steps; i++)
        p->steps[i].wait_ns = 1000;
    change.wait_factor = 1000000; /* a second each */
    serial_ns = changed(p, &costs, change, MODEL_SERIAL, 2, NULL) - 20 * 1000 * MS;
    assert_in_range(serial_ns, 20 * 10 * MS - MS, 20 * 10 * MS + MS);
}

static void bad_changes_are_refused(void **state)
{
    CLEANUP(profile_freep) struct profile *p = items(4, MS, 0, 0);
    struct simulate_change change = SIMULATE_NO_CHANGE;
    struct simulate_result result = {7, 7};
    uint32_t workers = 7;

    (void)state;
    assert_int_equal(simulate_changed(p, &no_costs, &change, MODEL_SERIAL, 0, &workers, &result), -EINVAL);
    assert_int_equal(simulate_changed(p, &no_costs, &change, MODEL_COUNT, 1, &workers, &result), -EINVAL);
    change.wait_factor = -1;
    assert_int_equal(simulate_changed(p, &no_costs, &change, MODEL_SERIAL, 1, &workers, &result), -EINVAL);
    change.wait_factor = NAN;
    assert_int_equal(simulate_changed(p, &no_costs, &change, MODEL_SERIAL, 1, &workers, &result), -EINVAL);
    change = SIMULATE_NO_CHANGE;
    change.items_factor = 1e12;
    assert_int_equal(simulate_changed(p, &no_costs, &change, MODEL_SERIAL, 1, &workers, &result), -E2BIG);
    assert_int_equal(workers, 7);
    assert_int_equal(result.wall_ns, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_change_is_the_best_of_the_profile_itself),
        cmocka_unit_test(factors_change_what_they_name),
        cmocka_unit_test(the_interpreter_lock_can_be_taken_away),
        cmocka_unit_test(process_costs_decide_what_processes_gain),
        cmocka_unit_test(big_items_are_dear_to_hand_over),
        cmocka_unit_test(measured_cpu_times_stay_those_of_the_run),
        cmocka_unit_test(bad_changes_are_refused),
    };

    return cmocka_run_group_tests_name("analyzer/simulate_change", tests, NULL, NULL);
}
