/* SPDX-License-Identifier: BSD-2-Clause */
/* All replayers, spoken to directly: every model executes what it was given, no more and no less. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/base.h"
#include "replayers.h"

/*
 * Does the plan come below that time (without its start) in one of a few runs? The machine may be busy with other
 * things: what runs one after another never does, what runs at once does as soon as it is left alone.
 */
static bool comes_below(struct replay_child *child, const struct replay_plan *plan, uint64_t limit_ns)
{
    for (int attempt = 0; attempt < 10; attempt++) {
        struct replay_times times = replayer_run(child, plan, false);

        if (times.wall_ns - times.start_ns < limit_ns)
            return true;
    }
    return false;
}

/* Lanes of the plan that can wait at once. */
static uint32_t lanes(const struct replay_plan *plan)
{
    return plan->model == MODEL_PROCESSES_COROUTINES ? plan->workers * plan->processes : plan->workers;
}

/* A wait takes as long as it was asked for: a lower bound that no load on the machine can break. */
static void waits_overlap_as_far_as_lanes_go(void **state)
{
    for (enum replayer which = NATIVE; which <= replayer_last(); which++) {
        CLEANUP(replay_child_end) struct replay_child child = {0};

        (void)state;
        replayer_start(&child, which);
        (void)replayer_calibrate(&child, 1);
        for (size_t i = 0; i < ARRANGEMENTS; i++) {
            struct profile_step steps[ITEMS] = {{.wait_ns = 20 * MS}};
            size_t items[ITEMS];
            struct replay_plan plan = replayer_arrange(i, steps, items, ITEMS);
            uint64_t rounds = (ITEMS + lanes(&plan) - 1) / lanes(&plan);

            assert_true(replayer_run(&child, &plan, false).wall_ns >= rounds * 20 * MS);
            (void)replayer_run(&child, &plan, true);
            /* Serial execution would take 240 ms. A process or thread for each takes node as long. */
            if (lanes(&plan) > 1 && !(which == NODE && plan.worker_per_item))
                assert_true(comes_below(&child, &plan, ITEMS * 20 * MS));
        }
    }
}

static void critical_steps_do_not_overlap(void **state)
{
    for (enum replayer which = NATIVE; which <= replayer_last(); which++) {
        CLEANUP(replay_child_end) struct replay_child child = {0};

        (void)state;
        replayer_start(&child, which);
        (void)replayer_calibrate(&child, 1);
        for (size_t i = 0; i < ARRANGEMENTS; i++) {
            struct profile_step steps[6] = {{.wait_ns = 10 * MS, .lock = 1}};
            size_t items[6];
            struct replay_plan plan = replayer_arrange(i, steps, items, 6);

            assert_true(replayer_run(&child, &plan, false).wall_ns >= 6 * 10 * MS);
        }
    }
}

static const enum model pools[] = {MODEL_THREADS, MODEL_PROCESSES, MODEL_COROUTINES};

/* Nothing of a phase begins before all of the phases before it are done. */
static void phases_begin_one_after_another(void **state)
{
    static size_t phases[] = {1, 2, 9};

    (void)state;
    for (enum replayer which = NATIVE; which <= replayer_last(); which++) {
        CLEANUP(replay_child_end) struct replay_child child = {0};

        replayer_start(&child, which);
        (void)replayer_calibrate(&child, 1);
        for (size_t i = 0; i < 2 * ARRAY_SIZE(pools) - 1; i++) {
            struct profile_step steps[ITEMS];
            struct replay_plan plan = replayer_ten_ms_each(pools[i % ARRAY_SIZE(pools)], 12, steps);

            plan.worker_per_item = i >= ARRAY_SIZE(pools);
            if (which == NODE && plan.model != MODEL_COROUTINES)
                plan.workers = plan.processes = 4;
            plan.phases = phases;
            plan.n_phases = ARRAY_SIZE(phases);
            assert_true(replayer_run(&child, &plan, false).wall_ns >= (plan.workers < 9 ? 5 : 3) * 10 * MS);
            (void)replayer_run(&child, &plan, true);
        }
    }
}

/* Each worker does its own items: who has six of twelve takes half of all the waiting, and not a quarter. */
static void fixed_lanes_keep_their_items(void **state)
{
    static uint32_t lanes[ITEMS] = {0, 0, 0, 0, 0, 0, 1, 1, 2, 2, 3, 3};

    (void)state;
    for (enum replayer which = NATIVE; which <= replayer_last(); which++) {
        CLEANUP(replay_child_end) struct replay_child child = {0};

        replayer_start(&child, which);
        (void)replayer_calibrate(&child, 1);
        for (size_t i = 0; i < ARRAY_SIZE(pools); i++) {
            struct profile_step steps[ITEMS];
            struct replay_plan plan = replayer_ten_ms_each(pools[i], 4, steps);

            plan.lanes = lanes;
            assert_true(replayer_run(&child, &plan, false).wall_ns >= 6 * 10 * MS);
            if (!comes_below(&child, &plan, 12 * 10 * MS))
                fail_msg("%s, %s: lanes did not run at once", replayer_names[which], model_to_str(pools[i]));
        }
    }
}

