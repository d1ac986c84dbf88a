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

/* Independent items: M of them, W at once, rounds of the longest. */
static void rounds_of_waits(void **state)
{
    static const uint32_t counts[][2] = {{10, 1}, {10, 3}, {10, 10}, {7, 2}, {500, 64}};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
        CLEANUP(profile_freep)
        struct profile *p = paper_items(counts[i][0], 1, (struct profile_step){.wait_ns = 20 * MS});
        uint64_t rounds = (counts[i][0] + counts[i][1] - 1) / counts[i][1];

        assert_int_equal(paper_wall(p, &no_costs, MODEL_THREADS, counts[i][1], 1), rounds * 20 * MS);
        assert_int_equal(paper_wall(p, &no_costs, MODEL_COROUTINES, counts[i][1], 1), rounds * 20 * MS);
    }
}

/* Lane 0 computes for a minute; `k` others wait and compute `rounds` times, then wait an hour: wall - 1 h is theirs. */
static struct profile *convoy(uint32_t k, size_t rounds, uint64_t wait_ns, uint64_t burst_ns)
{
    size_t per_lane = rounds + 1;
    struct profile *p = paper_items(k + 1, per_lane, (struct profile_step){.wait_ns = 0});

    for (uint32_t lane = 0; lane <= k; lane++) {
        struct profile_step *steps = &p->steps[lane * per_lane];

        p->items[lane].lane = lane;
        if (lane == 0) {
            steps[0].locked_cpu_ns = 60000 * MS;
            continue;
        }
        steps[0].wait_ns = wait_ns;
        for (size_t i = 1; i <= rounds; i++)
            steps[i] = (struct profile_step){.locked_cpu_ns = burst_ns, .wait_ns = wait_ns};
        steps[rounds].wait_ns = 3600000 * MS;
    }
    p->interpreter_lock = true;
    p->fixed_lanes = true;
    p->n_lanes = p->current_workers = k + 1;
    p->current_model = MODEL_THREADS;
    return p;
}

/* Each time it comes back from its wait, a thread waits one interval for the lock that the computing one holds. */
static void a_waiter_asks_for_the_lock_after_its_interval(void **state)
{
    CLEANUP(profile_freep) struct profile *p = convoy(1, 100, 1 * MS, 50 * US);
    struct simulate_costs slow = {.lock_turn_ns = 100 * MS};
    uint64_t rounds_ns = paper_current(p, &no_costs, 2) - 3600000 * MS;

    (void)state;
    assert_int_equal(rounds_ns, 100 * (1 * MS + 5 * MS + 50 * US));
    assert_int_equal(paper_current(p, &slow, 2) - 3600000 * MS, 100 * (1 * MS + 100 * MS + 50 * US));
    p->interpreter_lock = false;
    assert_int_equal(paper_current(p, &no_costs, 2) - 3600000 * MS, 100 * (1 * MS + 50 * US));
}

/*
 * Once the holder was made to let go, all that stand in line before it come first: many waiting threads hardly take
 * longer for a round than one. Measured on CPython 3.11: 6.9 ms for one thread, 6.5 ms for sixteen.
 */
static void a_convoy_is_served_at_once(void **state)
{
    static const uint32_t threads[] = {2, 4, 8, 16};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(threads); i++) {
        CLEANUP(profile_freep) struct profile *p = convoy(threads[i], 200, 1 * MS, 50 * US);
        uint64_t round_ns = (paper_current(p, &no_costs, 2) - 3600000 * MS) / 200;

        assert_in_range(round_ns, 5 * MS, 8 * MS);
    }
}

/* Two threads that only compute take turns of 5 ms: both end at the end, whichever began. */
static void computing_threads_take_turns(void **state)
{
    CLEANUP(profile_freep)
    struct profile *p = paper_items(2, 2, (struct profile_step){.locked_cpu_ns = 0});

    (void)state;
    p->interpreter_lock = true;
    p->steps[0].locked_cpu_ns = p->steps[2].locked_cpu_ns = 500 * MS;
    p->steps[0].wait_ns = p->steps[2].wait_ns = 300 * MS;
    assert_in_range(paper_wall(p, &no_costs, MODEL_THREADS, 2, 2), 1300 * MS - 5 * MS, 1300 * MS);
    /* An event loop has no turns: the first is done at 500 and waits while the second computes. */
    assert_int_equal(paper_wall(p, &no_costs, MODEL_COROUTINES, 2, 2), 1300 * MS);
    p->steps[2].locked_cpu_ns = 100 * MS; /* turns: done after about 200; run to completion: after 600 */
    p->steps[2].wait_ns = 900 * MS;
    assert_in_range(paper_wall(p, &no_costs, MODEL_THREADS, 2, 2), 1090 * MS, 1110 * MS);
    assert_int_equal(paper_wall(p, &no_costs, MODEL_COROUTINES, 2, 2), 1500 * MS);
}

