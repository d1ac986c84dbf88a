/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>

#include "analyzer/simulate/simulate_engine.h"
#include "analyzer/simulate/simulate_trace.h"
#include "base/base.h"
#include "tests/analyzer/simulate/paper.h"

#define MS NSEC_PER_MSEC
#define US NSEC_PER_USEC

static const struct simulate_costs no_costs;

static uint64_t draw(uint64_t *seed, uint64_t most)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (*seed >> 33) % (most + 1);
}

/* Steps of all lengths, some of them under one of two locks. */
static struct profile *mixed(size_t n, size_t per_item)
{
    struct profile *p = paper_items(n, per_item, (struct profile_step){.free_cpu_ns = 1});
    uint64_t seed = 3;

    for (size_t i = 0; i < p->n_steps; i++) {
        struct profile_step *s = &p->steps[i];

        s->locked_cpu_ns = draw(&seed, 400 * US);
        s->free_cpu_ns = draw(&seed, 400 * US);
        s->wait_ns = draw(&seed, 2) ? draw(&seed, 8 * MS) : 0;
        s->lock = draw(&seed, 40) < 2 ? (uint16_t)(1 + draw(&seed, 1)) : 0;
    }
    p->n_locks = 2;
    p->interpreter_lock = true;
    return p;
}

struct sums {
    double locked_ns, free_ns, wait_ns, waits, under_lock_ns;
    uint64_t items;
};

static struct sums sums_of(const struct simulate_trace *t)
{
    struct sums sums = {0};

    for (size_t i = 0; i < t->n_steps; i++) {
        sums.locked_ns += t->steps[i].locked_ns;
        sums.free_ns += t->steps[i].free_ns;
        sums.wait_ns += t->steps[i].wait_ns;
        sums.waits += t->steps[i].waits;
        if (t->steps[i].lock)
            sums.under_lock_ns += t->steps[i].locked_ns + t->steps[i].free_ns + t->steps[i].wait_ns;
    }
    for (size_t i = 0; i < t->n_items; i++)
        sums.items += t->items[i].original;
    return sums;
}

#define assert_same(a, b) assert_true(fabs((a) - (b)) <= 1e-6 * fabs(b))

static void merging_keeps_all_sums(void **state)
{
    static const size_t shapes[][2] = {{30000, 1}, {8000, 4}, {300, 100}, {2, 20000}};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(shapes); i++)
        for (int by_lane = 0; by_lane < 2; by_lane++) {
            CLEANUP(profile_freep) struct profile *p = mixed(shapes[i][0], shapes[i][1]);
            CLEANUP(simulate_trace_clear) struct simulate_trace trace = {0};
            CLEANUP(simulate_trace_clear) struct simulate_trace same = {0};
            CLEANUP(simulate_trace_clear) struct simulate_trace merged = {0};
            struct sums before, after;

            for (size_t k = 0; k < p->n_items; k++)
                p->items[k].lane = (uint32_t)(k % 3);
            assert_int_equal(simulate_trace_from_profile(p, &trace), 0);
            assert_int_equal(simulate_trace_merge(&trace, 8, by_lane, SIZE_MAX, &same), 0);
            assert_int_equal(simulate_trace_merge(&trace, 8, by_lane, 2000, &merged), 0);
            before = sums_of(&same);
            after = sums_of(&merged);
            assert_int_equal(same.n_steps, p->n_steps);
            assert_true(merged.n_steps < 9000);
            assert_true(merged.requests > 2);
            assert_same(after.locked_ns, before.locked_ns);
            assert_same(after.free_ns, before.free_ns);
            assert_same(after.wait_ns, before.wait_ns);
            assert_same(after.waits, before.waits);
            assert_same(after.under_lock_ns, before.under_lock_ns);
            assert_int_equal(after.items, p->n_items);
            assert_int_equal(before.items, p->n_items);
        }
}

static void the_giant_is_not_merged(void **state)
{
    CLEANUP(profile_freep) struct profile *p = paper_items(30000, 1, (struct profile_step){.free_cpu_ns = 100 * US});
    uint64_t rest = 29999 * 100 * US;

    (void)state;
    p->steps[29999].free_cpu_ns = 5000 * MS; /* last */
    assert_in_range(paper_wall(p, &no_costs, MODEL_THREADS, 4, 4), rest / 4 + 4995 * MS, rest / 4 + 5010 * MS);
    p->steps[29999].free_cpu_ns = 100 * US;
    p->steps[0].free_cpu_ns = 5000 * MS; /* first */
    assert_int_equal(paper_wall(p, &no_costs, MODEL_THREADS, 4, 4), 5000 * MS);
}

