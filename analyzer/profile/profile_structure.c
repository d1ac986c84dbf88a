/* SPDX-License-Identifier: BSD-2-Clause */
/* The arrangement that the items had: order, lanes, phases, stages. */
#include "analyzer/profile/profile_shapes.h"

#include "base/base.h"

#define LATE_SHARE 50 /* 1/50 of the items began when another lane had none left: there was no common bag */
#define MIN_COUNT 4   /* items of each lane, before equal numbers are a sign of equal shares */

struct place {
    uint32_t phase;
    uint64_t start_ns;
    size_t item;
};

static int compare_places(const void *a, const void *b)
{
    const struct place *x = a, *y = b;

    if (x->phase != y->phase)
        return x->phase < y->phase ? -1 : 1;
    if (x->start_ns != y->start_ns)
        return x->start_ns < y->start_ns ? -1 : 1;
    return (x->item > y->item) - (x->item < y->item);
}

/* Serial parts whose middle has passed. */
static uint32_t phase_of(const struct work_lanes *lanes, uint64_t start_ns)
{
    size_t low = 0, high = lanes->n_gaps;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct work_gap *gap = &lanes->gaps[middle];

        if (gap->start_ns + (gap->end_ns - gap->start_ns) / 2 <= start_ns)
            low = middle + 1;
        else
            high = middle;
    }
    return (uint32_t)low;
}

static int reorder(const struct profile_builder *b, const struct place *places)
{
    struct profile *p = b->profile;
    AUTO_FREE struct profile_step *steps = calloc(p->n_steps + 1, sizeof(*steps));
    AUTO_FREE struct profile_item *items = calloc(p->n_items + 1, sizeof(*items));
    size_t n_steps = 0;

    if (!steps || !items)
        return -ENOMEM;
    for (size_t i = 0; i < p->n_items; i++) {
        const struct profile_item *item = &p->items[places[i].item];

        memcpy(&steps[n_steps], &p->steps[item->first_step], item->n_steps * sizeof(*steps));
        items[i] = *item;
        items[i].first_step = n_steps;
        items[i].phase = places[i].phase;
        n_steps += item->n_steps;
    }
    free(p->steps);
    free(p->items);
    p->steps = TAKE_PTR(steps);
    p->items = TAKE_PTR(items);
    return 0;
}

static uint64_t item_work(const struct profile *p, const struct profile_item *item)
{
    uint64_t sum_ns = 0;

    for (size_t s = 0; s < item->n_steps; s++) {
        const struct profile_step *step = &p->steps[item->first_step + s];

        sum_ns += step->locked_cpu_ns + step->free_cpu_ns + step->wait_ns;
    }
    return sum_ns;
}

/* What one lane did in one phase. */
struct turn {
    uint64_t last_ns; /* its last item ended */
    size_t count;
};

/*
 * Did each lane have its own share? From a common bag every lane takes until it is empty; with a share each, some lanes
 * begin items when another has long had its last one. Equal numbers are a share each, too, or as good as.
 */
static int find_fixed_lanes(struct profile *p, const struct place *places)
{
    AUTO_FREE struct turn *turns = calloc(p->n_lanes, sizeof(*turns));
    size_t late = 0;
    bool equal = true;

    if (!turns)
        return -ENOMEM;
    for (size_t first = 0, end; first < p->n_items; first = end) {
        uint64_t empty_ns = UINT64_MAX;
        size_t least = SIZE_MAX, most = 0;

        memset(turns, 0, p->n_lanes * sizeof(*turns));
        for (end = first; end < p->n_items && p->items[end].phase == p->items[first].phase; end++) {
            struct turn *turn = &turns[p->items[end].lane];

            turn->last_ns = places[end].start_ns + item_work(p, &p->items[end]);
            turn->count++;
        }
        for (uint32_t i = 0; i < p->n_lanes; i++) {
            if (turns[i].count && turns[i].last_ns < empty_ns)
                empty_ns = turns[i].last_ns;
            least = turns[i].count < least ? turns[i].count : least;
            most = turns[i].count > most ? turns[i].count : most;
        }
        equal &= least == most && least >= MIN_COUNT;
        for (size_t i = first; i < end; i++)
            late += places[i].start_ns > empty_ns;
    }
    p->fixed_lanes = equal || (late > p->n_lanes && late * LATE_SHARE >= p->n_items);
    return 0;
}

static int make_phases(const struct work_lanes *lanes, struct profile *p)
{
    p->n_phases = (uint32_t)lanes->n_gaps + 1;
    p->phases = calloc(p->n_phases, sizeof(*p->phases));
    if (!p->phases)
        return -ENOMEM;
    for (size_t i = 0; i < lanes->n_gaps; i++) {
        const struct work_gap *gap = &lanes->gaps[i];
        uint64_t serial_ns = gap->end_ns - gap->start_ns;

        p->phases[i + 1] =
            (struct profile_phase){serial_ns - (gap->ready_ns < serial_ns ? gap->ready_ns : serial_ns), gap->cpu_ns};
    }
    return 0;
}

static void share_under_locks(struct profile *p)
{
    uint64_t all_ns = 0, locked_ns = 0;

    for (size_t i = 0; i < p->n_steps; i++) {
        uint64_t work_ns = p->steps[i].locked_cpu_ns + p->steps[i].free_cpu_ns + p->steps[i].wait_ns;

        all_ns += work_ns;
        locked_ns += p->steps[i].lock ? work_ns : 0;
    }
    p->dependence.locked_share = all_ns ? (double)locked_ns / (double)all_ns : 0;
}

int profile_arrange(const struct work_lanes *lanes, struct profile_builder *b)
{
    struct profile *p = b->profile;
    AUTO_FREE struct place *places = calloc(p->n_items + 1, sizeof(*places));
    bool workers = lanes->count > 1 && lanes->loops == 0;
    int r = make_phases(lanes, p);

    if (!places || r < 0)
        return -ENOMEM;
    p->n_lanes = workers && lanes->slots ? lanes->slots : p->current_workers ? p->current_workers : 1;
    for (size_t i = 0; i < p->n_items; i++) {
        places[i] = (struct place){phase_of(lanes, b->starts[i]), b->starts[i], i};
        if (!workers)
            p->items[i].lane = (uint32_t)(i % p->n_lanes);
    }
    if (workers) {
        qsort(places, p->n_items, sizeof(*places), compare_places);
        r = reorder(b, places);
    }
    if (r == 0 && workers && !lanes->fed && !lanes->short_lived && p->n_stages < 2)
        r = find_fixed_lanes(p, places);
    if (r == 0 && !p->n_stages) {
        p->stage_lanes = calloc(1, sizeof(*p->stage_lanes));
        if (!p->stage_lanes)
            return -ENOMEM;
        p->n_stages = 1;
        p->stage_lanes[0] = p->n_lanes;
    }
    share_under_locks(p);
    return r;
}
