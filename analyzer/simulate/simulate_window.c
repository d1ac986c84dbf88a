/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/simulate/simulate_window.h"

#include "base/base.h"

#define MAX_STRETCH 2.0 /* beyond, the picked steps are no sample of the others, and the sums stay */

void simulate_window_clear(struct simulate_window *w)
{
    free(w->buckets);
    free(w->variants);
    w->buckets = NULL;
    w->variants = NULL;
}

void simulate_window_open(struct simulate_window *w, bool alone, size_t merge_steps)
{
    w->first = w->to->n_steps;
    w->alone = alone;
    w->merge_steps = merge_steps;
    w->n_buckets = w->at = w->hint = 0;
    w->n_items = w->picked_item = 0;
}

/* A fixed sequence: the same profile gives the same picks. */
static uint32_t draw(struct simulate_window *w, uint32_t n)
{
    w->seed = w->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((w->seed >> 33) % n);
}

int simulate_window_item(struct simulate_window *w)
{
    w->n_items++;
    if (w->alone)
        return 0;
    w->at = w->hint = 0;
    if (draw(w, w->n_items) == 0)
        w->picked_item = w->n_items;
    return 0;
}

static int push(struct simulate_window *w, const struct simulate_step *step, const struct simulate_variant *variant)
{
    struct simulate_trace *t = w->to;

    if (base_grow(&t->steps, &t->steps_capacity, t->n_steps + 1, sizeof(*t->steps)) < 0 ||
        base_grow(&w->variants, &w->variants_capacity, t->n_steps + 1, sizeof(*w->variants)) < 0)
        return -ENOMEM;
    w->variants[t->n_steps] = *variant;
    t->steps[t->n_steps++] = *step;
    return 0;
}

static int flush(struct simulate_window *w)
{
    int r = 0;

    for (size_t i = 0; i < w->n_buckets && r == 0; i++) {
        const struct simulate_bucket *b = &w->buckets[i];

        r = push(w, &b->sum,
                 &(struct simulate_variant){b->picked.locked_ns * b->n, b->picked.free_ns * b->n,
                                            b->picked.wait_ns * b->n, b->n > 1});
    }
    w->n_buckets = w->hint = 0;
    return r;
}

static bool bucket_fits(const struct simulate_bucket *b, const struct simulate_step *step, size_t place)
{
    return b->place == place && b->sum.lock == step->lock && b->sum.stage == step->stage &&
           b->sum.offload == step->offload;
}

/* The bucket for a step at a place: near the one before, for items are alike. */
static struct simulate_bucket *find_bucket(struct simulate_window *w, const struct simulate_step *step, size_t place)
{
    for (size_t i = 0, k = w->hint; i < w->n_buckets; i++, k++) {
        if (k == w->n_buckets)
            k = 0;
        if (bucket_fits(&w->buckets[k], step, place)) {
            w->hint = k;
            return &w->buckets[k];
        }
    }
    return NULL;
}

int simulate_window_add(struct simulate_window *w, const struct simulate_step *step)
{
    size_t place = w->at++ / w->merge_steps;
    struct simulate_bucket *b;

    if (w->alone && w->merge_steps == 1)
        return push(w, step, &(struct simulate_variant){.merged = false});
    if (w->alone && w->n_buckets && w->buckets[0].place != place && flush(w) < 0)
        return -ENOMEM;
    b = find_bucket(w, step, place);
    if (!b) {
        if (base_grow(&w->buckets, &w->buckets_capacity, w->n_buckets + 1, sizeof(*w->buckets)) < 0)
            return -ENOMEM;
        w->hint = w->n_buckets++;
        w->buckets[w->hint] = (struct simulate_bucket){.sum = *step, .picked = *step, .place = place, .n = 1};
        return 0;
    }
    b->sum.locked_ns += step->locked_ns;
    b->sum.free_ns += step->free_ns;
    b->sum.wait_ns += step->wait_ns;
    b->sum.waits += step->waits;
    b->sum.requests += step->requests;
    b->sum.bursts += step->bursts;
    b->n++;
    /* Of several items one gives all its steps, so that they go on belonging together. */
    if (w->alone || w->merge_steps > 1 ? draw(w, (uint32_t)b->n) == 0 : w->picked_item == w->n_items)
        b->picked = *step;
    return 0;
}

