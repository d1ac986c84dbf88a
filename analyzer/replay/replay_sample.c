/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/replay/replay_sample.h"

#include <math.h>

#include "base/base.h"

#define ROUNDS_PER_LANE 8     /* items a lane gets in a sample, so that the ragged end weighs little */
#define MIN_SAMPLE 16         /* items, where the profile has them */
#define MIN_PHASES 8          /* where the profile has them: rounds may differ in kind */
#define MAX_STEPS 4096        /* in a sample: keeps the documents small */
#define STEP_NS NSEC_PER_MSEC /* steps are merged until their mean is no shorter than this */
#define BIG 2.0               /* times the mean: drawn for itself */
#define SWITCH_INTERVAL_NS (5 * NSEC_PER_MSEC)
#define MIN_SWITCH_INTERVAL_NS NSEC_PER_MSEC
#define FEW_LANES 8
#define NO_WAITS 0.01             /* of the CPU time: so little waiting changes no turns */
#define GOLDEN 0.6180339887498949 /* the most even sequence of fractions: follows no period of the items */

/* Sums over the profile or the sample; [1]: under a mutex. */
struct sums {
    double locked[2], free[2], wait[2];
};

static void add_steps(struct sums *sums, const struct profile_step *steps, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t under = steps[i].lock != 0;

        sums->locked[under] += (double)steps[i].locked_cpu_ns;
        sums->free[under] += (double)steps[i].free_cpu_ns;
        sums->wait[under] += (double)steps[i].wait_ns;
    }
}

static double step_ns(const struct profile_step *step)
{
    return (double)step->locked_cpu_ns + (double)step->free_cpu_ns + (double)step->wait_ns;
}

static double item_ns(const struct profile *p, size_t item)
{
    double sum_ns = 0;

    for (size_t i = 0; i < p->items[item].n_steps; i++)
        sum_ns += step_ns(&p->steps[p->items[item].first_step + i]);
    return sum_ns;
}

/* --- Which ones --- */

/* Something to draw from: items of a lane or a phase, or phases. */
struct unit {
    size_t index;
    double weight_ns;
    double scale; /* of its durations in the sample; 0: not drawn */
};

static int by_weight_then_index(const void *a, const void *b)
{
    const struct unit *x = a, *y = b;

    if (x->weight_ns != y->weight_ns)
        return x->weight_ns < y->weight_ns ? 1 : -1;
    return (x->index > y->index) - (x->index < y->index);
}

static int by_index(const void *a, const void *b)
{
    const struct unit *x = a, *y = b;

    return (x->index > y->index) - (x->index < y->index);
}

/* Draw `count` of n units evenly. Together they get `factor` of the weight of all. */
static void draw_evenly(struct unit *units, size_t n, size_t count, double factor)
{
    double all_ns = 0, drawn_ns = 0;

    for (size_t i = 0; i < n; i++)
        all_ns += units[i].weight_ns;
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < count; i++) {
            size_t first = i * n / count, size = (i + 1) * n / count - first;
            double fraction = GOLDEN * (double)(i + 1) - floor(GOLDEN * (double)(i + 1));
            struct unit *unit = &units[first + (size_t)(fraction * (double)size)];

            if (pass == 0)
                drawn_ns += unit->weight_ns;
            else
                unit->scale = drawn_ns > 0 ? factor * all_ns / drawn_ns : factor;
        }
}

/*
 * Draw `count` (1..n) units: the big ones apart from the others, as far as half of the count goes. units[] is sorted by
 * index afterwards.
 */
static void draw(struct unit *units, size_t n, size_t count, double factor)
{
    double all_ns = 0;
    size_t n_big = 0, big_count;

    for (size_t i = 0; i < n; i++)
        all_ns += units[i].weight_ns;
    if (count < n && count > 1) {
        qsort(units, n, sizeof(*units), by_weight_then_index);
        while (n_big < n && units[n_big].weight_ns > BIG * all_ns / (double)n)
            n_big++;
    }
    big_count = n_big < count / 2 ? n_big : count / 2;
    if (!big_count)
        n_big = 0;
    if (big_count)
        draw_evenly(units, n_big, big_count, factor);
    qsort(units + n_big, n - n_big, sizeof(*units), by_index);
    draw_evenly(units + n_big, n - n_big, count - big_count < n - n_big ? count - big_count : n - n_big, factor);
    qsort(units, n, sizeof(*units), by_index);
}

/* --- How many --- */

