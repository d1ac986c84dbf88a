/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "analyzer/profile/profile.h"
#include "tests/analyzer/profile/checked.h"
#include "tests/analyzer/synthetic.h"

/* 20 times: a long wait, a short burst, a short wait, a long burst; serial, or in two workers. */
static struct measurement *two_waits_in_turn(bool workers)
{
    struct measurement *m = synthetic_new(2);

    synthetic_python(m);
    synthetic_thread(m, 1, 1, 0, 0);
    if (workers)
        synthetic_slice(m, 0, 1 * MS, 2000 * MS, CAUSE_JOIN);
    for (int32_t lane = 0; lane < (workers ? 2 : 1); lane++) {
        size_t t = workers ? synthetic_thread(m, 2 + lane, 1, 1, 1 * MS) : 0;

        synthetic_slice(m, t, 1 * MS, 30 * MS, CAUSE_SLEEP);
        for (int i = 0; i < 20; i++) {
            synthetic_slice(m, t, 300 * US, 6 * MS, CAUSE_SLEEP);
            synthetic_slice(m, t, 2 * MS, i < 19 ? 30 * MS : 0, CAUSE_SLEEP);
        }
    }
    return m;
}

static void waits_from_two_places_are_one_item(void **state)
{
    for (int workers = 0; workers < 2; workers++) {
        CLEANUP(measurement_freep) struct measurement *m = two_waits_in_turn(workers);
        CLEANUP(profile_freep) struct profile *p = NULL;

        (void)state;
        synthetic_wait_site(m, CAUSE_SLEEP, 20, 7);
        synthetic_wait_site(m, CAUSE_SLEEP, 20, 9);
        p = profile_checked(m);
        assert_int_equal(p->n_items, workers ? 40 : 20);
        for (size_t i = 0; i < p->n_items; i++) {
            uint64_t wait_ns = 0;

            for (size_t s = 0; s < p->items[i].n_steps; s++)
                wait_ns += p->steps[p->items[i].first_step + s].wait_ns;
            assert_int_equal(wait_ns, 36 * MS);
        }
    }
}

/* Items of two sizes in turn look the same, but wait at one place. Where no place is known, one wait is one item. */
static void waits_from_one_place_are_items_each(void **state)
{
    for (int places = 0; places < 2; places++) {
        CLEANUP(measurement_freep) struct measurement *m = two_waits_in_turn(false);
        CLEANUP(profile_freep) struct profile *p = NULL;

        (void)state;
        if (places)
            synthetic_wait_site(m, CAUSE_SLEEP, 40, 7);
        p = profile_checked(m);
        assert_int_equal(p->n_items, 40);
    }
}

/* Waits for different things belong together; the item ends with the burst that stands out. */
static void waits_of_several_causes_are_one_item(void **state)
{
    CLEANUP(measurement_freep) struct measurement *m = synthetic_new(2);
    CLEANUP(profile_freep) struct profile *p = NULL;

    (void)state;
    synthetic_thread(m, 1, 1, 0, 0);
    synthetic_slice(m, 0, 1 * MS, 8 * MS, CAUSE_NETWORK);
    /* The first two waits are the rest of an item whose begin was not seen. */
    for (int i = 0; i < 31; i++) {
        synthetic_slice(m, 0, 50 * US, 20 * MS, CAUSE_DISK);
        synthetic_slice(m, 0, 5 * MS, 12 * MS, CAUSE_NETWORK);
        synthetic_slice(m, 0, 50 * US, 8 * MS, CAUSE_NETWORK);
    }
    synthetic_slice(m, 0, 50 * US, 20 * MS, CAUSE_DISK);
    synthetic_slice(m, 0, 5 * MS, 0, CAUSE_OTHER);
    p = profile_checked(m);
    assert_int_equal(p->n_items, 32);
    for (size_t i = 1; i < p->n_items; i++) {
        const struct profile_item *item = &p->items[i];

        assert_int_equal(p->steps[item->first_step].cause, CAUSE_NETWORK);
        assert_int_equal(p->steps[item->first_step].wait_ns, 12 * MS);
        assert_int_equal(p->steps[item->first_step + item->n_steps - 1].free_cpu_ns, 5 * MS);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waits_from_two_places_are_one_item),
        cmocka_unit_test(waits_from_one_place_are_items_each),
        cmocka_unit_test(waits_of_several_causes_are_one_item),
    };

    return cmocka_run_group_tests_name("analyzer/profile/pattern", tests, NULL, NULL);
}
