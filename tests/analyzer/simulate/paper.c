/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/analyzer/simulate/paper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdlib.h>

struct profile *paper_items(size_t n, size_t per_item, struct profile_step step)
{
    struct profile *p = calloc(1, sizeof(*p));

    assert_non_null(p);
    p->steps = calloc(n * per_item, sizeof(*p->steps));
    p->items = calloc(n, sizeof(*p->items));
    p->phases = calloc(1, sizeof(*p->phases));
    assert_true(p->steps && p->items && p->phases);
    for (size_t i = 0; i < n * per_item; i++)
        p->steps[i] = step;
    for (size_t i = 0; i < n; i++)
        p->items[i] = (struct profile_item){.first_step = i * per_item, .n_steps = per_item};
    p->n_steps = n * per_item;
    p->n_items = n;
    p->n_phases = 1;
    p->n_lanes = 1;
    p->n_stages = 1;
    p->current_model = MODEL_SERIAL;
    p->current_workers = 1;
    return p;
}

uint64_t paper_wall(const struct profile *p, const struct simulate_costs *costs, enum model model, uint32_t workers,
                    uint32_t cpus)
{
    struct simulate_result result = {0, 0};

    assert_int_equal(simulate(p, costs, model, workers, cpus, &result), 0);
    return result.wall_ns;
}

uint64_t paper_current(const struct profile *p, const struct simulate_costs *costs, uint32_t cpus)
{
    struct simulate_result result = {0, 0};

    assert_int_equal(simulate_current(p, costs, cpus, &result), 0);
    return result.wall_ns;
}