static size_t lanes_of(const struct replay_plan *plan)
{
    return (size_t)plan->workers * (plan->model == MODEL_PROCESSES_COROUTINES ? plan->processes : 1);
}

/*
 * Enough items for the ragged end to weigh little. Where a worker is created for each, that is most of the time, and
 * who creates them does so one by one: fewer items at full length say more than many shortened ones.
 */
static size_t least_items(const struct replay_plan *plan)
{
    size_t lanes = lanes_of(plan);

    if (plan->worker_per_item)
        return lanes > 2 ? 2 * lanes : 4;
    return lanes * ROUNDS_PER_LANE > MIN_SAMPLE ? lanes * ROUNDS_PER_LANE : MIN_SAMPLE;
}

/* Of `available` items when about `want` fit the time: whole rounds of the lanes, or all. */
static size_t whole_rounds(size_t want, size_t available, size_t least, size_t most, size_t lanes)
{
    size_t n = want > least ? want : least;

    if (n > most)
        n = most;
    if (lanes > 1 && n > lanes)
        n -= n % lanes;
    if (n + lanes > available) /* nearly all, or not enough: take all and leave no ragged end */
        n = available < most ? available : n;
    return n < available ? n : available;
}

/* --- One item --- */

/* How many steps of an item become one: short ones cost more to execute than they last, and documents are bounded. */
static size_t merge_group(const struct profile_step *steps, size_t count, double shrink, size_t n_items)
{
    double sum_ns = 0, meant, most, want;

    for (size_t i = 0; i < count; i++)
        sum_ns += step_ns(&steps[i]);
    meant = sum_ns * shrink / (double)STEP_NS;
    most = fmax(1.0, MAX_STEPS / (double)n_items);
    want = fmin(fmax(meant, count > 1 ? 2.0 : 1.0), most);
    return (size_t)ceil((double)count / want);
}

/* Merge `count` steps of one stage into as few as there are mutexes among them, and long calls or not. @return how many
 */
static size_t merge_steps(const struct profile_step *from, size_t count, double scale, struct profile_step *to)
{
    size_t n = 0;

    for (size_t i = 0; i < count; i++) {
        size_t at = 0;

        if (step_ns(&from[i]) <= 0)
            continue;
        while (at < n && (to[at].lock != from[i].lock || to[at].offload != from[i].offload))
            at++;
        if (at == n)
            to[n++] = (struct profile_step){.lock = from[i].lock, .stage = from[i].stage, .offload = from[i].offload};
        to[at].locked_cpu_ns += (uint64_t)llround((double)from[i].locked_cpu_ns * scale);
        to[at].free_cpu_ns += (uint64_t)llround((double)from[i].free_cpu_ns * scale);
        to[at].wait_ns += (uint64_t)llround((double)from[i].wait_ns * scale);
    }
    return n;
}

/* Append an item, groups of consecutive steps merged. @return its steps; one at least, and one for each stage */
static size_t append_item(const struct profile_step *from, size_t count, size_t group, double scale,
                          struct profile_step *to)
{
    size_t n = 0;

    for (size_t at = 0, end; at < count; at = end) {
        size_t merged;

        for (end = at + 1; end < count && end < at + group && from[end].stage == from[at].stage; end++)
            ;
        merged = merge_steps(&from[at], end - at, scale, &to[n]);
        if (!merged && (!n || to[n - 1].stage != from[at].stage))
            to[n + merged++] = (struct profile_step){.stage = from[at].stage};
        n += merged;
    }
    return n;
}

/* --- The sample --- */

struct drawing {
    const struct profile *p;
    const struct replay_plan *plan;
    size_t n_phases; /* >= 1 */
    size_t *first;   /* n_phases + 1: first item of each */
    size_t *want;    /* items to draw of each phase; 0: not drawn */
    struct unit *phases;
    struct unit *items;
};

static void drawing_clear(struct drawing *d)
{
    free(d->first);
    free(d->want);
    free(d->phases);
    free(d->items);
}