/* Coming back through the lock costs CPU, once for each time it was fought for. */
static void a_lost_lock_costs_a_switch(void **state)
{
    CLEANUP(profile_freep) struct profile *p = convoy(1, 100, 1 * MS, 50 * US);
    const struct simulate_costs costs = {.thread_switch_ns = 30 * US};

    (void)state;
    assert_int_equal(paper_current(p, &costs, 2) - 3600000 * MS, 100 * (6 * MS + 80 * US));
}

static void two_locks_hold_up_half_as_much_as_one(void **state)
{
    struct profile_step step = {.free_cpu_ns = 5 * MS, .wait_ns = 5 * MS, .lock = 1};
    CLEANUP(profile_freep) struct profile *p = paper_items(40, 1, step);

    (void)state;
    assert_int_equal(paper_wall(p, &no_costs, MODEL_THREADS, 8, 8), 400 * MS);
    p->n_locks = 2;
    for (size_t i = 1; i < p->n_steps; i += 2)
        p->steps[i].lock = 2;
    assert_int_equal(paper_wall(p, &no_costs, MODEL_THREADS, 8, 8), 200 * MS);
    assert_int_equal(paper_wall(p, &no_costs, MODEL_PROCESSES, 8, 8), 200 * MS);
    assert_int_equal(paper_wall(p, &no_costs, MODEL_SERIAL, 1, 8), 400 * MS);
}

/* `n` phases of `items` items each. */
static void cut_into_phases(struct profile *p, uint32_t n, struct profile_phase serial)
{
    free(p->phases);
    p->phases = calloc(n, sizeof(*p->phases));
    assert_non_null(p->phases);
    p->n_phases = n;
    for (uint32_t i = 1; i < n; i++)
        p->phases[i] = serial;
    for (size_t i = 0; i < p->n_items; i++)
        p->items[i].phase = (uint32_t)(i * n / p->n_items);
}

/* Nobody passes a barrier before the last one has arrived: five items on four workers take two rounds, each time. */
static void a_phase_ends_with_its_last_item(void **state)
{
    CLEANUP(profile_freep) struct profile *p = paper_items(50, 1, (struct profile_step){.free_cpu_ns = 10 * MS});

    (void)state;
    assert_int_equal(paper_wall(p, &no_costs, MODEL_THREADS, 4, 4), 130 * MS);
    cut_into_phases(p, 10, (struct profile_phase){0, 0});
    assert_int_equal(paper_wall(p, &no_costs, MODEL_THREADS, 4, 4), 200 * MS);
    assert_int_equal(paper_wall(p, &no_costs, MODEL_THREADS, 5, 5), 100 * MS);
    assert_int_equal(paper_wall(p, &no_costs, MODEL_SERIAL, 1, 4), 500 * MS);
}

/* Amdahl: what is serial between the phases stays, whatever the workers. */
static void serial_parts_stay_serial(void **state)
{
    CLEANUP(profile_freep) struct profile *p = paper_items(80, 1, (struct profile_step){.free_cpu_ns = 10 * MS});
    struct simulate_result result;

    (void)state;
    cut_into_phases(p, 5, (struct profile_phase){.serial_ns = 50 * MS, .serial_cpu_ns = 20 * MS});
    p->head_ns = 7 * MS;
    p->tail_ns = 3 * MS;
    for (uint32_t workers = 1; workers <= 16; workers *= 2)
        for (enum model model = MODEL_SERIAL; model < MODEL_COUNT; model++) {
            uint64_t at_once = model == MODEL_SERIAL || model == MODEL_COROUTINES ? 1 : workers;

            assert_int_equal(
                paper_wall(p, &no_costs, model, model == MODEL_PROCESSES_COROUTINES ? 1 : workers, workers),
                10 * MS + 200 * MS + 800 * MS / at_once);
        }
    assert_int_equal(simulate(p, &no_costs, MODEL_THREADS, 4, 4, &result), 0);
    assert_int_equal(result.cpu_ns, 80 * MS + 800 * MS);
    /* Phases without items are their serial parts. */
    for (size_t i = 0; i < p->n_items; i++)
        p->items[i].phase = 3;
    assert_int_equal(paper_wall(p, &no_costs, MODEL_THREADS, 4, 4), 10 * MS + 200 * MS + 200 * MS);
}

