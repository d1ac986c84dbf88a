/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "equal.h"

#include "base/base.h"

struct profile *equal_items(size_t n, size_t steps, struct profile_step step)
{
    struct profile *p = calloc(1, sizeof(*p));

    assert_non_null(p);
    p->n_items = n;
    p->n_steps = n * steps;
    p->steps = calloc(p->n_steps, sizeof(*p->steps));
    p->items = calloc(n, sizeof(*p->items));
    assert_true(p->steps && p->items);
    for (size_t i = 0; i < p->n_steps; i++)
        p->steps[i] = step;
    for (size_t i = 0; i < n; i++)
        p->items[i] = (struct profile_item){.first_step = i * steps, .n_steps = steps};
    return p;
}
