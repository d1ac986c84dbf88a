/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "analyzer/replay/replay_sample.h"
#include "base/base.h"
#include "equal.h"

#define MS NSEC_PER_MSEC

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

        assert_int_equal(replay_sample_draw(p, cases[c].slot_ns, &plan), 0);
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
    assert_int_equal(replay_sample_draw(p, 60 * MS, &plan), 0);
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
    assert_int_equal(replay_sample_draw(p, 10 * MS, &plan), 0);
    assert_true(plan.n_steps < 100);
    for (size_t i = 0; i < plan.n_steps; i++) {
        all += (double)plan.steps[i].free_cpu_ns;
        critical += plan.steps[i].lock ? (double)plan.steps[i].free_cpu_ns : 0;
    }
    assert_true(critical > 0.24 * all && critical < 0.26 * all);
}

static uint64_t work_of(const struct replay_plan *plan, size_t item)
{
    uint64_t sum_ns = 0;
    size_t first = 0;

    for (size_t i = 0; i < item; i++)
        first += plan->items[i];
    for (size_t i = first; i < first + plan->items[item]; i++)
        sum_ns += plan->steps[i].locked_cpu_ns + plan->steps[i].free_cpu_ns + plan->steps[i].wait_ns;
    return sum_ns;
}

/* A giant among 2,000 bounds the sample as it bounds the whole: multiplied, it is what it was. */
static void giants_are_neither_lost_nor_multiplied(void **state)
{
    (void)state;
    for (size_t giant = 0; giant < 2000; giant += 333) {
        CLEANUP(profile_freep) struct profile *p = equal_items(2000, 1, (struct profile_step){.free_cpu_ns = MS});
        CLEANUP(replay_plan_clear)
        struct replay_plan plan = {.model = MODEL_THREADS, .workers = 2, .processes = 1, .forecast_ns = 1250 * MS};
        uint64_t longest_ns = 0;
        double whole;

        p->steps[giant].free_cpu_ns = 500 * MS;
        assert_int_equal(replay_sample_draw(p, 60 * MS, &plan), 0);
        assert_true(plan.items_factor > 10);
        for (size_t i = 0; i < plan.n_items; i++)
            longest_ns = work_of(&plan, i) > longest_ns ? work_of(&plan, i) : longest_ns;
        whole = (double)longest_ns * plan.items_factor / plan.shrink;
        assert_true(whole > 0.95 * 500 * MS && whole < 1.05 * 500 * MS);
    }
}

/* With two of them side by side in the profile, each keeps its own length. */
static void two_giants_stay_two(void **state)
{
    CLEANUP(profile_freep) struct profile *p = equal_items(2000, 1, (struct profile_step){.free_cpu_ns = MS});
    CLEANUP(replay_plan_clear)
    struct replay_plan plan = {.model = MODEL_THREADS, .workers = 4, .processes = 1, .forecast_ns = 750 * MS};
    size_t giants = 0;

    (void)state;
    p->steps[700].free_cpu_ns = p->steps[701].free_cpu_ns = 500 * MS;
    assert_int_equal(replay_sample_draw(p, 60 * MS, &plan), 0);
    for (size_t i = 0; i < plan.n_items; i++)
        giants += (double)work_of(&plan, i) * plan.items_factor / plan.shrink > 400 * MS;
    assert_int_equal(giants, 2);
}

static void set_phases(struct profile *p, uint32_t n)
{
    p->n_phases = n;
    p->phases = calloc(n, sizeof(*p->phases));
    assert_non_null(p->phases);
    for (size_t i = 0; i < p->n_items; i++)
        p->items[i].phase = (uint32_t)(i * n / p->n_items);
}

