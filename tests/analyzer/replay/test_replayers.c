/* SPDX-License-Identifier: BSD-2-Clause */
/* All replayers, spoken to directly: every model executes what it was given, no more and no less. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "analyzer/replay/replay_child.h"
#include "analyzer/replay/replay_protocol.h"
#include "base/base.h"

#define MS NSEC_PER_MSEC
#define ITEMS 12

static char message[512];

enum replayer { NATIVE, PYTHON, NODE, REPLAYERS };

static const char *const names[] = {"concadvise-replay-native", "cpython.py", "node.js"};

static void start(struct replay_child *child, enum replayer replayer)
{
    char path[4096], *python = getenv("PYTHON"), *node = getenv("NODE"), *dir = getenv("REPLAYER_DIR");
    char *native_argv[] = {path, NULL};
    char *python_argv[] = {python, (char[]){"-I"}, (char[]){"-S"}, (char[]){"-B"}, path, NULL};
    char *node_argv[] = {node, (char[]){"--no-warnings"}, path, NULL};
    bool keeps = false;
    char **argv = replayer == PYTHON ? python_argv : replayer == NODE ? node_argv : native_argv;

    assert_true(python && dir);
    (void)snprintf(path, sizeof(path), "%s/%s", dir, names[replayer]);
    assert_int_equal(replay_child_start(argv, replay_now_ns() + 100 * NSEC_PER_SEC, child), 0);
    assert_int_equal(replay_protocol_greeting(child, &keeps, message, sizeof(message)), 0);
    assert_int_equal(keeps, replayer == NODE);
}

/* Node.js is not everywhere: tests of its replayer need it in the environment, as the build found it. */
static enum replayer last_replayer(void)
{
    const char *node = getenv("NODE");

    return node && *node ? NODE : PYTHON;
}

static struct replay_costs calibrate(struct replay_child *child, uint32_t parallel)
{
    struct replay_conditions conditions = {.parallel = parallel, .cpus = 2};
    struct replay_costs costs = {.ipc_item_ns = 0};

    if (replay_protocol_calibrate(child, &conditions, &costs, message, sizeof(message)) < 0)
        fail_msg("%s", message);
    assert_true(costs.thread_start_ns > 0 && costs.thread_start_ns < 10 * NSEC_PER_SEC);
    assert_true(costs.process_start_ns > 0 && costs.process_start_ns < 10 * NSEC_PER_SEC);
    assert_true(costs.ipc_item_ns > 0 && costs.ipc_item_ns < NSEC_PER_SEC);
    assert_true(costs.ipc_byte_ps < 1000000); /* a microsecond */
    assert_true(costs.loop_turn_ns > 0 && costs.loop_turn_ns < 100 * MS);
    assert_true(costs.thread_switch_ns > 0 && costs.thread_switch_ns < 100 * MS);
    assert_true(costs.slowdown >= 0.5 && costs.slowdown <= 4.0);
    return costs;
}

static struct replay_times run(struct replay_child *child, const struct replay_plan *plan, bool empty)
{
    struct replay_times times = {0, 0, 0, 0};
    int r = replay_protocol_plan(child, 1, plan, message, sizeof(message));

    if (r == 0)
        r = replay_protocol_run(child, 1, empty, &times, message, sizeof(message));
    if (r < 0)
        fail_msg("%s %u: %s", model_to_str(plan->model), plan->workers, message);
    return times;
}

/*
 * Does the plan come below that time (without its start) in one of a few runs? The machine may be busy with other
 * things: what runs one after another never does, what runs at once does as soon as it is left alone.
 */