/* Two mutexes: what runs under one does not wait for the other. */
static void mutexes_are_independent(void **state)
{
    (void)state;
    for (enum replayer which = NATIVE; which <= replayer_last(); which++) {
        CLEANUP(replay_child_end) struct replay_child child = {0};

        replayer_start(&child, which);
        (void)replayer_calibrate(&child, 1);
        for (size_t i = 0; i < ARRAY_SIZE(pools); i++) {
            struct profile_step steps[ITEMS];
            struct replay_plan plan = replayer_ten_ms_each(pools[i], 4, steps);

            for (size_t k = 0; k < ITEMS; k++)
                steps[k].lock = (uint16_t)(1 + k % 2);
            assert_true(replayer_run(&child, &plan, false).wall_ns >= 6 * 10 * MS);
            if (!comes_below(&child, &plan, 12 * 10 * MS))
                fail_msg("%s, %s: one mutex instead of two", replayer_names[which], model_to_str(pools[i]));
        }
    }
}

/* The slow stage in the middle, one worker, decides: 6 items of 20 ms. The other stages overlap with it. */
static void stages_hand_items_on(void **state)
{
    static uint32_t stage_lanes[] = {1, 1, 2};
    static size_t items[6] = {3, 3, 3, 3, 3, 3}, phases[] = {2, 4};

    (void)state;
    for (enum replayer which = NATIVE; which <= replayer_last(); which++) {
        CLEANUP(replay_child_end) struct replay_child child = {0};

        replayer_start(&child, which);
        (void)replayer_calibrate(&child, 1);
        for (size_t i = 0; i < 4; i++) {
            struct profile_step steps[18];
            struct replay_plan plan = {.model = pools[i % 2], .workers = 4, .staged = true, .n_stages = 3};
            uint64_t least_ns = (i >= 2 ? 10 + 2 * 20 + 10 + 10 + 4 * 20 + 10 : 10 + 6 * 20 + 10) * MS;

            plan.processes = plan.model == MODEL_PROCESSES ? 4 : 1;
            plan.switch_interval_ns = 5 * MS;
            plan.stage_lanes = stage_lanes;
            plan.steps = steps;
            plan.n_steps = 18;
            plan.items = items;
            plan.n_items = 6;
            if (i >= 2) {
                plan.phases = phases;
                plan.n_phases = 2;
            }
            for (uint16_t k = 0; k < 18; k++)
                steps[k] = (struct profile_step){.wait_ns = k % 3 == 1 ? 20 * MS : 10 * MS, .stage = k % 3};
            assert_true(replayer_run(&child, &plan, false).wall_ns >= least_ns);
            if (!comes_below(&child, &plan, 6 * 40 * MS))
                fail_msg("%s, %s: stages did not overlap", replayer_names[which], model_to_str(plan.model));
            (void)replayer_run(&child, &plan, true);
        }
    }
}

/*
 * Who waits for a phase to be finished is not woken in place of who waits for the next item. The last stage's
 * workers and the first stage's wait at once, again and again.
 */
static void stages_come_to_the_end_of_each_phase(void **state)
{
    enum { MANY = 120 };
    static uint32_t stage_lanes[] = {2, 1, 3};
    static size_t items[MANY], phases[MANY / 4];
    static struct profile_step steps[3 * MANY];

    (void)state;
    for (size_t i = 0; i < MANY; i++)
        items[i] = 3;
    for (size_t i = 0; i < ARRAY_SIZE(phases); i++)
        phases[i] = 3 + i % 3;
    for (uint16_t k = 0; k < 3; k++)
        for (size_t i = k; i < ARRAY_SIZE(steps); i += 3)
            steps[i] = (struct profile_step){.wait_ns = MS / 10, .stage = k};
    for (enum replayer which = NATIVE; which <= replayer_last(); which++) {
        CLEANUP(replay_child_end) struct replay_child child = {0};

        replayer_start(&child, which);
        (void)replayer_calibrate(&child, 1);
        for (size_t i = 0; i < (which == NODE ? 4 : 20); i++) {
            struct replay_plan plan = {.model = pools[i % 2], .workers = 6, .staged = true, .n_stages = 3};

            plan.processes = plan.model == MODEL_PROCESSES ? 6 : 1;
            plan.switch_interval_ns = 5 * MS;
            plan.stage_lanes = stage_lanes;
            plan.steps = steps;
            plan.n_steps = ARRAY_SIZE(steps);
            plan.items = items;
            plan.n_items = MANY;
            plan.phases = phases;
            plan.n_phases = ARRAY_SIZE(phases);
            assert_true(replayer_run(&child, &plan, false).wall_ns >= ARRAY_SIZE(phases) * 3 * MS / 10);
        }
    }
}

