/* SPDX-License-Identifier: BSD-2-Clause */
#include <math.h>

#include "analyzer/profile/profile.h"
#include "analyzer/simulate/simulate_trace.h"
#include "analyzer/simulate/simulate_window.h"
#include "base/base.h"

#define MIN_PHASES 32     /* so many are run before phases stand for others */
#define MAX_PHASES 2048   /* a barrier costs the simulation, too */
#define ITEMS_PER_LANE 8  /* items are merged only as far as each lane still gets so many */
#define MAX_MERGED 4      /* a merged item has at most so many times the usual number */
#define TAIL_PER_LANE 2.0 /* and is at most 1/2 of what is left for each lane */

/* How far to merge. */
struct merging {
    size_t steps;   /* so many steps within an item become one */
    double items;   /* so many items become one */
    double work_ns; /* which are no longer than this together; longer ones stay alone */
};

/* Step `i`, wherever it is kept. */
static struct simulate_step step_at(const struct simulate_trace *t, size_t i)
{
    if (!t->source)
        return t->steps[i];
    const struct profile_step *step = &t->source->steps[i];

    return (struct simulate_step){
        .locked_ns = (double)step->locked_cpu_ns,
        .free_ns = (double)step->free_cpu_ns,
        .wait_ns = (double)step->wait_ns,
        .waits = step->wait_ns ? 1 : 0,
        .requests = step->wait_ns || step->free_cpu_ns ? 1 : 0, /* else it goes on holding the lock */
        .lock = step->lock,
        .stage = step->stage < t->source->n_stages ? step->stage : 0,
        .offload = step->offload,
        .bursts = step->offload ? 1 : 0,
    };
}

/* Steps without any time are left out. */
static int add_item(struct simulate_window *w, const struct simulate_trace *from, const struct simulate_item *item)
{
    int r = simulate_window_item(w);

    for (size_t s = 0; s < item->count && r == 0; s++) {
        struct simulate_step step = step_at(from, item->first + s);

        if (step.locked_ns + step.free_ns + step.wait_ns > 0)
            r = simulate_window_add(w, &step);
    }
    return r;
}

/* Any worker takes any item: small neighbours become one, big ones stay alone. */
static int merge_bag(const struct simulate_trace *from, const struct simulate_phase *phase,
                     const struct merging *merging, uint32_t lanes, struct simulate_window *w)
{
    const struct simulate_item *items = &from->items[phase->first_item];
    double left_ns = 0;
    size_t i = 0;
    int r = 0;

    for (size_t k = 0; k < phase->n_items; k++)
        left_ns += items[k].work_ns;
    while (i < phase->n_items && r == 0) {
        double limit_ns = fmin(merging->work_ns, left_ns / (TAIL_PER_LANE * lanes)), work_ns = 0;
        uint32_t original = 0, n = 0, lane = items[i].lane;
        bool alone = merging->items <= 1 || items[i].work_ns > limit_ns;

        simulate_window_open(w, alone, merging->steps);
        do {
            work_ns += items[i].work_ns;
            original += items[i].original;
            r = add_item(w, from, &items[i++]);
        } while (r == 0 && !alone && i < phase->n_items && work_ns + items[i].work_ns <= limit_ns &&
                 ++n < MAX_MERGED * merging->items);
        left_ns -= work_ns;
        if (r == 0)
            r = simulate_window_close(w, original, lane);
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
static int merge_lanes(const struct simulate_trace *from, const struct simulate_phase *phase,
                       const struct merging *merging, struct simulate_window *w)
{
    AUTO_FREE struct lane_order *order = calloc(phase->n_items + 1, sizeof(*order));
    int r = order ? 0 : -ENOMEM;

    if (r < 0)
        return r;
    for (size_t i = 0; i < phase->n_items; i++)
        order[i] = (struct lane_order){from->items[phase->first_item + i].lane, phase->first_item + i};
    qsort(order, phase->n_items, sizeof(*order), compare_lanes);
    for (size_t i = 0; i < phase->n_items && r == 0;) {
        uint32_t lane = order[i].lane, original = 0;

        simulate_window_open(w, true, merging->steps);
        for (; i < phase->n_items && order[i].lane == lane && r == 0; i++) {
            r = add_item(w, from, &from->items[order[i].item]);
            original += from->items[order[i].item].original;
        }
        if (r == 0)
            r = simulate_window_close(w, original, lane);
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
    double serial_ns = 0, serial_cpu_ns = 0, total_ns = 0, mean_ns = 0, chosen_ns = 0;

    for (size_t i = first; i < first + n; i++) {
        double work_ns = phase_work(t, &t->phases[i]);

        serial_ns += t->phases[i].serial_ns;
        serial_cpu_ns += t->phases[i].serial_cpu_ns;
        total_ns += work_ns * t->phases[i].weight; /* it may stand for others already */
        mean_ns += work_ns / (double)n;
    }
    for (size_t i = first; i < first + n; i++) {
        double work_ns = phase_work(t, &t->phases[i]);

        if (work_ns > 0 && (chosen_ns <= 0 || fabs(work_ns - mean_ns) < fabs(chosen_ns - mean_ns))) {
            chosen = t->phases[i];
            chosen_ns = work_ns;
        }
    }
    chosen.weight = chosen_ns > 0 ? total_ns / chosen_ns : 1;
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

/* What makes about `budget` steps of those in the chosen phases. Items are merged before steps within items are. */
static struct merging find_merging(const struct simulate_trace *from, const struct simulate_trace *to, uint32_t lanes,
                                   bool by_lane, size_t budget)
{
    struct merging merging = {1, 1, 0};
    size_t n_steps = 0, n_items = 0;
    double work_ns = 0, factor;

    for (size_t i = 0; i < to->n_phases; i++) {
        const struct simulate_phase *phase = &to->phases[i];

        if (!phase->n_items)
            continue;
        const struct simulate_item *last = &from->items[phase->first_item + phase->n_items - 1];

        n_steps += last->first + last->count - from->items[phase->first_item].first;
        n_items += phase->n_items;
        work_ns += phase_work(from, phase);
    }
    if (n_steps <= budget)
        return merging;
    factor = (double)n_steps / (double)budget;
    if (!by_lane)
        merging.items = fmax(1, fmin(factor, (double)n_items / ((double)lanes * ITEMS_PER_LANE)));
    merging.work_ns = work_ns / (double)n_items * merging.items;
    merging.steps = (size_t)ceil(factor / merging.items);
    return merging;
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
    CLEANUP(simulate_window_clear) struct simulate_window w = {.to = &t};
    struct merging merging = {1, 1, 0};
    int r = choose_phases(trace, budget, &t);

    if (r == 0)
        merging = find_merging(trace, &t, lanes, by_lane, budget);
    for (size_t i = 0; i < t.n_phases && r == 0; i++) {
        struct simulate_phase from = t.phases[i];

        t.phases[i].first_item = t.n_items;
        r = by_lane ? merge_lanes(trace, &from, &merging, &w) : merge_bag(trace, &from, &merging, lanes, &w);
        t.phases[i].n_items = t.n_items - t.phases[i].first_item;
    }
    if (r == 0)
        r = simulate_window_vary(&w);
    if (r < 0)
        return r;
    t.requests = mean_requests(&t);
    *ret_trace = t;
    t = (struct simulate_trace){0};
    return 0;
}
