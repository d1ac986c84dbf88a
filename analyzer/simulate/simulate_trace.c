/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/simulate/simulate_trace.h"

#include <math.h>

#include "analyzer/profile/profile.h"
#include "base/base.h"

#define MAX_BUCKETS 16    /* kinds of work (stage and lock) that one merged stretch may hold side by side */
#define MIN_PHASES 32     /* so many are run before phases stand for others */
#define MAX_PHASES 2048   /* a barrier costs the simulation, too */
#define TAIL_PER_LANE 2.0 /* a merged item is at most 1/2 of what is left for each lane */

/* Steps of one kind, added up until they are as long as a merged step should be. */
struct window {
    struct simulate_step buckets[MAX_BUCKETS];
    size_t n;
    double work_ns;
};

void simulate_trace_clear(struct simulate_trace *trace)
{
    free(trace->steps);
    free(trace->items);
    free(trace->phases);
    *trace = (struct simulate_trace){0};
}

static double step_work(const struct simulate_step *s)
{
    return s->locked_ns + s->free_ns + s->wait_ns;
}

static int push_step(struct simulate_trace *t, const struct simulate_step *step)
{
    if (base_grow(&t->steps, &t->steps_capacity, t->n_steps + 1, sizeof(*t->steps)) < 0)
        return -ENOMEM;
    t->steps[t->n_steps++] = *step;
    return 0;
}

/* An item over the steps pushed since `first`; none if there are none. */
static int close_item(struct simulate_trace *t, size_t first, uint32_t original, uint32_t lane)
{
    struct simulate_item item = {.first = first, .count = t->n_steps - first, .original = original, .lane = lane};

    if (!item.count)
        return 0;
    for (size_t i = 0; i < item.count; i++)
        item.work_ns += step_work(&t->steps[first + i]);
    if (base_grow(&t->items, &t->items_capacity, t->n_items + 1, sizeof(*t->items)) < 0)
        return -ENOMEM;
    t->items[t->n_items++] = item;
    return 0;
}

static struct simulate_step step_from_profile(const struct profile *p, const struct profile_step *step,
                                              double cpu_scale)
{
    return (struct simulate_step){
        .locked_ns = (double)step->locked_cpu_ns * cpu_scale,
        .free_ns = (double)step->free_cpu_ns * cpu_scale,
        .wait_ns = (double)step->wait_ns,
        .waits = step->wait_ns ? 1 : 0,
        .requests = step->wait_ns || step->free_cpu_ns ? 1 : 0, /* else it goes on holding the lock */
        .lock = step->lock,
        .stage = step->stage < p->n_stages ? step->stage : 0,
    };
}

/* Items never fall back to an earlier phase; a profile without phases has one. */
static int phases_from_profile(const struct profile *p, struct simulate_trace *t)
{
    t->n_phases = p->n_phases ? p->n_phases : 1;
    t->phases = calloc(t->n_phases, sizeof(*t->phases));
    if (!t->phases)
        return -ENOMEM;
    for (size_t i = 0; i < t->n_phases; i++) {
        t->phases[i].weight = 1;
        if (p->phases && i < p->n_phases) {
            t->phases[i].serial_ns = (double)p->phases[i].serial_ns;
            t->phases[i].serial_cpu_ns = (double)p->phases[i].serial_cpu_ns;
        }
    }
    return 0;
}

int simulate_trace_from_profile(const struct profile *p, double cpu_scale, struct simulate_trace *ret_trace)
{
    CLEANUP(simulate_trace_clear)
    struct simulate_trace t = {.n_locks = p->n_locks, .n_stages = p->n_stages ? p->n_stages : 1, .requests = 1};
    size_t phase = 0;
    int r = phases_from_profile(p, &t);

    if (r == 0 && p->n_steps)
        r = base_grow(&t.steps, &t.steps_capacity, p->n_steps, sizeof(*t.steps));
    for (size_t i = 0; i < p->n_items && r == 0; i++) {
        const struct profile_item *item = &p->items[i];
        size_t first = t.n_steps;

        while (phase < item->phase && phase + 1 < t.n_phases)
            t.phases[++phase].first_item = t.n_items;
        for (size_t s = 0; s < item->n_steps && r == 0; s++) {
            struct simulate_step step = step_from_profile(p, &p->steps[item->first_step + s], cpu_scale);

            if (step.lock > t.n_locks)
                t.n_locks = step.lock;
            if (step_work(&step) > 0)
                r = push_step(&t, &step);
        }
        if (r == 0)
            r = close_item(&t, first, 1, item->lane);
        t.phases[phase].n_items = t.n_items - t.phases[phase].first_item;
    }
    if (r < 0)
        return r;
    *ret_trace = t;
    t = (struct simulate_trace){0};
    return 0;
}

