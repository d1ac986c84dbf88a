/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/base.h"
#include "tests/analyzer/simulate/paper.h"

#define MS NSEC_PER_MSEC
#define US NSEC_PER_USEC

static const struct simulate_costs no_costs;

/* CPUs that share a core: the same work takes longer on each when all are busy. */
static void busy_cpus_slow_each_other_down(void **state)
{
    const struct simulate_costs costs = {.slowdown = 1.5, .slowdown_cpus = 4};
    CLEANUP(profile_freep) struct profile *p = paper_items(60, 1, (struct profile_step){.free_cpu_ns = 10 * MS});
    struct simulate_result result;

    (void)state;
    assert_int_equal(paper_wall(p, &costs, MODEL_SERIAL, 1, 4), 600 * MS);
    assert_int_equal(paper_wall(p, &costs, MODEL_THREADS, 2, 4), 600 * MS / 2 * 7 / 6); /* 1 + 0.5 * 1/3 */
    assert_int_equal(paper_wall(p, &costs, MODEL_THREADS, 4, 4), 600 * MS / 4 * 3 / 2);
    assert_int_equal(paper_wall(p, &costs, MODEL_COROUTINES, 4, 4), 600 * MS);
    assert_int_equal(simulate(p, &costs, MODEL_THREADS, 4, 4, &result), 0);
    assert_in_range(result.cpu_ns, 900 * MS - 10, 900 * MS + 10); /* CPU time as it would be measured */
}

/* Measured with all CPUs busy, the CPU times have the slowdown in them: now stays now, alone it is faster. */
static void a_measured_slowdown_is_taken_out(void **state)
{
    const struct simulate_costs costs = {.slowdown = 1.5, .slowdown_cpus = 4};
    CLEANUP(profile_freep) struct profile *p = paper_items(60, 1, (struct profile_step){.free_cpu_ns = 15 * MS});

    (void)state;
    p->current_model = MODEL_THREADS;
    p->current_workers = 4;
    assert_in_range(paper_current(p, &costs, 4), 225 * MS - 10, 225 * MS + 10);
    assert_in_range(paper_wall(p, &costs, MODEL_SERIAL, 1, 4), 600 * MS - 10, 600 * MS + 10);
    /* Four threads that mostly wait keep less than one CPU busy: nothing to take out. */
    for (size_t i = 0; i < p->n_steps; i++)
        p->steps[i] = (struct profile_step){.locked_cpu_ns = 15 * MS, .wait_ns = 1000 * MS};
    p->interpreter_lock = true;
    assert_in_range(paper_wall(p, &costs, MODEL_SERIAL, 1, 4), 60 * 1015 * MS - 10, 60 * 1015 * MS + 10);
}

/* One dispatcher feeds all workers: beyond what it can hand out, more of them are no use. */
static void the_dispatcher_limits_tiny_items(void **state)
{
    const struct simulate_costs costs = {.ipc_item_ns = 100 * US};
    CLEANUP(profile_freep) struct profile *p = paper_items(1000, 1, (struct profile_step){.free_cpu_ns = 400 * US});
    uint64_t limit = 1000 * 100 * US, few;

    (void)state;
    few = paper_wall(p, &costs, MODEL_PROCESSES, 4, 16);
    assert_in_range(few, 250 * 450 * US, 250 * 450 * US + 2 * MS);
    assert_in_range(paper_wall(p, &costs, MODEL_PROCESSES, 15, 16), limit, limit + 2 * MS);
    assert_in_range(paper_wall(p, &costs, MODEL_PROCESSES, 15, 64), limit, limit + 2 * MS);
}

static void bytes_add_to_the_hand_over(void **state)
{
    struct simulate_costs costs = {.ipc_item_ns = 100 * US, .ipc_byte_ps = 500, .ipc_item_bytes = 0};
    CLEANUP(profile_freep) struct profile *p = paper_items(50, 1, (struct profile_step){.free_cpu_ns = 10 * MS});
    uint64_t little = paper_wall(p, &costs, MODEL_PROCESSES, 2, 4);

    (void)state;
    costs.ipc_item_bytes = 10000000; /* at 2 GB/s: 5 ms for the dispatcher, and half of it for the worker */
    assert_in_range(paper_wall(p, &costs, MODEL_PROCESSES, 2, 4), little + 25 * 2500 * US,
                    little + 25 * 2500 * US + 3 * 5 * MS);
    assert_int_equal(paper_wall(p, &costs, MODEL_THREADS, 2, 4), 250 * MS);
}

/* A worker for each item: its creation is paid each time, one creator makes them all. */
static void a_worker_per_item_is_paid_per_item(void **state)
{
    const struct simulate_costs costs = {.process_start_ns = 20 * MS, .ipc_item_ns = MS};
    CLEANUP(profile_freep) struct profile *p = paper_items(40, 1, (struct profile_step){.free_cpu_ns = 5 * MS});
    uint64_t pool, each;

    (void)state;
    p->current_model = MODEL_PROCESSES;
    p->current_workers = 4;
    pool = paper_current(p, &costs, 8);
    p->one_worker_per_item = true;
    each = paper_current(p, &costs, 8);
    assert_in_range(each, 40 * 10 * MS, 40 * 10 * MS + 20 * MS); /* the creator is busy all the time */
    assert_true(pool < each / 2);
}