static int drawing_init(const struct profile *p, const struct replay_plan *plan, struct drawing *d)
{
    d->p = p;
    d->plan = plan;
    d->n_phases = p->n_phases ? p->n_phases : 1;
    d->first = calloc(d->n_phases + 1, sizeof(*d->first));
    d->want = calloc(d->n_phases, sizeof(*d->want));
    d->phases = calloc(d->n_phases, sizeof(*d->phases));
    d->items = calloc(p->n_items + 1, sizeof(*d->items));
    if (!d->first || !d->want || !d->phases || !d->items)
        return -ENOMEM;
    for (size_t i = 0; i < p->n_items; i++) {
        size_t phase = p->items[i].phase < d->n_phases ? p->items[i].phase : d->n_phases - 1;

        d->items[i] = (struct unit){.index = i, .weight_ns = item_ns(p, i)};
        d->phases[phase].weight_ns += d->items[i].weight_ns;
        d->first[phase + 1] = i + 1;
    }
    for (size_t i = 0; i < d->n_phases; i++) {
        d->phases[i].index = i;
        if (d->first[i + 1] < d->first[i])
            d->first[i + 1] = d->first[i];
    }
    return 0;
}

/* Phases to draw when `n` items fit the time. */
static size_t count_phases(const struct drawing *d, size_t n)
{
    double mean = (double)d->p->n_items / (double)d->n_phases;
    double want = ceil((double)n / fmax(1.0, fmin(mean, (double)least_items(d->plan))));

    if (d->n_phases <= MIN_PHASES)
        return d->n_phases;
    return (size_t)fmin(fmax(want, MIN_PHASES), (double)d->n_phases);
}

/* Decide phases and the number of items of each. @return items in the sample */
static size_t size_sample(struct drawing *d, double share)
{
    size_t fit = (size_t)fmin(MAX_STEPS, ceil(share * (double)d->p->n_items)), n_phases = count_phases(d, fit);
    size_t least = least_items(d->plan), most = MAX_STEPS / n_phases, available = 0, n = 0;

    draw(d->phases, d->n_phases, n_phases, 1.0);
    for (size_t i = 0; i < d->n_phases; i++)
        available += d->phases[i].scale > 0 ? d->first[i + 1] - d->first[i] : 0;
    for (size_t i = 0; i < d->n_phases; i++) {
        size_t count = d->first[i + 1] - d->first[i];

        if (d->phases[i].scale <= 0 || !count)
            continue;
        d->want[i] = whole_rounds((size_t)ceil((double)fit * (double)count / (double)available), count, least,
                                  most ? most : 1, lanes_of(d->plan));
        n += d->want[i];
    }
    return n;
}

static int by_lane_then_index(const void *a, const void *b, void *userdata)
{
    const struct unit *x = a, *y = b;
    const struct profile *p = userdata;
    uint32_t lane_x = p->items[x->index].lane, lane_y = p->items[y->index].lane;

    if (lane_x != lane_y)
        return lane_x < lane_y ? -1 : 1;
    return by_index(a, b);
}

/* Draw the items of a phase, with fixed lanes from each lane its part. */
static void draw_phase(struct drawing *d, size_t phase, double factor)
{
    struct unit *units = &d->items[d->first[phase]];
    size_t n = d->first[phase + 1] - d->first[phase];
    struct profile *p = (struct profile *)(uintptr_t)d->p; /* qsort_r() hands it through */

    if (!d->plan->fixed_lanes) {
        draw(units, n, d->want[phase], factor);
        return;
    }
    qsort_r(units, n, sizeof(*units), by_lane_then_index, p);
    for (size_t from = 0, to; from < n; from = to) {
        double want;

        for (to = from + 1; to < n && p->items[units[to].index].lane == p->items[units[from].index].lane; to++)
            ;
        want = round((double)d->want[phase] * (double)(to - from) / (double)n);
        draw(units + from, to - from, want < 1.0 ? 1 : (size_t)want, factor);
    }
    qsort(units, n, sizeof(*units), by_index);
}

/* Draw all; afterwards items[] are in their old order again. @return items in the sample */
static size_t draw_items(struct drawing *d, double factor)
{
    size_t n = 0;

    for (size_t i = 0; i < d->n_phases; i++)
        if (d->want[i])
            draw_phase(d, i, factor * d->phases[i].scale);
    for (size_t i = 0; i < d->p->n_items; i++)
        n += d->items[i].scale > 0;
    return n;
}

static uint64_t scale(uint64_t value, double total, double sample, double share)
{
    return sample > 0 ? (uint64_t)llround((double)value * total * share / sample) : value;
}