static int window_flush(struct simulate_trace *t, struct window *w)
{
    int r = 0;

    for (size_t i = 0; i < w->n && r == 0; i++)
        r = push_step(t, &w->buckets[i]);
    w->n = 0;
    w->work_ns = 0;
    return r;
}

/* Add a step; what was there before goes out first when both together are longer than `limit_ns`. */
static int window_add(struct simulate_trace *t, struct window *w, const struct simulate_step *step, double limit_ns)
{
    size_t i = 0;
    int r = 0;

    if (w->n && (w->work_ns + step_work(step) > limit_ns || w->n == MAX_BUCKETS))
        r = window_flush(t, w);
    while (i < w->n && (w->buckets[i].lock != step->lock || w->buckets[i].stage != step->stage))
        i++;
    if (i == w->n) {
        w->buckets[w->n++] = *step;
    } else {
        w->buckets[i].locked_ns += step->locked_ns;
        w->buckets[i].free_ns += step->free_ns;
        w->buckets[i].wait_ns += step->wait_ns;
        w->buckets[i].waits += step->waits;
        w->buckets[i].requests += step->requests;
    }
    w->work_ns += step_work(step);
    return r;
}

static int window_add_item(struct simulate_trace *to, const struct simulate_trace *from,
                           const struct simulate_item *item, struct window *w, double limit_ns)
{
    int r = 0;

    for (size_t s = 0; s < item->count && r == 0; s++)
        r = window_add(to, w, &from->steps[item->first + s], limit_ns);
    return r;
}

/* Any worker takes any item: small neighbours become one, big ones stay alone, steps inside are merged. */
static int merge_bag(const struct simulate_trace *from, const struct simulate_phase *phase, double target_ns,
                     uint32_t lanes, struct simulate_trace *to)
{
    const struct simulate_item *items = &from->items[phase->first_item];
    double left_ns = 0;
    size_t i = 0;
    int r = 0;

    for (size_t k = 0; k < phase->n_items; k++)
        left_ns += items[k].work_ns;
    while (i < phase->n_items && r == 0) {
        double limit_ns = fmin(target_ns, left_ns / (TAIL_PER_LANE * lanes)), work_ns = items[i].work_ns;
        size_t first = to->n_steps;
        uint32_t original = items[i].original, lane = items[i].lane;
        struct window w = {.n = 0};

        r = window_add_item(to, from, &items[i++], &w, work_ns > limit_ns ? target_ns : limit_ns);
        while (r == 0 && i < phase->n_items && work_ns + items[i].work_ns <= limit_ns) {
            work_ns += items[i].work_ns;
            original += items[i].original;
            r = window_add_item(to, from, &items[i++], &w, limit_ns * 2);
        }
        left_ns -= work_ns;
        if (r == 0)
            r = window_flush(to, &w);
        if (r == 0)
            r = close_item(to, first, original, lane);
    }
    return r;
}

struct lane_order {
    uint32_t lane;
    size_t item;
};

static int compare_lanes(const void *a, const void *b)
{
    const struct lane_order *x = a, *y = b;

    if (x->lane != y->lane)
        return x->lane < y->lane ? -1 : 1;
    return (x->item > y->item) - (x->item < y->item);
}

/* Each lane does its own items, in order, as one long item. */
static int merge_lanes(const struct simulate_trace *from, const struct simulate_phase *phase, double target_ns,
                       struct simulate_trace *to)
{
    AUTO_FREE struct lane_order *order = calloc(phase->n_items + 1, sizeof(*order));
    int r = order ? 0 : -ENOMEM;

    if (r < 0)
        return r;
    for (size_t i = 0; i < phase->n_items; i++)
        order[i] = (struct lane_order){from->items[phase->first_item + i].lane, phase->first_item + i};
    qsort(order, phase->n_items, sizeof(*order), compare_lanes);
    for (size_t i = 0; i < phase->n_items && r == 0;) {
        size_t first = to->n_steps;
        uint32_t lane = order[i].lane, original = 0;
        struct window w = {.n = 0};

        for (; i < phase->n_items && order[i].lane == lane && r == 0; i++) {
            r = window_add_item(to, from, &from->items[order[i].item], &w, target_ns);
            original += from->items[order[i].item].original;
        }
        if (r == 0)
            r = window_flush(to, &w);
        if (r == 0)
            r = close_item(to, first, original, lane);
    }
    return r;
}