/* Waits bound the workers by what runtimes can carry, CPU by the CPUs; nothing needs more workers than items. */
static void curves_end_at_the_useful_limit(void **state)
{
    CLEANUP(profile_freep) struct profile *cpu = paper_items(5000, 1, (struct profile_step){.free_cpu_ns = MS});
    CLEANUP(profile_freep) struct profile *waits = paper_items(5000, 1, (struct profile_step){.wait_ns = 50 * MS});
    CLEANUP(profile_freep) struct profile *few = paper_items(3, 1, (struct profile_step){.wait_ns = 50 * MS});
    static const uint32_t most_cpu[] = {1, 8, 1, 8, 1}, most_waits[] = {1, 256, 1024, 16, 1024},
                          most_few[] = {1, 3, 3, 3, 1};

    (void)state;
    for (enum model model = MODEL_SERIAL; model < MODEL_COUNT; model++) {
        struct simulate_point points[SIMULATE_MAX_POINTS];
        size_t n;

        assert_int_equal(simulate_scaling(cpu, &no_costs, model, 4, points, &n), 0);
        assert_true(points[n - 1].workers <= most_cpu[model]);
        assert_int_equal(simulate_scaling(waits, &no_costs, model, 4, points, &n), 0);
        assert_int_equal(points[n - 1].workers, most_waits[model]);
        for (size_t i = 1; i < n; i++) {
            assert_true(points[i].workers > points[i - 1].workers);
            assert_true(points[i].result.wall_ns <= points[i - 1].result.wall_ns);
        }
        assert_int_equal(simulate_scaling(few, &no_costs, model, 4, points, &n), 0);
        assert_int_equal(points[n - 1].workers, most_few[model]);
    }
}

/* A curve that has become flat ends; the number of CPUs is on it. */
static void flat_curves_end_early(void **state)
{
    CLEANUP(profile_freep)
    struct profile *p = paper_items(2000, 1, (struct profile_step){.locked_cpu_ns = 10 * MS, .wait_ns = 10 * MS});
    struct simulate_point points[SIMULATE_MAX_POINTS];
    bool has_cpus = false;
    size_t n;

    (void)state;
    p->interpreter_lock = true;
    assert_int_equal(simulate_scaling(p, &no_costs, MODEL_COROUTINES, 5, points, &n), 0);
    assert_true(points[n - 1].workers < 64);
    for (size_t i = 0; i < n; i++)
        has_cpus |= points[i].workers == 5;
    assert_true(has_cpus);
}

/* A loop that was always busy: nobody knows whether fewer in flight would have kept it so. */
static void busy_loops_keep_their_number_in_flight(void **state)
{
    const struct profile_step step = {.free_cpu_ns = 10 * MS, .wait_ns = 100 * US};
    CLEANUP(profile_freep) struct profile *p = paper_items(200, 1, step);
    uint32_t workers = 0;

    (void)state;
    for (uint32_t busy = 0; busy <= 301; busy += 43) {
        p->busy_in_flight = busy;
        assert_int_equal(simulate_best_workers(p, &no_costs, MODEL_COROUTINES, 2, &workers, NULL), 0);
        assert_int_equal(workers, !busy ? 1 : busy < 200 ? busy : 200);
        assert_int_equal(simulate_best_workers(p, &no_costs, MODEL_PROCESSES_COROUTINES, 2, &workers, NULL), 0);
        assert_int_equal(workers, !busy ? 1 : busy < 200 ? (busy + 1) / 2 : 100);
        assert_int_equal(simulate_best_workers(p, &no_costs, MODEL_THREADS, 2, &workers, NULL), 0);
        assert_in_range(workers, 2, 3);
    }
}

/* What an event loop starts as programs of their own computes on other CPUs than the loop. */
static void commands_compute_beside_the_loop(void **state)
{
    const struct profile_step step = {.locked_cpu_ns = 1 * MS, .free_cpu_ns = 9 * MS};
    CLEANUP(profile_freep) struct profile *p = paper_items(40, 1, step);

    (void)state;
    p->interpreter_lock = true;
    assert_int_equal(paper_wall(p, &no_costs, MODEL_COROUTINES, 8, 4), 400 * MS);
    p->commands = true;
    assert_in_range(paper_wall(p, &no_costs, MODEL_COROUTINES, 8, 4), 100 * MS, 110 * MS);
    assert_int_equal(paper_wall(p, &no_costs, MODEL_SERIAL, 1, 4), 400 * MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(busy_cpus_slow_each_other_down),
        cmocka_unit_test(a_measured_slowdown_is_taken_out),
        cmocka_unit_test(the_dispatcher_limits_tiny_items),
        cmocka_unit_test(bytes_add_to_the_hand_over),
        cmocka_unit_test(a_worker_per_item_is_paid_per_item),
        cmocka_unit_test(curves_end_at_the_useful_limit),
        cmocka_unit_test(flat_curves_end_early),
        cmocka_unit_test(busy_loops_keep_their_number_in_flight),
        cmocka_unit_test(commands_compute_beside_the_loop),
    };

    return cmocka_run_group_tests_name("analyzer/simulate_model", tests, NULL, NULL);
}
