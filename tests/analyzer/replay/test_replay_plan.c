/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "analyzer/replay/replay_plan.h"
#include "analyzer/replay/replay_sample.h"
#include "base/base.h"
#include "equal.h"

#define MS NSEC_PER_MSEC

static void slots_are_filled_like_glasses(void **state)
{
    static const struct replay_plan plans[] = {
        {.forecast_ns = 10 * MS}, {.forecast_ns = 100 * MS}, {.forecast_ns = 1000 * MS, .overhead_ns = 20 * MS}};

    (void)state;
    /* 20 for the overhead, 10 for the first, the rest in two. */
    assert_int_equal(replay_plan_slot(plans, 3, 150 * MS), 60 * MS);
    /* The second is satisfied as well. */
    assert_int_equal(replay_plan_slot(plans, 3, 430 * MS), 300 * MS);
    /* All fit: the longest decides. */
    assert_int_equal(replay_plan_slot(plans, 3, 9000 * MS), 1000 * MS);
    /* Not even the overhead fits. */
    assert_int_equal(replay_plan_slot(plans, 3, 19 * MS), 0);
}

/* Starting workers and per-item costs are not scaled by what only durations were. */
static void scaling_is_honest(void **state)
{
    struct replay_plan plan = {.items_factor = 10, .shrink = 1, .fixed_ns = 7 * MS, .fixed_cpu_ns = 3 * MS};
    struct replay_times run = {.wall_ns = 105 * MS, .start_ns = 5 * MS, .cpu_ns = 50 * MS};
    struct replay_times empty = {.wall_ns = 25 * MS, .start_ns = 5 * MS, .cpu_ns = 10 * MS};

    (void)state;
    /* Fewer items, each at full length: everything but the start is multiplied. */
    assert_int_equal(replay_plan_scale_wall(&plan, &run, &empty), 7 * MS + 5 * MS + 10 * 100 * MS);
    assert_int_equal(replay_plan_scale_cpu(&plan, &run, &empty), 3 * MS + 10 * 50 * MS);
    /* All items, a quarter of their length: 20 of overhead stay, 80 become 320. */
    plan.items_factor = 1;
    plan.shrink = 0.25;
    assert_int_equal(replay_plan_scale_wall(&plan, &run, &empty), 7 * MS + 5 * MS + 20 * MS + 320 * MS);
    assert_int_equal(replay_plan_scale_cpu(&plan, &run, &empty), 3 * MS + 10 * MS + 160 * MS);
    /* Noise may make the empty run the longer one; the work is not negative. */
    empty.wall_ns = 205 * MS;
    assert_int_equal(replay_plan_scale_wall(&plan, &run, &empty), 7 * MS + 5 * MS + 200 * MS);
}

static void plans_follow_the_simulation(void **state)
{
    static const struct simulate_costs costs = {.process_start_ns = MS};
    CLEANUP(profile_freep) struct profile *p = equal_items(100, 1, (struct profile_step){.wait_ns = 50 * MS});
    struct replay_plan plan, now;

    (void)state;
    p->head_ns = 3 * MS;
    p->current_model = MODEL_COROUTINES;
    p->current_workers = 100;
    assert_int_equal(replay_plan_model(p, &costs, MODEL_COROUTINES, 2, &plan), 0);
    assert_int_equal(plan.workers, 100);
    assert_int_equal(plan.fixed_ns, 3 * MS);
    assert_int_equal(plan.forecast_ns, 50 * MS);
    assert_int_equal(replay_plan_current(p, &costs, 2, &now), 0);
    assert_true(now.current);
    assert_true(replay_plan_same(&plan, &now));
    p->event_loop_blocked = true;
    assert_int_equal(replay_plan_current(p, &costs, 2, &now), 0);
    assert_false(replay_plan_same(&plan, &now));
    assert_true(now.executable_serial);
    assert_int_equal(now.workers, 1);
    assert_int_equal(replay_plan_model(p, &costs, MODEL_PROCESSES_COROUTINES, 2, &plan), 0);
    assert_int_equal(plan.processes, 2);
    assert_true(plan.workers <= 50);
    p->event_loop_blocked = false;
    for (int commands = 0; commands <= 1; commands++) {
        p->commands = commands;
        assert_int_equal(replay_plan_model(p, &costs, MODEL_COROUTINES, 2, &plan), 0);
        assert_int_equal(plan.beside_the_loop, commands);
        assert_int_equal(replay_plan_model(p, &costs, MODEL_THREADS, 2, &plan), 0);
        assert_false(plan.beside_the_loop);
    }
}