static double phase_work(const struct simulate_trace *t, const struct simulate_phase *phase)
{
    double work_ns = 0;

    for (size_t i = 0; i < phase->n_items; i++)
        work_ns += t->items[phase->first_item + i].work_ns;
    return work_ns;
}

/*
 * Of `n` phases from `first`, the one whose work is nearest to their mean stands for all: barriers make them
 * independent of each other, so its duration counts as often as its work fits into theirs. The serial parts add up.
 */
static struct simulate_phase representative(const struct simulate_trace *t, size_t first, size_t n)
{
    struct simulate_phase chosen = t->phases[first];
    double serial_ns = 0, serial_cpu_ns = 0, total_ns = 0, chosen_ns = -1;

    for (size_t i = first; i < first + n; i++) {
        serial_ns += t->phases[i].serial_ns;
        serial_cpu_ns += t->phases[i].serial_cpu_ns;
        total_ns += phase_work(t, &t->phases[i]);
    }
    for (size_t i = first; i < first + n; i++) {
        double work_ns = phase_work(t, &t->phases[i]);

        if (work_ns > 0 &&
            (chosen_ns < 0 || fabs(work_ns - total_ns / (double)n) < fabs(chosen_ns - total_ns / (double)n))) {
            chosen = t->phases[i];
            chosen_ns = work_ns;
        }
    }
    chosen.weight *= chosen_ns > 0 ? total_ns / chosen_ns : 1;
    chosen.serial_ns = serial_ns;
    chosen.serial_cpu_ns = serial_cpu_ns;
    return chosen;
}

/* The first phase, in which workers start, stands for itself only. */
static int choose_phases(const struct simulate_trace *from, size_t budget, struct simulate_trace *to)
{
    size_t group = 1;

    if (from->n_steps > budget && from->n_phases > MIN_PHASES) {
        group = (from->n_steps + budget - 1) / budget;
        if (group > from->n_phases / MIN_PHASES)
            group = from->n_phases / MIN_PHASES;
    }
    if (from->n_phases / group > MAX_PHASES)
        group = (from->n_phases + MAX_PHASES - 1) / MAX_PHASES;
    to->phases = calloc(from->n_phases / group + 2, sizeof(*to->phases));
    if (!to->phases)
        return -ENOMEM;
    to->phases[to->n_phases++] = from->phases[0];
    for (size_t first = 1; first < from->n_phases; first += group)
        to->phases[to->n_phases++] =
            representative(from, first, first + group < from->n_phases ? group : from->n_phases - first);
    return 0;
}

/* The length of a merged step that makes about `budget` of those in the chosen phases; 0: none has to be merged. */
static double target_length(const struct simulate_trace *from, const struct simulate_trace *to, size_t budget)
{
    size_t n_steps = 0;
    double work_ns = 0;

    for (size_t i = 0; i < to->n_phases; i++) {
        const struct simulate_phase *phase = &to->phases[i];

        if (!phase->n_items)
            continue;
        const struct simulate_item *last = &from->items[phase->first_item + phase->n_items - 1];

        n_steps += last->first + last->count - from->items[phase->first_item].first;
        work_ns += phase_work(from, phase);
    }
    return n_steps > budget ? work_ns / (double)budget : 0;
}

/* How much coarser than in reality the requests for the interpreter lock are. */
static double mean_requests(const struct simulate_trace *t)
{
    double requests = 0, steps = 0;

    for (size_t i = 0; i < t->n_steps; i++)
        if (t->steps[i].locked_ns > 0 && t->steps[i].requests > 0) {
            requests += t->steps[i].requests;
            steps++;
        }
    return steps > 0 ? fmax(1.0, requests / steps) : 1.0;
}

int simulate_trace_merge(const struct simulate_trace *trace, uint32_t lanes, bool by_lane, size_t budget,
                         struct simulate_trace *ret_trace)
{
    CLEANUP(simulate_trace_clear)
    struct simulate_trace t = {.n_locks = trace->n_locks, .n_stages = trace->n_stages};
    int r = choose_phases(trace, budget, &t);
    double target_ns = r == 0 ? target_length(trace, &t, budget) : 0;

    for (size_t i = 0; i < t.n_phases && r == 0; i++) {
        struct simulate_phase from = t.phases[i];

        t.phases[i].first_item = t.n_items;
        r = by_lane ? merge_lanes(trace, &from, target_ns, &t) : merge_bag(trace, &from, target_ns, lanes, &t);
        t.phases[i].n_items = t.n_items - t.phases[i].first_item;
    }
    if (r < 0)
        return r;
    t.requests = mean_requests(&t);
    *ret_trace = t;
    t = (struct simulate_trace){0};
    return 0;
}
