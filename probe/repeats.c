/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/repeats.h"

#include "base/base.h"
#include "probe/measurement.h"

void repeats_init(struct repeats *r, size_t planned)
{
    *r = (struct repeats){.planned = planned > 0 ? planned : 1};
}

void repeats_clear(struct repeats *r)
{
    for (size_t i = 0; i < r->n; i++)
        measurement_free(r->runs[i]);
    free(r->runs);
    free(r->rows);
    *r = (struct repeats){0};
}

static struct repeat totals_of(const struct measurement *m)
{
    struct repeat row = {
        .wall_ns = m->wall_ns,
        .thread_time_ns = m->thread_time_ns,
        .on_cpu_ns = m->on_cpu_ns,
        .runnable_ns = m->runnable_ns,
        .unattributed_ns = m->unattributed_ns,
    };

    memcpy(row.blocked_ns, m->blocked_ns, sizeof(row.blocked_ns));
    return row;
}

/* Runs so far that come before run i in order of wall time; equal ones in the order they were made. */
static size_t rank_of(const struct repeats *r, size_t i)
{
    size_t rank = 0;

    for (size_t k = 0; k < r->n; k++)
        if (r->rows[k].wall_ns < r->rows[i].wall_ns || (r->rows[k].wall_ns == r->rows[i].wall_ns && k < i))
            rank++;
    return rank;
}

static size_t middle_of(size_t n)
{
    return (n - 1) / 2;
}

/* Runs still to come can only raise a rank, each by one: the others are let go, slices and stacks are large. */
static void prune(struct repeats *r)
{
    size_t middle = middle_of(r->planned), to_come = r->planned > r->n ? r->planned - r->n : 0;

    for (size_t i = 0; i < r->n; i++) {
        size_t rank = r->runs[i] ? rank_of(r, i) : 0;

        if (r->runs[i] && (rank > middle || rank + to_come < middle)) {
            measurement_free(r->runs[i]);
            r->runs[i] = NULL;
        }
    }
}

int repeats_add(struct repeats *r, struct measurement *m)
{
    size_t rows_capacity = r->capacity;

    if (base_grow(&r->rows, &rows_capacity, r->n + 1, sizeof(*r->rows)) < 0 ||
        base_grow(&r->runs, &r->capacity, r->n + 1, sizeof(struct measurement *)) < 0) {
        measurement_free(m);
        return -ENOMEM;
    }
    r->rows[r->n] = totals_of(m);
    r->runs[r->n] = m;
    r->n++;
    if (r->n > r->planned)
        r->planned = r->n;
    prune(r);
    return 0;
}

int repeats_take(struct repeats *r, struct measurement **ret_m)
{
    for (size_t i = 0; i < r->n; i++) {
        struct measurement *m = r->runs[i];

        if (!m || rank_of(r, i) != middle_of(r->n))
            continue;
        r->runs[i] = NULL;
        if (r->n > 1) {
            m->repeats = TAKE_PTR(r->rows);
            m->n_repeats = r->n;
        }
        *ret_m = m;
        return 0;
    }
    return -ENODATA;
}