/* Lanes that wait for each other: the replay of the program as it is now waits as long, within the mutex. */
static void latency_of_the_present_arrangement_is_replayed(void **state)
{
    static const struct simulate_costs costs = {.process_start_ns = MS, .ipc_item_ns = MS / 10};
    CLEANUP(profile_freep)
    struct profile *p = equal_items(100, 1, (struct profile_step){.free_cpu_ns = MS, .lock = 1});
    CLEANUP(replay_plan_clear) struct replay_plan now = {0};
    uint64_t wait_ns = 0;

    (void)state;
    p->current_model = MODEL_PROCESSES;
    p->current_workers = 2;
    p->switch_ns_per_item = MS;
    assert_int_equal(replay_plan_current(p, &costs, 2, &now), 0);
    assert_int_equal(now.latency_ns, MS - MS / 10);
    assert_true(now.forecast_ns >= 200 * MS);
    assert_int_equal(replay_sample_draw(p, now.forecast_ns, &now), 0);
    for (size_t i = 0; i < now.n_steps; i++) {
        assert_true(now.steps[i].lock);
        wait_ns += now.steps[i].wait_ns;
    }
    assert_in_range(wait_ns, 89 * MS, 91 * MS);
    p->one_worker_per_item = true; /* the replay creates them, too */
    replay_plan_clear(&now);
    assert_int_equal(replay_plan_current(p, &costs, 2, &now), 0);
    assert_int_equal(now.latency_ns, 0);
}

/* The evidence compares like with like: replays have the workers that the simulation found best. */
static void workers_are_those_of_the_simulation(void **state)
{
    static const struct simulate_costs costs = {
        .process_start_ns = 2 * MS, .thread_start_ns = MS / 10, .ipc_item_ns = MS / 50, .slowdown = 1.0};
    static const struct profile_step steps[] = {
        {.free_cpu_ns = 3 * MS}, {.locked_cpu_ns = MS / 10, .wait_ns = 100 * MS}, {.wait_ns = MS, .lock = 1}};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(steps); i++)
        for (int model = 0; model < MODEL_COUNT; model++)
            for (uint32_t cpus = 1; cpus <= 64; cpus *= 4) {
                CLEANUP(profile_freep) struct profile *p = equal_items(2000, 1, steps[i]);
                struct replay_plan plan;
                uint32_t workers;

                assert_int_equal(simulate_best_workers(p, &costs, (enum model)model, cpus, &workers, NULL), 0);
                assert_int_equal(replay_plan_model(p, &costs, (enum model)model, cpus, &plan), 0);
                assert_int_equal(plan.workers, workers);
            }
}

/* What is serial between phases is added like head and tail. */
static void serial_parts_are_fixed_time(void **state)
{
    static const struct simulate_costs costs = {.process_start_ns = MS};
    CLEANUP(profile_freep) struct profile *p = equal_items(100, 1, (struct profile_step){.wait_ns = 5 * MS});
    struct replay_plan plan;

    (void)state;
    p->head_ns = 3 * MS;
    p->tail_ns = 4 * MS;
    p->serial_cpu_ns = 2 * MS;
    p->n_phases = 2;
    p->phases = calloc(2, sizeof(*p->phases));
    assert_non_null(p->phases);
    p->phases[1] = (struct profile_phase){.serial_ns = 10 * MS, .serial_cpu_ns = 6 * MS};
    for (size_t i = 50; i < 100; i++)
        p->items[i].phase = 1;
    assert_int_equal(replay_plan_model(p, &costs, MODEL_THREADS, 2, &plan), 0);
    assert_int_equal(plan.fixed_ns, 17 * MS);
    assert_int_equal(plan.fixed_cpu_ns, 8 * MS);
}

