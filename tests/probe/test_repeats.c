/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/base.h"
#include "probe/measurement.h"
#include "probe/repeats.h"

static struct measurement *run_of(uint64_t wall_ns)
{
    struct measurement *m = measurement_new();

    assert_non_null(m);
    m->wall_ns = wall_ns;
    m->thread_time_ns = 3 * wall_ns;
    m->on_cpu_ns = wall_ns;
    m->runnable_ns = wall_ns / 2;
    m->blocked_ns[CAUSE_DISK] = wall_ns + wall_ns / 2;
    m->unattributed_ns = 1;
    return m;
}

static size_t kept(const struct repeats *r)
{
    size_t n = 0;

    for (size_t i = 0; i < r->n; i++)
        n += r->runs[i] != NULL;
    return n;
}

static void the_middle_run_carries_the_totals_of_all(void **state)
{
    static const uint64_t walls[] = {50, 20, 40, 10, 30};
    CLEANUP(repeats_clear) struct repeats r;
    CLEANUP(measurement_freep) struct measurement *m = NULL;

    (void)state;
    repeats_init(&r, ARRAY_SIZE(walls));
    assert_int_equal(repeats_take(&r, &m), -ENODATA);
    for (size_t i = 0; i < ARRAY_SIZE(walls); i++)
        assert_int_equal(repeats_add(&r, run_of(walls[i])), 0);
    assert_int_equal(repeats_take(&r, &m), 0);
    assert_int_equal(m->wall_ns, 30);
    assert_int_equal(m->n_repeats, 5);
    for (size_t i = 0; i < ARRAY_SIZE(walls); i++) {
        assert_int_equal(m->repeats[i].wall_ns, walls[i]);
        assert_int_equal(m->repeats[i].thread_time_ns, 3 * walls[i]);
        assert_int_equal(m->repeats[i].on_cpu_ns, walls[i]);
        assert_int_equal(m->repeats[i].runnable_ns, walls[i] / 2);
        assert_int_equal(m->repeats[i].blocked_ns[CAUSE_DISK], walls[i] + walls[i] / 2);
        assert_int_equal(m->repeats[i].unattributed_ns, 1);
    }
}

static void a_single_run_has_no_repeats(void **state)
{
    CLEANUP(repeats_clear) struct repeats r;
    CLEANUP(measurement_freep) struct measurement *m = NULL;

    (void)state;
    repeats_init(&r, 3); /* cut short after the first */
    assert_int_equal(repeats_add(&r, run_of(7)), 0);
    assert_int_equal(repeats_take(&r, &m), 0);
    assert_int_equal(m->wall_ns, 7);
    assert_int_equal(m->n_repeats, 0);
    assert_null(m->repeats);
}

/* Whatever the order, and wherever it is cut short, the middle one is there; and never more than half of all plus one
   are kept. Wall times are drawn from few values, so that there are equal ones. */
static void the_middle_is_there_whenever_it_is_asked_for(void **state)
{
    uint32_t random = 12345;

    (void)state;
    for (size_t planned = 1; planned <= 12; planned++) {
        for (size_t made = 1; made <= planned; made++) {
            CLEANUP(repeats_clear) struct repeats r;
            CLEANUP(measurement_freep) struct measurement *m = NULL;
            size_t below = 0, above = 0;

            repeats_init(&r, planned);
            for (size_t i = 0; i < made; i++) {
                random = random * 1664525u + 1013904223u;
                assert_int_equal(repeats_add(&r, run_of(100 + (random >> 24) % 7)), 0);
                assert_true(kept(&r) <= planned / 2 + 1);
            }
            assert_int_equal(repeats_take(&r, &m), 0);
            for (size_t i = 0; i < m->n_repeats; i++) {
                below += m->repeats[i].wall_ns < m->wall_ns;
                above += m->repeats[i].wall_ns > m->wall_ns;
            }
            assert_true(below <= (made - 1) / 2 && above <= made / 2);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_middle_run_carries_the_totals_of_all),
        cmocka_unit_test(a_single_run_has_no_repeats),
        cmocka_unit_test(the_middle_is_there_whenever_it_is_asked_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