/* Sums over the merged steps of one lock and stage: [0] as they are, [1] as picked. */
struct totals {
    double locked_ns[2], free_ns[2], wait_ns[2];
};

static struct totals *totals_of(struct totals *all, const struct simulate_trace *t, const struct simulate_step *step)
{
    return &all[(size_t)step->lock * t->n_stages + step->stage];
}

static double varied(double sum, double picked, const double totals[2])
{
    bool sample = totals[1] * MAX_STRETCH > totals[0] && totals[0] * MAX_STRETCH > totals[1];

    return sample ? picked * totals[0] / totals[1] : sum;
}

static void totals_add(struct totals *totals, const struct simulate_step *sum, const struct simulate_variant *picked)
{
    totals->locked_ns[0] += sum->locked_ns;
    totals->locked_ns[1] += picked->locked_ns;
    totals->free_ns[0] += sum->free_ns;
    totals->free_ns[1] += picked->free_ns;
    totals->wait_ns[0] += sum->wait_ns;
    totals->wait_ns[1] += picked->wait_ns;
}

/* An item by itself stays as long as it was: it may be the one that all wait for. */
static void keep_item_totals(struct simulate_window *w)
{
    struct simulate_trace *t = w->to;
    struct totals totals = {0};

    if (!w->alone || w->merge_steps == 1)
        return;
    for (size_t i = w->first; i < t->n_steps; i++)
        if (w->variants[i].merged)
            totals_add(&totals, &t->steps[i], &w->variants[i]);
    for (size_t i = w->first; i < t->n_steps; i++) {
        struct simulate_variant *v = &w->variants[i];

        v->locked_ns = varied(t->steps[i].locked_ns, v->locked_ns, totals.locked_ns);
        v->free_ns = varied(t->steps[i].free_ns, v->free_ns, totals.free_ns);
        v->wait_ns = varied(t->steps[i].wait_ns, v->wait_ns, totals.wait_ns);
    }
}

int simulate_window_close(struct simulate_window *w, uint32_t original, uint32_t lane)
{
    struct simulate_trace *t = w->to;
    struct simulate_item item = {.first = w->first, .original = original, .lane = lane};

    if (flush(w) < 0)
        return -ENOMEM;
    item.count = (uint32_t)(t->n_steps - w->first);
    if (!item.count)
        return 0;
    keep_item_totals(w);
    if (base_grow(&t->items, &t->items_capacity, t->n_items + 1, sizeof(*t->items)) < 0)
        return -ENOMEM;
    t->items[t->n_items++] = item;
    return 0;
}

int simulate_window_vary(struct simulate_window *w)
{
    struct simulate_trace *t = w->to;
    AUTO_FREE struct totals *all = calloc(((size_t)t->n_locks + 1) * t->n_stages, sizeof(*all));

    if (!all)
        return -ENOMEM;
    for (size_t i = 0; i < t->n_steps; i++) {
        struct totals *totals = totals_of(all, t, &t->steps[i]);

        if (!w->variants[i].merged)
            continue;
        totals_add(totals, &t->steps[i], &w->variants[i]);
    }
    for (size_t i = 0; i < t->n_steps; i++) {
        const struct totals *totals = totals_of(all, t, &t->steps[i]);
        const struct simulate_variant *v = &w->variants[i];

        if (!v->merged)
            continue;
        t->steps[i].locked_ns = varied(t->steps[i].locked_ns, v->locked_ns, totals->locked_ns);
        t->steps[i].free_ns = varied(t->steps[i].free_ns, v->free_ns, totals->free_ns);
        t->steps[i].wait_ns = varied(t->steps[i].wait_ns, v->wait_ns, totals->wait_ns);
    }
    for (size_t i = 0; i < t->n_items; i++)
        for (size_t s = t->items[i].first; s < t->items[i].first + t->items[i].count; s++)
            t->items[i].work_ns += t->steps[s].locked_ns + t->steps[s].free_ns + t->steps[s].wait_ns;
    return 0;
}
