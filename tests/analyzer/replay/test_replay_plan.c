/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "analyzer/replay/replay_plan.h"
#include "base/base.h"

#define MS NSEC_PER_MSEC

static struct profile *equal_items(size_t n, size_t steps, struct profile_step step)
{
    struct profile *p = calloc(1, sizeof(*p));

    assert_non_null(p);
    p->n_items = n;
    p->n_steps = n * steps;
    p->steps = calloc(p->n_steps, sizeof(*p->steps));
    p->items = calloc(n, sizeof(*p->items));
    assert_true(p->steps && p->items);
    for (size_t i = 0; i < p->n_steps; i++)
        p->steps[i] = step;
    for (size_t i = 0; i < n; i++)
        p->items[i] = (struct profile_item){.first_step = i * steps, .n_steps = steps};
    return p;
}

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

/* A sample holds exactly its share of each kind of time, whatever it was drawn from. */
static void samples_hold_their_share(void **state)
{
    static const struct {
        size_t items, steps;
        uint32_t workers;
        uint64_t slot_ns;
    } cases[] = {
        {1000, 2, 4, 50 * MS}, {4, 500, 4, 20 * MS}, {100, 2, 100, 5 * MS}, {20000, 1, 2, 100 * MS}, {3, 1, 1, 1 * MS}};
    static const struct profile_step step = {.locked_cpu_ns = 2 * MS, .free_cpu_ns = 1 * MS, .wait_ns = 7 * MS};

    (void)state;
    for (size_t c = 0; c < ARRAY_SIZE(cases); c++) {
        CLEANUP(profile_freep) struct profile *p = equal_items(cases[c].items, cases[c].steps, step);
        CLEANUP(replay_plan_clear)
        struct replay_plan plan = {.model = MODEL_THREADS,
                                   .workers = cases[c].workers,
                                   .processes = 1,
                                   .forecast_ns = p->n_steps * 10 * MS / cases[c].workers};
        double locked = 0, wait = 0, share;
        size_t steps = 0;

        assert_int_equal(replay_plan_sample(p, cases[c].slot_ns, &plan), 0);
        share = replay_plan_share(&plan);
        assert_true(share > 0 && share <= 1 && plan.shrink <= 1 && plan.items_factor >= 1);
        for (size_t i = 0; i < plan.n_steps; i++) {
            locked += (double)plan.steps[i].locked_cpu_ns;
            wait += (double)plan.steps[i].wait_ns;
        }
        for (size_t i = 0; i < plan.n_items; i++)
            steps += plan.items[i];
        assert_int_equal(steps, plan.n_steps);
        assert_true(plan.n_steps <= 3 * 4096);
        assert_true(locked > 0.99 * share * (double)p->n_steps * 2 * MS &&
                    locked < 1.01 * share * (double)p->n_steps * 2 * MS);
        assert_true(wait > 0.99 * share * (double)p->n_steps * 7 * MS &&
                    wait < 1.01 * share * (double)p->n_steps * 7 * MS);
        /* Enough rounds for every worker, as far as the profile has items. */
        assert_true(plan.n_items >= 8 * plan.workers || plan.n_items == p->n_items);
    }
}

static void a_short_profile_is_executed_whole(void **state)
{
    CLEANUP(profile_freep) struct profile *p = equal_items(20, 3, (struct profile_step){.free_cpu_ns = MS});
    CLEANUP(replay_plan_clear)
    struct replay_plan plan = {.model = MODEL_SERIAL, .workers = 1, .processes = 1, .forecast_ns = 60 * MS};

    (void)state;
    assert_int_equal(replay_plan_sample(p, 60 * MS, &plan), 0);
    assert_int_equal(plan.n_items, 20);
    assert_true(replay_plan_share(&plan) > 0.9999);
    assert_int_equal(plan.switch_interval_ns, 5 * MS);
}

/* What ran under the mutex stays apart from what did not. */
static void merging_keeps_critical_steps_apart(void **state)
{
    CLEANUP(profile_freep) struct profile *p = equal_items(2, 1000, (struct profile_step){.free_cpu_ns = 100000});
    CLEANUP(replay_plan_clear)
    struct replay_plan plan = {.model = MODEL_THREADS, .workers = 2, .processes = 1, .forecast_ns = 100 * MS};
    double critical = 0, all = 0;

    (void)state;
    for (size_t i = 0; i < p->n_steps; i += 4)
        p->steps[i].lock = 1;
    assert_int_equal(replay_plan_sample(p, 10 * MS, &plan), 0);
    assert_true(plan.n_steps < 100);
    for (size_t i = 0; i < plan.n_steps; i++) {
        all += (double)plan.steps[i].free_cpu_ns;
        critical += plan.steps[i].lock ? (double)plan.steps[i].free_cpu_ns : 0;
    }
    assert_true(critical > 0.24 * all && critical < 0.26 * all);
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
    assert_int_equal(replay_plan_sample(p, now.forecast_ns, &now), 0);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slots_are_filled_like_glasses),
        cmocka_unit_test(samples_hold_their_share),
        cmocka_unit_test(a_short_profile_is_executed_whole),
        cmocka_unit_test(merging_keeps_critical_steps_apart),
        cmocka_unit_test(scaling_is_honest),
        cmocka_unit_test(plans_follow_the_simulation),
        cmocka_unit_test(latency_of_the_present_arrangement_is_replayed),
    };

    return cmocka_run_group_tests_name("analyzer/replay/replay_plan", tests, NULL, NULL);
}