/* Stages and fixed lanes belong to the program as it is now, and to models whose workers can be told apart. */
static void the_present_arrangement_is_kept(void **state)
{
    static const struct simulate_costs costs = {.process_start_ns = MS};
    CLEANUP(profile_freep) struct profile *p = equal_items(60, 1, (struct profile_step){.wait_ns = 5 * MS});
    struct replay_plan now = {0}, threads;

    (void)state;
    p->current_model = MODEL_THREADS;
    p->current_workers = 4;
    p->n_lanes = 6;
    p->fixed_lanes = true;
    for (size_t i = 0; i < 60; i++)
        p->items[i].lane = (uint32_t)i % 6;
    assert_int_equal(replay_plan_current(p, &costs, 2, &now), 0);
    assert_true(now.fixed_lanes && !now.staged);
    assert_int_equal(now.workers, 6);
    assert_int_equal(now.recorded, 4);
    assert_int_equal(replay_plan_model(p, &costs, MODEL_THREADS, 2, &threads), 0);
    assert_false(threads.fixed_lanes || replay_plan_same(&now, &threads));
    p->n_stages = 2;
    p->stage_lanes = calloc(2, sizeof(*p->stage_lanes));
    assert_non_null(p->stage_lanes);
    p->stage_lanes[0] = 1;
    p->stage_lanes[1] = 3;
    assert_int_equal(replay_plan_current(p, &costs, 2, &now), 0);
    assert_true(now.staged && !now.fixed_lanes);
    assert_int_equal(now.workers, 4);
    assert_int_equal(now.stage_lanes[1], 3);
    replay_plan_clear(&now);
    p->current_model = MODEL_COROUTINES;
    assert_int_equal(replay_plan_current(p, &costs, 2, &now), 0);
    assert_true(!now.staged && now.fixed_lanes);
    p->one_worker_per_item = true;
    p->current_model = MODEL_PROCESSES;
    assert_int_equal(replay_plan_current(p, &costs, 2, &now), 0);
    assert_false(now.staged || now.fixed_lanes);
}

/* Runs weigh: a plan that is executed three times leaves more for those that are executed seven times. */
static void runs_count_in_the_slot(void **state)
{
    static const struct replay_plan plans[] = {{.forecast_ns = 1000 * MS, .runs = 3},
                                               {.forecast_ns = 1000 * MS, .runs = 7}};

    (void)state;
    assert_int_equal(replay_plan_slot(plans, 2, 1000 * MS), 100 * MS);
}

/* Long calls go to the executor's threads: of a new loop to asyncio's own number, of the present one to its own. */
static void loops_get_their_executor(void **state)
{
    static const struct simulate_costs costs = {.thread_start_ns = MS};
    CLEANUP(profile_freep)
    struct profile *p = equal_items(20, 1, (struct profile_step){.free_cpu_ns = 10 * MS, .wait_ns = 50 * MS});
    struct replay_plan plan, now;

    (void)state;
    p->interpreter_lock = true;
    assert_int_equal(replay_plan_model(p, &costs, MODEL_COROUTINES, 2, &plan), 0);
    assert_int_equal(plan.executor, 0);
    for (size_t i = 0; i < p->n_steps; i++)
        p->steps[i].offload = true;
    assert_int_equal(replay_plan_model(p, &costs, MODEL_COROUTINES, 2, &plan), 0);
    assert_int_equal(plan.executor, 6);
    assert_false(plan.nothing_to_await);
    assert_int_equal(plan.overhead_ns, 0);
    p->current_model = MODEL_COROUTINES;
    p->current_workers = plan.workers;
    p->executor_threads = 2;
    assert_int_equal(replay_plan_current(p, &costs, 2, &now), 0);
    assert_int_equal(now.executor, 2);
    assert_false(replay_plan_same(&plan, &now));
    p->nothing_to_await = true;
    assert_int_equal(replay_plan_model(p, &costs, MODEL_COROUTINES, 2, &plan), 0);
    assert_true(plan.nothing_to_await);
    assert_int_equal(plan.overhead_ns, plan.workers * MS);
    assert_int_equal(replay_plan_model(p, &costs, MODEL_PROCESSES_COROUTINES, 2, &plan), 0);
    assert_int_equal(plan.executor, 0);
    assert_false(plan.nothing_to_await);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slots_are_filled_like_glasses),
        cmocka_unit_test(runs_count_in_the_slot),
        cmocka_unit_test(workers_are_those_of_the_simulation),
        cmocka_unit_test(serial_parts_are_fixed_time),
        cmocka_unit_test(the_present_arrangement_is_kept),
        cmocka_unit_test(scaling_is_honest),
        cmocka_unit_test(plans_follow_the_simulation),
        cmocka_unit_test(latency_of_the_present_arrangement_is_replayed),
        cmocka_unit_test(loops_get_their_executor),
    };

    return cmocka_run_group_tests_name("analyzer/replay/replay_plan", tests, NULL, NULL);
}