/* Of many short phases some are executed, whole; of a few long ones each, in part. */
static void phases_keep_their_shape(void **state)
{
    static const struct {
        uint32_t phases;
        size_t items;
        bool whole;
    } cases[] = {{500, 2000, true}, {3, 3000, false}};

    (void)state;
    for (size_t c = 0; c < ARRAY_SIZE(cases); c++) {
        CLEANUP(profile_freep)
        struct profile *p = equal_items(cases[c].items, 1, (struct profile_step){.wait_ns = 10 * MS});
        CLEANUP(replay_plan_clear)
        struct replay_plan plan = {.model = MODEL_THREADS, .workers = 4, .processes = 1, .forecast_ns = 5000 * MS};
        size_t items = 0;

        set_phases(p, cases[c].phases);
        assert_int_equal(replay_sample_draw(p, 100 * MS, &plan), 0);
        for (size_t i = 0; i < plan.n_phases; i++) {
            items += plan.phases[i];
            if (cases[c].whole)
                assert_int_equal(plan.phases[i], 4);
        }
        assert_int_equal(items, plan.n_items);
        assert_true(cases[c].whole ? plan.n_phases < 50 && plan.n_phases >= 8 : plan.n_phases == 3);
        assert_true(cases[c].whole || plan.n_items < cases[c].items / 4);
    }
}

/* A lane with three quarters of the items has them in the sample, too. */
static void fixed_lanes_keep_their_share(void **state)
{
    CLEANUP(profile_freep) struct profile *p = equal_items(4000, 1, (struct profile_step){.wait_ns = MS});
    CLEANUP(replay_plan_clear)
    struct replay_plan plan = {
        .model = MODEL_THREADS, .workers = 4, .processes = 1, .forecast_ns = 3000 * MS, .fixed_lanes = true};
    uint64_t work_ns[4] = {0}, all_ns = 0;

    (void)state;
    for (size_t i = 0; i < p->n_items; i++)
        p->items[i].lane = i < 3000 ? 0 : 1 + (uint32_t)i % 3;
    assert_int_equal(replay_sample_draw(p, 60 * MS, &plan), 0);
    assert_non_null(plan.lanes);
    assert_true(plan.n_items < 400);
    for (size_t i = 0; i < plan.n_items; i++) {
        work_ns[plan.lanes[i]] += work_of(&plan, i);
        all_ns += work_of(&plan, i);
    }
    assert_in_range(work_ns[0], all_ns * 74 / 100, all_ns * 76 / 100);
    assert_in_range(work_ns[3], all_ns * 7 / 100, all_ns * 10 / 100);
}

/* Merging steps never takes one out of its stage, and a stage without work still passes items on. */
static void stages_stay_apart(void **state)
{
    CLEANUP(profile_freep) struct profile *p = equal_items(100, 30, (struct profile_step){.wait_ns = MS / 10});
    CLEANUP(replay_plan_clear)
    struct replay_plan plan = {
        .model = MODEL_THREADS, .workers = 3, .processes = 1, .forecast_ns = 100 * MS, .staged = true};
    uint64_t work_ns[3] = {0};

    (void)state;
    for (size_t i = 0; i < p->n_steps; i++) {
        p->steps[i].stage = (uint16_t)(i % 30 / 10);
        if (p->steps[i].stage == 1)
            p->steps[i].wait_ns *= 4;
    }
    assert_int_equal(replay_sample_draw(p, 60 * MS, &plan), 0);
    for (size_t i = 0; i < plan.n_steps; i++)
        work_ns[plan.steps[i].stage] += plan.steps[i].wait_ns;
    assert_true(work_ns[0] > 0 && work_ns[0] == work_ns[2]);
    assert_in_range(work_ns[1], 4 * work_ns[0] - 1000, 4 * work_ns[0] + 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(samples_hold_their_share),
        cmocka_unit_test(a_short_profile_is_executed_whole),
        cmocka_unit_test(merging_keeps_critical_steps_apart),
        cmocka_unit_test(giants_are_neither_lost_nor_multiplied),
        cmocka_unit_test(two_giants_stay_two),
        cmocka_unit_test(phases_keep_their_shape),
        cmocka_unit_test(fixed_lanes_keep_their_share),
        cmocka_unit_test(stages_stay_apart),
    };

    return cmocka_run_group_tests_name("analyzer/replay/replay_sample", tests, NULL, NULL);
}