/* An item keeps its length when its many steps are merged, whatever stands for them. */
static void long_items_stay_as_long_as_they_are(void **state)
{
    CLEANUP(profile_freep) struct profile *p = mixed(12, 3000);
    uint64_t longest = 0;

    (void)state;
    p->interpreter_lock = false;
    for (size_t i = 0; i < p->n_items; i++) {
        uint64_t ns = 0;

        for (size_t s = p->items[i].first_step; s < p->items[i].first_step + p->items[i].n_steps; s++) {
            p->steps[s].lock = 0;
            ns += p->steps[s].locked_cpu_ns + p->steps[s].free_cpu_ns + p->steps[s].wait_ns;
        }
        longest = ns > longest ? ns : longest;
    }
    assert_in_range(paper_wall(p, &no_costs, MODEL_THREADS, 12, 64), longest - 10, longest + 10);
}

/* The ragged end of many small items is as small as they are, not as the merged ones. */
static void the_end_is_as_ragged_as_it_was(void **state)
{
    CLEANUP(profile_freep) struct profile *p = paper_items(60000, 1, (struct profile_step){.free_cpu_ns = MS});

    (void)state;
    for (uint32_t lanes = 3; lanes <= 48; lanes *= 4)
        assert_in_range(paper_wall(p, &no_costs, MODEL_THREADS, lanes, 64), 60000 * MS / lanes,
                        60000 * MS / lanes + 2 * MS);
}

/* Merged and whole, the engine comes to nearly the same end, also where work is uneven and queues. */
static void merged_and_whole_take_as_long(void **state)
{
    static const size_t shapes[][2] = {{20000, 1}, {200, 100}};
    static const uint32_t lanes[] = {2, 8, 24};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(shapes); i++)
        for (size_t k = 0; k < ARRAY_SIZE(lanes); k++) {
            CLEANUP(profile_freep) struct profile *p = mixed(shapes[i][0], shapes[i][1]);
            CLEANUP(simulate_trace_clear) struct simulate_trace trace = {0};
            struct simulate_totals totals[2];

            assert_int_equal(simulate_trace_from_profile(p, &trace), 0);
            for (int whole = 0; whole < 2; whole++) {
                CLEANUP(simulate_trace_clear) struct simulate_trace merged = {0};
                const struct simulate_setup setup = {.lanes = lanes[k],
                                                     .processes = 1,
                                                     .cpus = 4,
                                                     .interpreter_lock = true,
                                                     .cpu_scale = 1,
                                                     .lock_turn_ns = 5e6,
                                                     .slowdown = 1,
                                                     .slowdown_cpus = 4};

                assert_int_equal(simulate_trace_merge(&trace, lanes[k], false, whole ? SIZE_MAX : 2048, &merged), 0);
                assert_int_equal(simulate_engine_run(&merged, &setup, &totals[whole]), 0);
            }
            assert_true(fabs(totals[0].wall_ns - totals[1].wall_ns) < 0.05 * totals[1].wall_ns);
        }
}

/* Of very many phases some stand for all: serial parts exactly, the others by their work. */
static void some_phases_stand_for_all(void **state)
{
    CLEANUP(profile_freep) struct profile *p = paper_items(40000, 1, (struct profile_step){.free_cpu_ns = MS});

    (void)state;
    free(p->phases);
    p->n_phases = 10000;
    p->phases = calloc(p->n_phases, sizeof(*p->phases));
    assert_non_null(p->phases);
    for (uint32_t i = 1; i < p->n_phases; i++)
        p->phases[i].serial_ns = 100 * US;
    for (size_t i = 0; i < p->n_items; i++)
        p->items[i].phase = (uint32_t)(i / 4);
    uint64_t serial_ns = 9999 * 100 * US;

    assert_in_range(paper_wall(p, &no_costs, MODEL_SERIAL, 1, 8), 40000 * MS + serial_ns - MS,
                    40000 * MS + serial_ns + MS);
    assert_in_range(paper_wall(p, &no_costs, MODEL_THREADS, 4, 8), 10000 * MS + serial_ns - MS,
                    10000 * MS + serial_ns + MS);
    assert_in_range(paper_wall(p, &no_costs, MODEL_THREADS, 3, 8), 20000 * MS + serial_ns - MS,
                    20000 * MS + serial_ns + MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(merging_keeps_all_sums),
        cmocka_unit_test(the_giant_is_not_merged),
        cmocka_unit_test(long_items_stay_as_long_as_they_are),
        cmocka_unit_test(the_end_is_as_ragged_as_it_was),
        cmocka_unit_test(merged_and_whole_take_as_long),
        cmocka_unit_test(some_phases_stand_for_all),
    };

    return cmocka_run_group_tests_name("analyzer/simulate_trace", tests, NULL, NULL);
}