/* A pipeline is as fast as its slowest stage, and takes one item's time more to fill. */
static void the_slowest_stage_is_the_bottleneck(void **state)
{
    CLEANUP(profile_freep) struct profile *p = paper_items(100, 3, (struct profile_step){.free_cpu_ns = 2 * MS});
    uint32_t lanes[3] = {1, 1, 1};

    (void)state;
    for (size_t i = 0; i < p->n_steps; i++)
        p->steps[i].stage = (uint16_t)(i % 3);
    for (size_t i = 1; i < p->n_steps; i += 3)
        p->steps[i].free_cpu_ns = 10 * MS;
    p->n_stages = 3;
    p->stage_lanes = lanes;
    p->current_model = MODEL_THREADS;
    p->current_workers = 3;
    assert_int_equal(paper_current(p, &no_costs, 4), 2 * MS + 100 * 10 * MS + 2 * MS);
    lanes[1] = 2;
    p->current_workers = 4;
    assert_int_equal(paper_current(p, &no_costs, 4), 2 * MS + 2 * MS + 50 * 10 * MS + 2 * MS);
    p->current_model = MODEL_PROCESSES;
    assert_int_equal(paper_current(p, &no_costs, 4), 2 * MS + 2 * MS + 50 * 10 * MS + 2 * MS);
    /* Other models do whole items. */
    assert_int_equal(paper_wall(p, &no_costs, MODEL_THREADS, 4, 4), 100 * 14 * MS / 4);
    p->stage_lanes = NULL;
}

/* A giant bounds the run, wherever it stands; the small ones fit in beside it. */
static void one_giant_item_bounds_the_run(void **state)
{
    CLEANUP(profile_freep) struct profile *p = paper_items(101, 1, (struct profile_step){.free_cpu_ns = 10 * MS});

    (void)state;
    p->steps[0].free_cpu_ns = 2000 * MS;
    assert_int_equal(paper_wall(p, &no_costs, MODEL_THREADS, 4, 4), 2000 * MS);
    p->steps[0].free_cpu_ns = 10 * MS;
    p->steps[100].free_cpu_ns = 2000 * MS; /* taken last: the small ones come first */
    assert_int_equal(paper_wall(p, &no_costs, MODEL_THREADS, 4, 4), 250 * MS + 2000 * MS);
}

/* A lane that got more than its share holds up the program as it is; a common bag would share its items. */
static void items_stay_with_their_lanes_now(void **state)
{
    CLEANUP(profile_freep) struct profile *p = paper_items(40, 1, (struct profile_step){.free_cpu_ns = 10 * MS});

    (void)state;
    for (size_t i = 0; i < p->n_items; i++)
        p->items[i].lane = i < 3 ? (uint32_t)(i + 1) : 0;
    p->fixed_lanes = true;
    p->n_lanes = p->current_workers = 4;
    p->current_model = MODEL_THREADS;
    assert_int_equal(paper_current(p, &no_costs, 4), 370 * MS);
    assert_int_equal(paper_wall(p, &no_costs, MODEL_THREADS, 4, 4), 100 * MS);
    cut_into_phases(p, 2, (struct profile_phase){0, 0}); /* the barrier waits for lane 0 twice */
    assert_int_equal(paper_current(p, &no_costs, 4), 370 * MS);
    p->fixed_lanes = false;
    assert_int_equal(paper_current(p, &no_costs, 4), 100 * MS);
}

static void without_items_only_serial_parts_remain(void **state)
{
    CLEANUP(profile_freep) struct profile *p = paper_items(1, 1, (struct profile_step){.wait_ns = 1});

    (void)state;
    p->steps[0].wait_ns = 0; /* nothing at all to do */
    p->head_ns = 3 * MS;
    for (enum model model = MODEL_SERIAL; model < MODEL_COUNT; model++)
        assert_int_equal(paper_wall(p, &no_costs, model, 2, 2), 3 * MS);
    p->n_items = p->n_steps = 0;
    cut_into_phases(p, 3, (struct profile_phase){.serial_ns = 2 * MS, .serial_cpu_ns = MS});
    for (enum model model = MODEL_SERIAL; model < MODEL_COUNT; model++)
        assert_int_equal(paper_wall(p, &no_costs, model, 2, 2), 7 * MS);
}

/*
 * A loop hands long bursts to threads, which use all CPUs; what stays on the loop is their part under the interpreter
 * lock and the hand-over. Loops in several processes do all by themselves.
 */
