/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "replayers.h"

#include "base/base.h"

char replayer_message[512];

const char *const replayer_names[REPLAYERS] = {"concadvise-replay-native", "cpython.py", "node.js"};

void replayer_start(struct replay_child *child, enum replayer replayer)
{
    char path[4096], *python = getenv("PYTHON"), *node = getenv("NODE"), *dir = getenv("REPLAYER_DIR");
    char *native_argv[] = {path, NULL};
    char *python_argv[] = {python, (char[]){"-I"}, (char[]){"-S"}, (char[]){"-B"}, path, NULL};
    char *node_argv[] = {node, (char[]){"--no-warnings"}, path, NULL};
    bool keeps = false;
    char **argv = replayer == PYTHON ? python_argv : replayer == NODE ? node_argv : native_argv;

    assert_true(python && dir);
    (void)snprintf(path, sizeof(path), "%s/%s", dir, replayer_names[replayer]);
    assert_int_equal(replay_child_start(argv, replay_now_ns() + 100 * NSEC_PER_SEC, child), 0);
    assert_int_equal(replay_protocol_greeting(child, &keeps, replayer_message, sizeof(replayer_message)), 0);
    assert_int_equal(keeps, replayer == NODE);
}

/* Node.js is not everywhere: tests of its replayer need it in the environment, as the build found it. */
enum replayer replayer_last(void)
{
    const char *node = getenv("NODE");

    return node && *node ? NODE : PYTHON;
}

struct replay_costs replayer_calibrate(struct replay_child *child, uint32_t parallel)
{
    struct replay_conditions conditions = {.parallel = parallel, .cpus = 2};
    struct replay_costs costs = {.ipc_item_ns = 0};

    if (replay_protocol_calibrate(child, &conditions, &costs, replayer_message, sizeof(replayer_message)) < 0)
        fail_msg("%s", replayer_message);
    assert_true(costs.thread_start_ns > 0 && costs.thread_start_ns < 10 * NSEC_PER_SEC);
    assert_true(costs.process_start_ns > 0 && costs.process_start_ns < 10 * NSEC_PER_SEC);
    assert_true(costs.ipc_item_ns > 0 && costs.ipc_item_ns < NSEC_PER_SEC);
    assert_true(costs.ipc_byte_ps < 1000000); /* a microsecond */
    assert_true(costs.loop_turn_ns > 0 && costs.loop_turn_ns < 100 * MS);
    assert_true(costs.thread_switch_ns > 0 && costs.thread_switch_ns < 100 * MS);
    assert_true(costs.slowdown >= 0.5 && costs.slowdown <= 4.0);
    return costs;
}

struct replay_times replayer_run(struct replay_child *child, const struct replay_plan *plan, bool empty)
{
    struct replay_times times = {0, 0, 0, 0};
    int r = replay_protocol_plan(child, 1, plan, replayer_message, sizeof(replayer_message));

    if (r == 0)
        r = replay_protocol_run(child, 1, empty, &times, replayer_message, sizeof(replayer_message));
    if (r < 0)
        fail_msg("%s %u: %s: %s", model_to_str(plan->model), plan->workers, strerror(-r), replayer_message);
    return times;
}

const struct replay_plan replayer_arrangements[ARRANGEMENTS] = {
    {.model = MODEL_SERIAL, .workers = 1, .processes = 1},
    {.model = MODEL_THREADS, .workers = 3, .processes = 1},
    {.model = MODEL_COROUTINES, .workers = 4, .processes = 1},
    {.model = MODEL_PROCESSES, .workers = 2, .processes = 2},
    {.model = MODEL_PROCESSES_COROUTINES, .workers = 2, .processes = 2},
    {.model = MODEL_THREADS, .workers = 2, .processes = 1, .worker_per_item = true},
    {.model = MODEL_PROCESSES, .workers = 2, .processes = 2, .worker_per_item = true},
    {.model = MODEL_THREADS, .workers = 3, .processes = 1, .interpreter_lock = true},
};

struct replay_plan replayer_arrange(size_t index, struct profile_step *step, size_t *items, size_t n_items)
{
    struct replay_plan plan = replayer_arrangements[index];

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

static size_t items_of_one[ITEMS];

/* A plan of ITEMS waits of 10 ms in threads or processes. */
struct replay_plan replayer_ten_ms_each(enum model model, uint32_t workers, struct profile_step steps[ITEMS])
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
