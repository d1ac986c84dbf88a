/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * checked: a profile of a synthetic measurement, with what holds for every profile asserted.
 *
 * Include after cmocka.h.
 */

#include "analyzer/profile/profile.h"
#include "tests/analyzer/synthetic.h"

/* profile_from_measurement(); profile_free() it. */
static inline struct profile *profile_checked(struct measurement *m)
{
    struct profile *p = NULL;
    uint64_t serial_ns = 0;
    size_t next = 0;

    synthetic_finish(m);
    assert_int_equal(profile_from_measurement(m, &p), 0);
    assert_true(p->n_items > 0 && p->n_lanes > 0 && p->n_phases > 0 && p->n_stages > 0);
    for (size_t i = 0; i < p->n_items; i++) {
        assert_int_equal(p->items[i].first_step, next);
        assert_true(p->items[i].n_steps > 0);
        assert_true(p->items[i].lane < p->n_lanes);
        assert_true(p->items[i].phase < p->n_phases);
        assert_true(i == 0 || p->items[i].phase >= p->items[i - 1].phase);
        next += p->items[i].n_steps;
    }
    assert_int_equal(next, p->n_steps);
    for (size_t i = 0; i < p->n_steps; i++) {
        assert_true(p->steps[i].lock <= p->n_locks);
        assert_true(p->steps[i].stage < p->n_stages);
    }
    assert_int_equal(p->phases[0].serial_ns, 0);
    for (uint32_t i = 0; i < p->n_phases; i++)
        serial_ns += p->phases[i].serial_ns;
    assert_true(p->head_ns + p->tail_ns + serial_ns <= m->wall_ns);
    assert_true(p->serial_cpu_ns <= p->head_ns + p->tail_ns);
    assert_true(p->dependence.locked_share >= 0 && p->dependence.locked_share <= 1);
    assert_true(p->foreign_runnable_ns <= m->wall_ns);
    return p;
}

#define assert_about(value, expected) assert_in_range(value, (expected) - (expected) / 50, (expected) + (expected) / 50)
