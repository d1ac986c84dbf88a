/* SPDX-License-Identifier: BSD-2-Clause */
/* What only the replayer for CPython does: loops with threads behind them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "analyzer/replay/replay_child.h"
#include "analyzer/replay/replay_protocol.h"
#include "base/base.h"

#define MS NSEC_PER_MSEC
#define ITEMS 8

static char message[512];

static void start(struct replay_child *child)
{
    char path[4096], *python = getenv("PYTHON"), *dir = getenv("REPLAYER_DIR");
    char *argv[] = {python, (char[]){"-I"}, (char[]){"-S"}, (char[]){"-B"}, path, NULL};
    struct replay_conditions conditions = {.parallel = 1, .cpus = 2};
    struct replay_costs costs;
    bool keeps;

    assert_true(python && dir);
    (void)snprintf(path, sizeof(path), "%s/cpython.py", dir);
    assert_int_equal(replay_child_start(argv, replay_now_ns() + 100 * NSEC_PER_SEC, child), 0);
    assert_int_equal(replay_protocol_greeting(child, &keeps, message, sizeof(message)), 0);
    assert_int_equal(replay_protocol_calibrate(child, &conditions, &costs, message, sizeof(message)), 0);
}

/* ITEMS like `step`, one each. */
static struct replay_plan plan_of(struct profile_step step, uint32_t workers, struct profile_step steps[ITEMS],
                                  size_t items[ITEMS])
{
    struct replay_plan plan = {.model = MODEL_COROUTINES,
                               .workers = workers,
                               .processes = 1,
                               .interpreter_lock = true,
                               .executor = 6,
                               .switch_interval_ns = 5 * MS,
                               .steps = steps,
                               .n_steps = ITEMS,
                               .items = items,
                               .n_items = ITEMS};

    for (size_t i = 0; i < ITEMS; i++) {
        steps[i] = step;
        items[i] = 1;
    }
    return plan;
}

static struct replay_times run(struct replay_child *child, const struct replay_plan *plan, bool empty)
{
    struct replay_times times = {0, 0, 0, 0};
    int r = replay_protocol_plan(child, 1, plan, message, sizeof(message));

    if (r == 0)
        r = replay_protocol_run(child, 1, empty, &times, message, sizeof(message));
    if (r < 0)
        fail_msg("%s", message);
    return times;
}

/* What never overlaps never comes below; what does, comes as soon as the machine has time for it. */
static bool comes_below(struct replay_child *child, const struct replay_plan *plan, uint64_t limit_ns)
{
    for (int attempt = 0; attempt < 10; attempt++)
        if (run(child, plan, false).wall_ns < limit_ns)
            return true;
    return false;
}

/* While a thread has the burst of one item, the loop lets the others wait: 8 x 10 ms of CPU and 8 x 40 ms of waits. */
static void the_loop_goes_on_during_long_bursts(void **state)
{
    CLEANUP(replay_child_end) struct replay_child child = {0};
    struct profile_step steps[ITEMS];
    size_t items[ITEMS];
    struct replay_plan plan =
        plan_of((struct profile_step){.free_cpu_ns = 10 * MS, .wait_ns = 40 * MS, .offload = true}, 2, steps, items);
    struct replay_times times;

    (void)state;
    start(&child);
    times = run(&child, &plan, false);
    assert_true(times.wall_ns >= 4 * 40 * MS);
    assert_in_range(times.cpu_ns, 60 * MS, 240 * MS);
    assert_true(comes_below(&child, &plan, ITEMS * 40 * MS));
    assert_true(run(&child, &plan, true).wall_ns > 0);
    plan.executor = 0; /* by itself, burst after burst */
    assert_true(run(&child, &plan, false).wall_ns >= 4 * 40 * MS);
}

/* A blocking wait keeps a thread, not the loop: as many overlap as there are tasks. Mutexes hold, phases are kept. */
static void what_cannot_be_awaited_waits_in_threads(void **state)
{
    static size_t phases[] = {2, 6};
    CLEANUP(replay_child_end) struct replay_child child = {0};
    struct profile_step steps[ITEMS];
    size_t items[ITEMS];
    struct replay_plan plan = plan_of((struct profile_step){.wait_ns = 20 * MS}, 4, steps, items);

    (void)state;
    start(&child);
    plan.nothing_to_await = true;
    assert_true(run(&child, &plan, false).wall_ns >= 2 * 20 * MS);
    assert_true(comes_below(&child, &plan, ITEMS * 20 * MS));
    plan.phases = phases;
    plan.n_phases = ARRAY_SIZE(phases);
    assert_true(run(&child, &plan, false).wall_ns >= 3 * 20 * MS);
    plan.n_phases = 0;
    for (size_t i = 0; i < ITEMS; i++)
        steps[i].lock = 1;
    assert_true(run(&child, &plan, false).wall_ns >= ITEMS * 20 * MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_loop_goes_on_during_long_bursts),
        cmocka_unit_test(what_cannot_be_awaited_waits_in_threads),
    };

    return cmocka_run_group_tests_name("analyzer/replay/cpython", tests, NULL, NULL);
}
