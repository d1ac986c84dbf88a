/* SPDX-License-Identifier: BSD-2-Clause */
/* Both replayers, spoken to directly: every model executes what it was given, no more and no less. */
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

static void start(struct replay_child *child, bool python)
{
    char path[4096], *interpreter = getenv("PYTHON"), *dir = getenv("REPLAYER_DIR");
    char *python_argv[] = {interpreter, (char[]){"-I"}, (char[]){"-S"}, (char[]){"-B"}, path, NULL};
    char *native_argv[] = {path, NULL};

    assert_true(interpreter && dir);
    (void)snprintf(path, sizeof(path), "%s/%s", dir, python ? "cpython.py" : "concadvise-replay-native");
    assert_int_equal(replay_child_start(python ? python_argv : native_argv, replay_now_ns() + 60 * NSEC_PER_SEC, child),
                     0);
    assert_int_equal(replay_protocol_greeting(child, message, sizeof(message)), 0);
}

static void calibrate(struct replay_child *child, uint32_t parallel)
{
    struct replay_costs costs = {0, 0, 0};

    assert_int_equal(replay_protocol_calibrate(child, parallel, &costs, message, sizeof(message)), 0);
    assert_true(costs.thread_start_ns > 0 && costs.thread_start_ns < NSEC_PER_SEC);
    assert_true(costs.process_start_ns > 0 && costs.process_start_ns < NSEC_PER_SEC);
    assert_true(costs.ipc_item_ns > 0 && costs.ipc_item_ns < NSEC_PER_SEC);
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
    for (int python = 0; python < 2; python++) {
        CLEANUP(replay_child_end) struct replay_child child = {0};

        (void)state;
        start(&child, python);
        calibrate(&child, 1);
        for (size_t i = 0; i < ARRAY_SIZE(arrangements); i++) {
            struct profile_step steps[ITEMS] = {{.wait_ns = 20 * MS}};
            size_t items[ITEMS];
            struct replay_plan plan = arrange(i, steps, items, ITEMS);
            uint64_t rounds = (ITEMS + lanes(&plan) - 1) / lanes(&plan);
            struct replay_times times = run(&child, &plan, false), empty = run(&child, &plan, true);

            assert_true(times.wall_ns >= rounds * 20 * MS);
            /* Serial execution would take 240 ms; several lanes stay well below even on a busy machine. */
            if (lanes(&plan) > 1)
                assert_true(times.wall_ns - times.start_ns < ITEMS * 20 * MS);
            assert_true(empty.wall_ns < ITEMS * 20 * MS);
        }
    }
}

static void critical_steps_do_not_overlap(void **state)
{
    for (int python = 0; python < 2; python++) {
        CLEANUP(replay_child_end) struct replay_child child = {0};

        (void)state;
        start(&child, python);
        calibrate(&child, 1);
        for (size_t i = 0; i < ARRAY_SIZE(arrangements); i++) {
            struct profile_step steps[6] = {{.wait_ns = 10 * MS, .lock = 1}};
            size_t items[6];
            struct replay_plan plan = arrange(i, steps, items, 6);

            assert_true(run(&child, &plan, false).wall_ns >= 6 * 10 * MS);
        }
    }
}

/* The work is fixed: CPU time is what was asked for, whoever else is on the machine. Bounds allow for its hardware
 * threads slowing each other down by half. */
static void cpu_time_is_what_was_asked_for(void **state)
{
    for (int python = 0; python < 2; python++) {
        CLEANUP(replay_child_end) struct replay_child child = {0};

        (void)state;
        start(&child, python);
        calibrate(&child, 2);
        for (size_t i = 0; i < ARRAY_SIZE(arrangements); i++) {
            struct profile_step steps[ITEMS] = {{.locked_cpu_ns = 5 * MS, .free_cpu_ns = 5 * MS}};
            size_t items[ITEMS];
            struct replay_plan plan = arrange(i, steps, items, ITEMS);
            uint64_t cpu_ns, overhead_ns;

            plan.interpreter_lock |= python != 0;
            overhead_ns = run(&child, &plan, true).cpu_ns;
            cpu_ns = run(&child, &plan, false).cpu_ns;
            if (cpu_ns < 55 * MS || cpu_ns > 260 * MS + 2 * overhead_ns)
                fail_msg("%s %u, %s: %.1f ms of CPU for 120", model_to_str(plan.model), plan.workers,
                         python ? "python" : "native", (double)cpu_ns / 1e6);
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
    start(&child, true);
    calibrate(&child, 1);
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
    for (int python = 0; python < 2; python++) {
        CLEANUP(replay_child_end) struct replay_child child = {0};

        start(&child, python);
        calibrate(&child, 1);
        for (size_t i = 0; i < 100; i++) {
            struct profile_step steps[2] = {{.locked_cpu_ns = 1000}};
            size_t items[2];
            struct replay_plan plan = arrange(4, steps, items, 2); /* processes + coroutines */

            plan.processes = 2 + (uint32_t)i % 2 * 2;
            (void)run(&child, &plan, i % 4 >= 2);
        }
    }
}

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
    };

    (void)state;
    for (int python = 0; python < 2; python++) {
        CLEANUP(replay_child_end) struct replay_child child = {0};
        char *line;

        start(&child, python);
        for (size_t i = 0; i < ARRAY_SIZE(nonsense); i++) {
            assert_int_equal(replay_child_send(&child, nonsense[i]), 0);
            assert_int_equal(replay_child_receive(&child, &line), 0);
            assert_non_null(strstr(line, "\"ok\""));
            assert_non_null(strstr(line, "false"));
            assert_non_null(strstr(line, "\"error\""));
        }
        calibrate(&child, 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waits_overlap_as_far_as_lanes_go),
        cmocka_unit_test(critical_steps_do_not_overlap),
        cmocka_unit_test(cpu_time_is_what_was_asked_for),
        cmocka_unit_test(processes_take_memory),
        cmocka_unit_test(every_worker_starts_however_short_the_work),
        cmocka_unit_test(nonsense_is_refused),
    };

    return cmocka_run_group_tests_name("analyzer/replay/replayers", tests, NULL, NULL);
}