/* Make each kind of time exactly its share of the profile's. */
static void level(const struct profile *p, struct replay_plan *plan)
{
    struct sums total = {0}, drawn = {0};
    double share = replay_plan_share(plan);

    add_steps(&total, p->steps, p->n_steps);
    add_steps(&drawn, plan->steps, plan->n_steps);
    for (size_t i = 0; i < plan->n_steps; i++) {
        struct profile_step *step = &plan->steps[i];
        size_t under = step->lock != 0;

        step->locked_cpu_ns = scale(step->locked_cpu_ns, total.locked[under], drawn.locked[under], share);
        step->free_cpu_ns = scale(step->free_cpu_ns, total.free[under], drawn.free[under], share);
        step->wait_ns = scale(step->wait_ns, total.wait[under], drawn.wait[under], share);
    }
}

/*
 * A few lanes with waits: turns of the interpreter lock must keep their proportion to the bursts. With many, every
 * waiter wakes up once an interval, and it is that rate which must stay.
 */
static uint64_t switch_interval(const struct replay_plan *plan)
{
    double cpu_ns = 0, wait_ns = 0;

    for (size_t i = 0; i < plan->n_steps; i++) {
        cpu_ns += (double)plan->steps[i].locked_cpu_ns + (double)plan->steps[i].free_cpu_ns;
        wait_ns += (double)plan->steps[i].wait_ns;
    }
    if (wait_ns <= NO_WAITS * cpu_ns || plan->shrink >= 1.0 || plan->workers > FEW_LANES)
        return SWITCH_INTERVAL_NS;
    return (uint64_t)fmax(MIN_SWITCH_INTERVAL_NS, SWITCH_INTERVAL_NS * plan->shrink);
}

/* Copy what was drawn into the plan, whose arrays are large enough. */
static void fill(const struct drawing *d, size_t n, struct replay_plan *plan)
{
    const struct profile *p = d->p;

    plan->n_items = plan->n_steps = plan->n_phases = 0;
    for (size_t phase = 0; phase < d->n_phases; phase++) {
        size_t before = plan->n_items;

        for (size_t i = d->first[phase]; i < d->first[phase + 1]; i++) {
            const struct profile_item *item = &p->items[i];
            const struct profile_step *from = &p->steps[item->first_step];

            if (d->items[i].scale <= 0)
                continue;
            plan->items[plan->n_items] =
                append_item(from, item->n_steps, merge_group(from, item->n_steps, plan->shrink, n), d->items[i].scale,
                            &plan->steps[plan->n_steps]);
            plan->n_steps += plan->items[plan->n_items];
            if (plan->lanes)
                plan->lanes[plan->n_items] = item->lane % plan->workers;
            plan->n_items++;
        }
        if (plan->n_items > before)
            plan->phases[plan->n_phases++] = plan->n_items - before;
    }
}

static int allocate(const struct drawing *d, size_t n, struct replay_plan *plan)
{
    size_t n_steps = 0;

    for (size_t i = 0; i < d->p->n_items; i++)
        n_steps += d->items[i].scale > 0 ? d->p->items[i].n_steps : 0;
    free(plan->steps);
    free(plan->items);
    free(plan->phases);
    free(plan->lanes);
    plan->steps = calloc(n_steps + 1, sizeof(*plan->steps));
    plan->items = calloc(n + 1, sizeof(*plan->items));
    plan->phases = calloc(d->n_phases, sizeof(*plan->phases));
    plan->lanes = plan->fixed_lanes ? calloc(n + 1, sizeof(*plan->lanes)) : NULL;
    return plan->steps && plan->items && plan->phases && (plan->lanes || !plan->fixed_lanes) ? 0 : -ENOMEM;
}

int replay_sample_draw(const struct profile *p, uint64_t slot_ns, struct replay_plan *plan)
{
    CLEANUP(drawing_clear) struct drawing d = {0};
    double share = plan->forecast_ns > slot_ns ? (double)slot_ns / (double)plan->forecast_ns : 1.0;
    size_t n;
    int r = drawing_init(p, plan, &d);

    if (r < 0)
        return r;
    n = size_sample(&d, share);
    n = draw_items(&d, (double)n / (double)p->n_items);
    r = allocate(&d, n, plan);
    if (r < 0)
        return r;
    plan->items_factor = (double)p->n_items / (double)n;
    plan->shrink = fmin(1.0, share * plan->items_factor);
    fill(&d, n, plan);
    level(p, plan);
    for (size_t i = 0, step = 0; i < n; step += plan->items[i++])
        plan->steps[step].wait_ns += (uint64_t)llround((double)plan->latency_ns * plan->shrink);
    plan->switch_interval_ns = switch_interval(plan);
    return 0;
}