/* Independent of each other, however their holders wait: no two loops may wait for each other for ever. */
static void loops_that_share_mutexes_end(void **state)
{
    (void)state;
    for (enum replayer which = NATIVE; which <= replayer_last(); which++) {
        CLEANUP(replay_child_end) struct replay_child child = {0};
        struct profile_step steps[ITEMS];
        struct replay_plan plan = replayer_ten_ms_each(MODEL_PROCESSES_COROUTINES, 3, steps);

        plan.processes = 2;
        for (size_t k = 0; k < ITEMS; k++)
            steps[k].lock = (uint16_t)(1 + k % 3);
        replayer_start(&child, which);
        (void)replayer_calibrate(&child, 1);
        for (int i = 0; i < (which == NODE ? 2 : 10); i++)
            assert_true(replayer_run(&child, &plan, false).wall_ns >= 4 * 10 * MS);
    }
}

/* With hardly any work, who comes first is done before the next one has begun: nobody takes the other's start. */
static void every_worker_starts_however_short_the_work(void **state)
{
    (void)state;
    for (enum replayer which = NATIVE; which <= replayer_last(); which++) {
        CLEANUP(replay_child_end) struct replay_child child = {0};

        replayer_start(&child, which);
        (void)replayer_calibrate(&child, 1);
        for (size_t i = 0; i < (which == NODE ? 4 : 100); i++) { /* a process of node takes long to start */
            struct profile_step steps[2] = {{.locked_cpu_ns = 1000}};
            size_t items[2];
            struct replay_plan plan = replayer_arrange(4, steps, items, 2); /* processes + coroutines */

            plan.processes = 2 + (uint32_t)i % 2 * 2;
            (void)replayer_run(&child, &plan, i % 4 >= 2);
        }
    }
}

#define NONSENSE(structure)                                                                                \
    "{\"op\":\"plan\",\"plan\":1,\"model\":\"threads\",\"workers\":2,\"processes\":1,"                     \
    "\"worker_per_item\":false,\"interpreter_lock\":false,\"switch_interval_ns\":5000000,\"items\":[1,1]," \
    "\"steps\":[[0,0,0,0,0],[0,0,0,0,0]]," structure "}"

/* Requests that make no sense get a reason, and the replayer goes on. */
static void nonsense_is_refused(void **state)
{
    static const char *const nonsense[] = {
        "",
        "{",
        "[]",
        "{\"op\":\"dance\"}",
        "{\"op\":\"run\",\"plan\":7,\"empty\":false}",
        "{\"op\":\"run\",\"plan\":-1,\"empty\":false}",
        "{\"op\":\"plan\",\"plan\":1}",
        NONSENSE("\"phases\":[1]"),
        NONSENSE("\"phases\":[3,-1]"),
        NONSENSE("\"lanes\":[0]"),
        NONSENSE("\"lanes\":[0,2]"),
        NONSENSE("\"stages\":[1,2]"),
        NONSENSE("\"stages\":[2,0]"),
    };

    (void)state;
    for (enum replayer which = NATIVE; which <= replayer_last(); which++) {
        CLEANUP(replay_child_end) struct replay_child child = {0};
        char *line;

        replayer_start(&child, which);
        for (size_t i = 0; i < ARRAY_SIZE(nonsense); i++) {
            assert_int_equal(replay_child_send(&child, nonsense[i]), 0);
            assert_int_equal(replay_child_receive(&child, &line), 0);
            assert_non_null(strstr(line, "\"ok\""));
            assert_non_null(strstr(line, "false"));
            assert_non_null(strstr(line, "\"error\""));
        }
        (void)replayer_calibrate(&child, 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waits_overlap_as_far_as_lanes_go),
        cmocka_unit_test(critical_steps_do_not_overlap),
        cmocka_unit_test(phases_begin_one_after_another),
        cmocka_unit_test(fixed_lanes_keep_their_items),
        cmocka_unit_test(mutexes_are_independent),
        cmocka_unit_test(stages_hand_items_on),
        cmocka_unit_test(stages_come_to_the_end_of_each_phase),
        cmocka_unit_test(loops_that_share_mutexes_end),
        cmocka_unit_test(every_worker_starts_however_short_the_work),
        cmocka_unit_test(nonsense_is_refused),
    };

    return cmocka_run_group_tests_name("analyzer/replay/replayers", tests, NULL, NULL);
}