static bool comes_below(struct replay_child *child, const struct replay_plan *plan, uint64_t limit_ns)
{
    for (int attempt = 0; attempt < 10; attempt++) {
        struct replay_times times = run(child, plan, false);

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

static const struct replay_plan arrangements[] = {
    {.model = MODEL_SERIAL, .workers = 1, .processes = 1},
    {.model = MODEL_THREADS, .workers = 3, .processes = 1},
    {.model = MODEL_COROUTINES, .workers = 4, .processes = 1},
    {.model = MODEL_PROCESSES, .workers = 2, .processes = 2},
    {.model = MODEL_PROCESSES_COROUTINES, .workers = 2, .processes = 2},
    {.model = MODEL_THREADS, .workers = 2, .processes = 1, .worker_per_item = true},
    {.model = MODEL_PROCESSES, .workers = 2, .processes = 2, .worker_per_item = true},
    {.model = MODEL_THREADS, .workers = 3, .processes = 1, .interpreter_lock = true},
};

static struct replay_plan arrange(size_t index, struct profile_step *step, size_t *items, size_t n_items)
{
    struct replay_plan plan = arrangements[index];

    for (size_t i = 0; i < n_items; i++) {
        step[i] = step[0];
        items[i] = 1;
    }
    plan.steps = step;
    plan.n_steps = n_items;
    plan.items = items;
    plan.n_items = n_items;
    plan.switch_interval_ns = 5 * MS;
    return plan;
}

/* A wait takes as long as it was asked for: a lower bound that no load on the machine can break. */
static void waits_overlap_as_far_as_lanes_go(void **state)
{
    for (enum replayer which = NATIVE; which <= last_replayer(); which++) {
        CLEANUP(replay_child_end) struct replay_child child = {0};

        (void)state;
        start(&child, which);
        (void)calibrate(&child, 1);
        for (size_t i = 0; i < ARRAY_SIZE(arrangements); i++) {
            struct profile_step steps[ITEMS] = {{.wait_ns = 20 * MS}};
            size_t items[ITEMS];
            struct replay_plan plan = arrange(i, steps, items, ITEMS);
            uint64_t rounds = (ITEMS + lanes(&plan) - 1) / lanes(&plan);

            assert_true(run(&child, &plan, false).wall_ns >= rounds * 20 * MS);
            (void)run(&child, &plan, true);
            /* Serial execution would take 240 ms. A process or thread for each takes node as long. */
            if (lanes(&plan) > 1 && !(which == NODE && plan.worker_per_item))
                assert_true(comes_below(&child, &plan, ITEMS * 20 * MS));
        }
    }
}

static void critical_steps_do_not_overlap(void **state)
{
    for (enum replayer which = NATIVE; which <= last_replayer(); which++) {
        CLEANUP(replay_child_end) struct replay_child child = {0};

        (void)state;
        start(&child, which);
        (void)calibrate(&child, 1);
        for (size_t i = 0; i < ARRAY_SIZE(arrangements); i++) {
            struct profile_step steps[6] = {{.wait_ns = 10 * MS, .lock = 1}};
            size_t items[6];
            struct replay_plan plan = arrange(i, steps, items, 6);

            assert_true(run(&child, &plan, false).wall_ns >= 6 * 10 * MS);
        }
    }
}

static size_t items_of_one[ITEMS];

/* A plan of ITEMS waits of 10 ms in threads or processes. */
static struct replay_plan ten_ms_each(enum model model, uint32_t workers, struct profile_step steps[ITEMS])
{
    struct replay_plan plan = {.model = model,
                               .workers = workers,
                               .processes = model == MODEL_PROCESSES ? workers : 1,
                               .switch_interval_ns = 5 * MS,
                               .steps = steps,
                               .n_steps = ITEMS,
                               .items = items_of_one,
                               .n_items = ITEMS};

    for (size_t i = 0; i < ITEMS; i++) {
        steps[i] = (struct profile_step){.wait_ns = 10 * MS};
        items_of_one[i] = 1;
    }
    return plan;
}

static const enum model pools[] = {MODEL_THREADS, MODEL_PROCESSES, MODEL_COROUTINES};

/* Nothing of a phase begins before all of the phases before it are done. */
static void phases_begin_one_after_another(void **state)
{
    static size_t phases[] = {1, 2, 9};

    (void)state;
    for (enum replayer which = NATIVE; which <= last_replayer(); which++) {
        CLEANUP(replay_child_end) struct replay_child child = {0};

        start(&child, which);
        (void)calibrate(&child, 1);
        for (size_t i = 0; i < 2 * ARRAY_SIZE(pools) - 1; i++) {
            struct profile_step steps[ITEMS];
            struct replay_plan plan = ten_ms_each(pools[i % ARRAY_SIZE(pools)], 12, steps);

            plan.worker_per_item = i >= ARRAY_SIZE(pools);
            if (which == NODE && plan.model != MODEL_COROUTINES)
                plan.workers = plan.processes = 4;
            plan.phases = phases;
            plan.n_phases = ARRAY_SIZE(phases);
            assert_true(run(&child, &plan, false).wall_ns >= (plan.workers < 9 ? 5 : 3) * 10 * MS);
            (void)run(&child, &plan, true);
        }
    }
}

/* Each worker does its own items: who has six of twelve takes half of all the waiting, and not a quarter. */
static void fixed_lanes_keep_their_items(void **state)
{
    static uint32_t lanes[ITEMS] = {0, 0, 0, 0, 0, 0, 1, 1, 2, 2, 3, 3};

    (void)state;
    for (enum replayer which = NATIVE; which <= last_replayer(); which++) {
        CLEANUP(replay_child_end) struct replay_child child = {0};

        start(&child, which);
        (void)calibrate(&child, 1);
        for (size_t i = 0; i < ARRAY_SIZE(pools); i++) {
            struct profile_step steps[ITEMS];
            struct replay_plan plan = ten_ms_each(pools[i], 4, steps);

            plan.lanes = lanes;
            assert_true(run(&child, &plan, false).wall_ns >= 6 * 10 * MS);
            if (!comes_below(&child, &plan, 12 * 10 * MS))
                fail_msg("%s, %s: lanes did not run at once", names[which], model_to_str(pools[i]));
        }
    }
}

/* Two mutexes: what runs under one does not wait for the other. */
static void mutexes_are_independent(void **state)
{
    (void)state;
    for (enum replayer which = NATIVE; which <= last_replayer(); which++) {
        CLEANUP(replay_child_end) struct replay_child child = {0};

        start(&child, which);
        (void)calibrate(&child, 1);
        for (size_t i = 0; i < ARRAY_SIZE(pools); i++) {
            struct profile_step steps[ITEMS];
            struct replay_plan plan = ten_ms_each(pools[i], 4, steps);

            for (size_t k = 0; k < ITEMS; k++)
                steps[k].lock = (uint16_t)(1 + k % 2);
            assert_true(run(&child, &plan, false).wall_ns >= 6 * 10 * MS);
            if (!comes_below(&child, &plan, 12 * 10 * MS))
                fail_msg("%s, %s: one mutex instead of two", names[which], model_to_str(pools[i]));
        }
    }
}

/* The slow stage in the middle, one worker, decides: 6 items of 20 ms. The other stages overlap with it. */
static void stages_hand_items_on(void **state)
{
    static uint32_t stage_lanes[] = {1, 1, 2};
    static size_t items[6] = {3, 3, 3, 3, 3, 3}, phases[] = {2, 4};

    (void)state;
    for (enum replayer which = NATIVE; which <= last_replayer(); which++) {
        CLEANUP(replay_child_end) struct replay_child child = {0};

        start(&child, which);
        (void)calibrate(&child, 1);
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
            assert_true(run(&child, &plan, false).wall_ns >= least_ns);
            if (!comes_below(&child, &plan, 6 * 40 * MS))
                fail_msg("%s, %s: stages did not overlap", names[which], model_to_str(plan.model));
            (void)run(&child, &plan, true);
        }
    }
}

/* Independent of each other, however their holders wait: no two loops may wait for each other for ever. */
static void loops_that_share_mutexes_end(void **state)
{
    (void)state;
    for (enum replayer which = NATIVE; which <= last_replayer(); which++) {
        CLEANUP(replay_child_end) struct replay_child child = {0};
        struct profile_step steps[ITEMS];
        struct replay_plan plan = ten_ms_each(MODEL_PROCESSES_COROUTINES, 3, steps);

        plan.processes = 2;
        for (size_t k = 0; k < ITEMS; k++)
            steps[k].lock = (uint16_t)(1 + k % 3);
        start(&child, which);
        (void)calibrate(&child, 1);
        for (int i = 0; i < (which == NODE ? 2 : 10); i++)
            assert_true(run(&child, &plan, false).wall_ns >= 4 * 10 * MS);
    }
}

/* A fork copies the page tables of all that is resident. */
static void memory_makes_processes_dearer(void **state)
{
    (void)state;
    for (enum replayer which = NATIVE; which <= PYTHON; which++) {
        uint64_t start_ns[2] = {UINT64_MAX, UINT64_MAX};

        for (int i = 0; i < 6 || (i < 30 && (i % 2 || start_ns[1] <= start_ns[0])); i++) {
            CLEANUP(replay_child_end) struct replay_child child = {0};
            struct replay_conditions conditions = {.parallel = 1, .cpus = 1, .private_bytes = i % 2 ? 200 << 20 : 0};
            struct replay_costs costs;

            start(&child, which);
            assert_int_equal(replay_protocol_calibrate(&child, &conditions, &costs, message, sizeof(message)), 0);
            if (costs.process_start_ns < start_ns[i % 2])
                start_ns[i % 2] = costs.process_start_ns;
        }
        assert_true(start_ns[1] > start_ns[0]);
    }
}

/* A wait is not rounded to the tick of a timer, neither blocking nor in a loop. The best of many: others are here, too.
 */
static void waits_are_precise(void **state)
{
    static const enum model models[] = {MODEL_SERIAL, MODEL_COROUTINES};

    (void)state;
    for (enum replayer which = NATIVE; which <= last_replayer(); which++) {
        CLEANUP(replay_child_end) struct replay_child child = {0};

        start(&child, which);
        (void)calibrate(&child, 1);
        for (size_t i = 0; i < ARRAY_SIZE(models); i++) {
            struct profile_step steps[ITEMS];
            struct replay_plan plan = ten_ms_each(models[i], 1, steps);
            uint64_t best_ns = UINT64_MAX;

            for (size_t k = 0; k < ITEMS; k++)
                steps[k].wait_ns = MS / 4;
            for (int attempt = 0; attempt < 20; attempt++) {
                uint64_t wall_ns = run(&child, &plan, false).wall_ns;

                assert_true(wall_ns >= ITEMS * MS / 4);
                best_ns = wall_ns < best_ns ? wall_ns : best_ns;
            }
            if (best_ns >= ITEMS * MS) /* timers of whole milliseconds would take that long */
                fail_msg("%s, %s: %.2f ms for %.2f", names[which], model_to_str(models[i]), (double)best_ns / 1e6,
                         ITEMS * 0.25);
        }
    }
}

/* The work is fixed: CPU time is what was asked for, whoever else is on the machine. Bounds allow for its hardware
 * threads slowing each other down by half. */
static void cpu_time_is_what_was_asked_for(void **state)
{
    for (enum replayer which = NATIVE; which <= last_replayer(); which++) {
        CLEANUP(replay_child_end) struct replay_child child = {0};

        (void)state;
        start(&child, which);
        (void)calibrate(&child, 2);
        for (size_t i = 0; i < ARRAY_SIZE(arrangements); i++) {
            struct profile_step steps[ITEMS] = {{.locked_cpu_ns = 5 * MS, .free_cpu_ns = 5 * MS}};
            size_t items[ITEMS];
            struct replay_plan plan = arrange(i, steps, items, ITEMS);
            uint64_t cpu_ns, overhead_ns;

            plan.interpreter_lock |= which == PYTHON;
            overhead_ns = run(&child, &plan, true).cpu_ns;
            cpu_ns = run(&child, &plan, false).cpu_ns;
            if (cpu_ns < 55 * MS || cpu_ns > 260 * MS + 2 * overhead_ns)
                fail_msg("%s %u, %s: %.1f ms of CPU for 120", model_to_str(plan.model), plan.workers, names[which],
                         (double)cpu_ns / 1e6);
        }
    }
}

/* Each calibration is a sample of a busy machine; the speed of the work must not be off by a factor in any of them. */
static void every_calibration_is_sound(void **state)
{
    (void)state;
    for (enum replayer which = NATIVE; which <= last_replayer(); which++) {
        CLEANUP(replay_child_end) struct replay_child child = {0};
        struct profile_step steps[ITEMS] = {{.free_cpu_ns = 4 * MS}};
        size_t items[ITEMS];
        struct replay_plan plan = arrange(0, steps, items, ITEMS);

        start(&child, which);
        for (int attempt = 0; attempt < 8; attempt++) {
            struct replay_costs costs = calibrate(&child, 1);
            uint64_t cpu_ns = run(&child, &plan, false).cpu_ns;

            if (cpu_ns < 48 * MS / 2 || cpu_ns > 48 * MS * 2)
                fail_msg("%s: %.1f ms of CPU for 48", names[which], (double)cpu_ns / 1e6);
            assert_true(costs.slowdown < 3.0); /* two hardware threads of one core never do that to each other */
        }
    }
}

/* Worker processes have memory of their own, threads hardly any. */
static void processes_take_memory(void **state)
{
    struct profile_step steps[ITEMS] = {{.wait_ns = 1 * MS}};
    size_t items[ITEMS];
    CLEANUP(replay_child_end) struct replay_child child = {0};
    struct replay_plan plan = arrange(3, steps, items, ITEMS);
    uint64_t two, four;

    (void)state;
    start(&child, PYTHON);
    (void)calibrate(&child, 1);
    two = run(&child, &plan, false).peak_rss_bytes;
    plan.workers = plan.processes = 4;
    four = run(&child, &plan, false).peak_rss_bytes;
    assert_true(two > 100 * 1024);
    assert_true(four > two + two / 2);
}

/* With hardly any work, who comes first is done before the next one has begun: nobody takes the other's start. */
static void every_worker_starts_however_short_the_work(void **state)
{
    (void)state;
    for (enum replayer which = NATIVE; which <= last_replayer(); which++) {
        CLEANUP(replay_child_end) struct replay_child child = {0};

        start(&child, which);
        (void)calibrate(&child, 1);
        for (size_t i = 0; i < (which == NODE ? 4 : 100); i++) { /* a process of node takes long to start */
            struct profile_step steps[2] = {{.locked_cpu_ns = 1000}};
            size_t items[2];
            struct replay_plan plan = arrange(4, steps, items, 2); /* processes + coroutines */

            plan.processes = 2 + (uint32_t)i % 2 * 2;
            (void)run(&child, &plan, i % 4 >= 2);
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
    for (enum replayer which = NATIVE; which <= last_replayer(); which++) {
        CLEANUP(replay_child_end) struct replay_child child = {0};
        char *line;

        start(&child, which);
        for (size_t i = 0; i < ARRAY_SIZE(nonsense); i++) {
            assert_int_equal(replay_child_send(&child, nonsense[i]), 0);
            assert_int_equal(replay_child_receive(&child, &line), 0);
            assert_non_null(strstr(line, "\"ok\""));
            assert_non_null(strstr(line, "false"));
            assert_non_null(strstr(line, "\"error\""));
        }
        (void)calibrate(&child, 1);
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
        cmocka_unit_test(loops_that_share_mutexes_end),
        cmocka_unit_test(memory_makes_processes_dearer),
        cmocka_unit_test(waits_are_precise),
        cmocka_unit_test(cpu_time_is_what_was_asked_for),
        cmocka_unit_test(every_calibration_is_sound),
        cmocka_unit_test(processes_take_memory),
        cmocka_unit_test(every_worker_starts_however_short_the_work),
        cmocka_unit_test(nonsense_is_refused),
    };

    return cmocka_run_group_tests_name("analyzer/replay/replayers", tests, NULL, NULL);
}
