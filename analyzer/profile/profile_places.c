/* SPDX-License-Identifier: BSD-2-Clause */
/* Which lane is which: by thread number, and by whose place it took. */
#include "analyzer/profile/profile_lanes.h"

#include "base/base.h"

/* Lanes that lived one after another share a place: a pool made anew for each round is one pool. */
static int share_slots(struct work_lanes *lanes)
{
    AUTO_FREE uint64_t *free_at = calloc(lanes->count + 1, sizeof(*free_at));

    if (!free_at)
        return -ENOMEM;
    for (size_t i = 0; i < lanes->count; i++) {
        const struct thread *t = lanes->list[i].thread;
        uint32_t slot = 0;

        /* Thousands that come and go: which of them took whose place matters to nobody. */
        if (lanes->short_lived && lanes->count > 4096)
            slot = (uint32_t)(i % lanes->most_live);
        else
            while (slot < lanes->slots && free_at[slot] > t->birth_ns)
                slot++;
        if (slot >= lanes->slots)
            lanes->slots = slot + 1;
        free_at[slot] = lanes->list[i].creator ? UINT64_MAX : t->death_ns;
        lanes->list[i].slot = slot;
    }
    return 0;
}

static int compare_lane_tids(const void *a, const void *b, void *context)
{
    const struct work_lane *list = context;
    const struct thread *x = list[*(const size_t *)a].thread, *y = list[*(const size_t *)b].thread;

    if (x->tid != y->tid)
        return x->tid < y->tid ? -1 : 1;
    return (x->birth_ns > y->birth_ns) - (x->birth_ns < y->birth_ns);
}

static int index_lanes(struct work_lanes *lanes)
{
    lanes->by_tid = calloc(lanes->count + 1, sizeof(*lanes->by_tid));
    if (!lanes->by_tid)
        return -ENOMEM;
    for (size_t i = 0; i < lanes->count; i++)
        lanes->by_tid[i] = i;
    qsort_r(lanes->by_tid, lanes->count, sizeof(*lanes->by_tid), compare_lane_tids, lanes->list);
    return 0;
}

size_t work_lanes_of_tid(const struct work_lanes *lanes, int32_t tid, uint64_t at_ns)
{
    size_t low = 0, high = lanes->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct thread *t = lanes->list[lanes->by_tid[middle]].thread;

        if (t->tid < tid || (t->tid == tid && t->birth_ns <= at_ns))
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 && lanes->list[lanes->by_tid[low - 1]].thread->tid == tid ? lanes->by_tid[low - 1] : SIZE_MAX;
}

/* Which waits another lane ended. */
static void mark_wakers(struct work_lanes *lanes)
{
    for (size_t i = 0; i < lanes->count; i++)
        for (size_t k = 0; k < lanes->list[i].pieces.count; k++) {
            struct piece *piece = &lanes->list[i].pieces.list[k];
            size_t waker = piece->waker_tid ? work_lanes_of_tid(lanes, piece->waker_tid,
                                                                piece->start_ns + piece->cpu_ns + piece->wait_ns)
                                            : SIZE_MAX;

            piece->from_lane = waker != SIZE_MAX && waker != i;
        }
}

int work_lanes_place(struct work_lanes *lanes)
{
    int r = share_slots(lanes);

    if (r == 0)
        r = index_lanes(lanes);
    if (r == 0)
        mark_wakers(lanes);
    return r;
}
