/* SPDX-License-Identifier: BSD-2-Clause */
/* All replayers, spoken to directly: what their work, waits, workers and calibration cost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/base.h"
#include "replayers.h"

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

            replayer_start(&child, which);
            assert_int_equal(
                replay_protocol_calibrate(&child, &conditions, &costs, replayer_message, sizeof(replayer_message)), 0);
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
    for (enum replayer which = NATIVE; which <= replayer_last(); which++) {
        CLEANUP(replay_child_end) struct replay_child child = {0};

        replayer_start(&child, which);
        (void)replayer_calibrate(&child, 1);
        for (size_t i = 0; i < ARRAY_SIZE(models); i++) {
            struct profile_step steps[ITEMS];
            struct replay_plan plan = replayer_ten_ms_each(models[i], 1, steps);
            uint64_t best_ns = UINT64_MAX;

            for (size_t k = 0; k < ITEMS; k++)
                steps[k].wait_ns = MS / 4;
            for (int attempt = 0; attempt < 20; attempt++) {
                uint64_t wall_ns = replayer_run(&child, &plan, false).wall_ns;

                assert_true(wall_ns >= ITEMS * MS / 4);
                best_ns = wall_ns < best_ns ? wall_ns : best_ns;
            }
            if (best_ns >= ITEMS * MS) /* timers of whole milliseconds would take that long */
                fail_msg("%s, %s: %.2f ms for %.2f", replayer_names[which], model_to_str(models[i]),
                         (double)best_ns / 1e6, ITEMS * 0.25);
        }
    }
}

/* The work is fixed: CPU time is what was asked for, whoever else is on the machine. Bounds allow for its hardware
 * threads slowing each other down by half. */
static void cpu_time_is_what_was_asked_for(void **state)
{
    for (enum replayer which = NATIVE; which <= replayer_last(); which++) {
        CLEANUP(replay_child_end) struct replay_child child = {0};

        (void)state;
        replayer_start(&child, which);
        (void)replayer_calibrate(&child, 2);
        for (size_t i = 0; i < ARRANGEMENTS; i++) {
            struct profile_step steps[ITEMS] = {{.locked_cpu_ns = 5 * MS, .free_cpu_ns = 5 * MS}};
            size_t items[ITEMS];
            struct replay_plan plan = replayer_arrange(i, steps, items, ITEMS);
            uint64_t cpu_ns, overhead_ns;

            plan.interpreter_lock |= which == PYTHON;
            overhead_ns = replayer_run(&child, &plan, true).cpu_ns;
            cpu_ns = replayer_run(&child, &plan, false).cpu_ns;
            if (cpu_ns < 55 * MS || cpu_ns > 260 * MS + 2 * overhead_ns)
                fail_msg("%s %u, %s: %.1f ms of CPU for 120", model_to_str(plan.model), plan.workers,
                         replayer_names[which], (double)cpu_ns / 1e6);
        }
    }
}

/* Each calibration is a sample of a busy machine; the speed of the work must not be off by a factor in any of them. */
static void every_calibration_is_sound(void **state)
{
    (void)state;
    for (enum replayer which = NATIVE; which <= replayer_last(); which++) {
        CLEANUP(replay_child_end) struct replay_child child = {0};
        struct profile_step steps[ITEMS] = {{.free_cpu_ns = 4 * MS}};
        size_t items[ITEMS];
        struct replay_plan plan = replayer_arrange(0, steps, items, ITEMS);

        replayer_start(&child, which);
        for (int attempt = 0; attempt < 8; attempt++) {
            struct replay_costs costs = replayer_calibrate(&child, 1);
            uint64_t cpu_ns = replayer_run(&child, &plan, false).cpu_ns;

            if (cpu_ns < 48 * MS / 4 || cpu_ns > 48 * MS * 4)
                fail_msg("%s: %.1f ms of CPU for 48", replayer_names[which], (double)cpu_ns / 1e6);
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
    struct replay_plan plan = replayer_arrange(3, steps, items, ITEMS);
    uint64_t two, four;

    (void)state;
    replayer_start(&child, PYTHON);
    (void)replayer_calibrate(&child, 1);
    two = replayer_run(&child, &plan, false).peak_rss_bytes;
    plan.workers = plan.processes = 4;
    four = replayer_run(&child, &plan, false).peak_rss_bytes;
    assert_true(two > 100 * 1024);
    assert_true(four > two + two / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_makes_processes_dearer),  cmocka_unit_test(waits_are_precise),
        cmocka_unit_test(cpu_time_is_what_was_asked_for), cmocka_unit_test(every_calibration_is_sound),
        cmocka_unit_test(processes_take_memory),
    };

    return cmocka_run_group_tests_name("analyzer/replay/replayer_costs", tests, NULL, NULL);
}
