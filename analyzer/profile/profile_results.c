/* SPDX-License-Identifier: BSD-2-Clause */
/* Results handed in: whose wait a worker ended, and at which point of its own work. */
#include "analyzer/profile/profile_lanes.h"

#include "analyzer/profile/profile_marks.h"
#include "analyzer/thread_index.h"
#include "base/base.h"

#define START_UP_NS (300 * NSEC_PER_USEC)  /* of CPU: until then a thread tells its creator that it has started */
#define ONE_RESULT_NS (30 * NSEC_PER_USEC) /* of CPU: two threads woken within it were told of one result */

struct result {
    size_t lane;
    uint64_t cpu_ns; /* of the lane's life */
};

static int compare_results(const void *a, const void *b)
{
    const struct result *x = a, *y = b;

    if (x->lane != y->lane)
        return x->lane < y->lane ? -1 : 1;
    return (x->cpu_ns > y->cpu_ns) - (x->cpu_ns < y->cpu_ns);
}

static int collect(const struct measurement *m, const struct work_lanes *lanes, struct result **ret, size_t *ret_n)
{
    AUTO_FREE struct result *list = NULL;
    size_t n = 0, capacity = 0;

    for (size_t i = 0; i < m->n_threads; i++) {
        const struct thread *t = &m->threads[i];
        size_t self = work_lanes_of_tid(lanes, t->tid, t->birth_ns);
        uint64_t at_ns = t->birth_ns;

        if (self != SIZE_MAX && lanes->list[self].thread == t)
            continue;
        for (size_t k = 0; k < t->n_slices; k++) {
            const struct slice *s = &t->slices[k];
            size_t lane;

            at_ns += s->on_cpu_ns + s->runnable_ns + s->blocked_ns;
            if (!s->blocked_ns || !s->waker_tid || s->waker_on_cpu_ns < START_UP_NS ||
                (s->cause != CAUSE_HANDOFF && s->cause != CAUSE_IPC))
                continue;
            lane = work_lanes_of_tid(lanes, s->waker_tid, at_ns);
            if (lane == SIZE_MAX || !lanes->list[lane].pieces.exact)
                continue;
            if (base_grow(&list, &capacity, n + 1, sizeof(*list)) < 0)
                return -ENOMEM;
            list[n++] = (struct result){lane, s->waker_on_cpu_ns};
        }
    }
    if (n)
        qsort(list, n, sizeof(*list), compare_results);
    *ret = TAKE_PTR(list);
    *ret_n = n;
    return 0;
}

/* Messages that a thread of the parent's sent: a pool's worker gets its items so. */
static int count_dispatched(const struct measurement *m, struct work_lanes *lanes)
{
    CLEANUP(thread_index_freep) struct thread_index *index = NULL;
    int r = thread_index_new(m, &index);

    for (size_t i = 0; i < lanes->count && r == 0; i++) {
        struct work_lane *lane = &lanes->list[i];

        for (size_t k = 0; k < lane->pieces.count && lane->process && lane->process->parent_pid; k++) {
            const struct piece *piece = &lane->pieces.list[k];
            size_t row;

            if (piece->cause != CAUSE_IPC || !piece->waker_tid)
                continue;
            row = thread_index_find(index, piece->waker_tid, piece->start_ns + piece->cpu_ns + piece->wait_ns);
            lane->dispatched += row != THREAD_INDEX_NONE && m->threads[row].pid == lane->process->parent_pid;
        }
    }
    return r;
}

int work_lanes_mark_results(const struct measurement *m, struct work_lanes *lanes)
{
    AUTO_FREE struct result *list = NULL;
    AUTO_FREE struct piece_mark *marks = NULL;
    size_t n = 0;
    int r;

    if (lanes->short_lived || m->loss.decimation > 1)
        return 0;
    r = count_dispatched(m, lanes);
    if (r == 0)
        r = collect(m, lanes, &list, &n);
    if (r < 0)
        return r;
    marks = calloc(n + 1, sizeof(*marks));
    if (!marks)
        return -ENOMEM;
    for (size_t first = 0, end; first < n && r == 0; first = end) {
        CLEANUP(pieces_clock_clear) struct pieces_clock clock = {0};
        struct pieces *pieces = &lanes->list[list[first].lane].pieces;
        size_t n_marks = 0;

        r = pieces_clock_fill(&clock, pieces);
        for (end = first; end < n && list[end].lane == list[first].lane && r == 0; end++) {
            bool again = end + 1 < n && list[end + 1].lane == list[end].lane &&
                         list[end + 1].cpu_ns - list[end].cpu_ns < ONE_RESULT_NS;

            if (!again)
                marks[n_marks++] =
                    (struct piece_mark){.at_ns = pieces_clock_time(&clock, list[end].cpu_ns), .ends_item = true};
        }
        if (r == 0)
            r = pieces_apply_marks(pieces, marks, n_marks);
    }
    return r;
}