static void long_bursts_leave_the_loop(void **state)
{
    static const struct simulate_costs costs = {.loop_turn_ns = 40 * US, .thread_switch_ns = 30 * US};
    CLEANUP(profile_freep) struct profile *p = paper_items(8, 1, (struct profile_step){.free_cpu_ns = 10 * MS});

    (void)state;
    p->interpreter_lock = true;
    assert_int_equal(paper_wall(p, &no_costs, MODEL_COROUTINES, 4, 2), 80 * MS);
    for (size_t i = 0; i < p->n_steps; i++)
        p->steps[i].offload = true;
    /* Four at a time compete for two CPUs, which costs half a percent. */
    assert_in_range(paper_wall(p, &no_costs, MODEL_COROUTINES, 4, 2), 40 * MS, 40 * MS + 300 * US);
    assert_int_equal(paper_wall(p, &no_costs, MODEL_COROUTINES, 2, 2), 40 * MS);
    assert_int_equal(paper_wall(p, &no_costs, MODEL_COROUTINES, 1, 2), 80 * MS);
    assert_int_equal(paper_wall(p, &costs, MODEL_COROUTINES, 1, 2), 80 * MS + 8 * 100 * US);
    assert_int_equal(paper_wall(p, &no_costs, MODEL_PROCESSES_COROUTINES, 4, 1), 80 * MS);
}

/* The program as it is now hands over what it was seen to: to one thread, one burst at a time, or none at all. */
static void the_present_executor_has_its_threads(void **state)
{
    CLEANUP(profile_freep)
    struct profile *p =
        paper_items(6, 1, (struct profile_step){.free_cpu_ns = 10 * MS, .wait_ns = 10 * MS, .offload = true});

    (void)state;
    p->interpreter_lock = true;
    p->current_model = MODEL_COROUTINES;
    p->current_workers = 6;
    assert_int_equal(paper_current(p, &no_costs, 4), 70 * MS);
    p->executor_threads = 1;
    assert_int_equal(paper_current(p, &no_costs, 4), 70 * MS);
    p->executor_threads = 2;
    assert_int_equal(paper_current(p, &no_costs, 4), 40 * MS);
    p->executor_threads = 3;
    assert_int_equal(paper_current(p, &no_costs, 4), 30 * MS);
}

/* Disks: a loop is a loop around threads then, and loops in processes stand still while each waits. */
static void what_cannot_be_awaited_waits_in_threads(void **state)
{
    CLEANUP(profile_freep)
    struct profile *p = paper_items(64, 1, (struct profile_step){.wait_ns = 10 * MS, .cause = CAUSE_DISK});
    uint32_t workers;

    (void)state;
    p->interpreter_lock = true;
    p->nothing_to_await = true;
    assert_int_equal(paper_wall(p, &no_costs, MODEL_COROUTINES, 8, 2), 80 * MS);
    assert_int_equal(paper_wall(p, &no_costs, MODEL_PROCESSES_COROUTINES, 8, 2), 320 * MS);
    assert_int_equal(simulate_best_workers(p, &no_costs, MODEL_COROUTINES, 2, &workers, NULL), 0);
    assert_int_equal(workers, 64);
    assert_int_equal(simulate_best_workers(p, &no_costs, MODEL_PROCESSES_COROUTINES, 2, &workers, NULL), 0);
    assert_int_equal(workers, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rounds_of_waits),
        cmocka_unit_test(a_waiter_asks_for_the_lock_after_its_interval),
        cmocka_unit_test(a_convoy_is_served_at_once),
        cmocka_unit_test(computing_threads_take_turns),
        cmocka_unit_test(a_lost_lock_costs_a_switch),
        cmocka_unit_test(two_locks_hold_up_half_as_much_as_one),
        cmocka_unit_test(a_phase_ends_with_its_last_item),
        cmocka_unit_test(serial_parts_stay_serial),
        cmocka_unit_test(the_slowest_stage_is_the_bottleneck),
        cmocka_unit_test(one_giant_item_bounds_the_run),
        cmocka_unit_test(items_stay_with_their_lanes_now),
        cmocka_unit_test(without_items_only_serial_parts_remain),
        cmocka_unit_test(long_bursts_leave_the_loop),
        cmocka_unit_test(the_present_executor_has_its_threads),
        cmocka_unit_test(what_cannot_be_awaited_waits_in_threads),
    };

    return cmocka_run_group_tests_name("analyzer/simulate_engine", tests, NULL, NULL);
}
