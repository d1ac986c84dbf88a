/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/base.h"
#include "probe/measurement.h"
#include "probe/follow/memory_series.h"
#include "probe/follow/run_state.h"

#define LOOK_NS (100 * NSEC_PER_MSEC)

/* One look each 100 ms, with private bytes at every `rare`th; the resident size is the number of the look. */
static void look(struct run_process *process, uint64_t first, uint64_t n, uint64_t rare)
{
    for (uint64_t i = first; i < first + n; i++) {
        struct memory_point point = {.at_ns = (i + 1) * LOOK_NS, .rss_bytes = i + 1};

        if (rare && i % rare == 3)
            point.private_bytes = i + 1;
        assert_int_equal(memory_series_add(process, &point), 0);
    }
}

static uint64_t in_order_and_true(const struct run_process *process)
{
    uint64_t close_looks = 0;

    assert_true(process->n_memory <= MEMORY_POINTS_MAX);
    for (size_t i = 0; i < process->n_memory; i++) {
        const struct memory_point *point = &process->memory[i];

        assert_true(i == 0 || point->at_ns > point[-1].at_ns);
        assert_int_equal(point->at_ns, point->rss_bytes * LOOK_NS);
        if (point->private_bytes) {
            assert_int_equal(point->private_bytes, point->rss_bytes);
            close_looks++;
        }
    }
    return close_looks;
}

static void a_short_run_keeps_every_look(void **state)
{
    struct run_process process = {0};

    (void)state;
    look(&process, 0, MEMORY_POINTS_MAX, 10);
    assert_int_equal(process.n_memory, MEMORY_POINTS_MAX);
    assert_int_equal(in_order_and_true(&process), 7);
    free(process.memory);
}

static void a_run_of_any_length_takes_the_same_room(void **state)
{
    static const uint64_t lengths[] = {65, 66, 100, 127, 128, 129, 640, 5000, 36000, 600000};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
        struct run_process process = {0};
        uint64_t n = lengths[i], close_looks, gap = 0;

        look(&process, 0, n, 10);
        close_looks = in_order_and_true(&process);
        assert_true(process.n_memory > MEMORY_POINTS_MAX / 4);
        assert_int_equal(process.memory[0].rss_bytes, 1);
        /* The newest look, or the newest close one: at most ten looks ago. */
        assert_true(process.memory[process.n_memory - 1].rss_bytes + 10 >= n);
        /* Spread over the whole run. */
        for (size_t k = 1; k < process.n_memory; k++) {
            uint64_t between = process.memory[k].rss_bytes - process.memory[k - 1].rss_bytes;

            gap = between > gap ? between : gap;
        }
        assert_true(gap <= 10 + n / 8);
        /* Thinning out prefers the close looks: they don't vanish by bad luck with the parity. */
        assert_true(close_looks >= 4);
        free(process.memory);
    }
}

static void two_looks_at_once_are_one(void **state)
{
    struct run_process process = {0};
    const struct memory_point first = {5, 100, 0}, second = {5, 101, 50};

    (void)state;
    assert_int_equal(memory_series_add(&process, &first), 0);
    assert_int_equal(memory_series_add(&process, &second), 0);
    assert_int_equal(process.n_memory, 1);
    assert_int_equal(process.memory[0].private_bytes, 50);
    free(process.memory);
}

static void an_exec_begins_anew(void **state)
{
    struct run_process process = {0};

    (void)state;
    look(&process, 0, 200, 10);
    process.looks = 200;
    memory_series_restart(&process);
    assert_int_equal(process.n_memory, 0);
    assert_int_equal(process.looks, 0);
    look(&process, 200, 20, 0);
    assert_int_equal(process.n_memory, 20);
    assert_int_equal(process.memory[0].rss_bytes, 201);
    free(process.memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_short_run_keeps_every_look),
        cmocka_unit_test(a_run_of_any_length_takes_the_same_room),
        cmocka_unit_test(two_looks_at_once_are_one),
        cmocka_unit_test(an_exec_begins_anew),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
