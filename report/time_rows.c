/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/time_rows.h"

#include "analyzer/advice.h"
#include "base/base.h"
#include "report/wording.h"

static int by_time(const void *left, const void *right)
{
    const struct time_row *a = left, *b = right;

    if (a->time_ns != b->time_ns)
        return a->time_ns < b->time_ns ? 1 : -1;
    return strcmp(a->label, b->label);
}

size_t time_rows_collect(const struct measurement *m, struct time_row rows[TIME_ROWS_MAX])
{
    size_t n = 0;

    rows[n++] = (struct time_row){.label = "on-CPU", .time_ns = m->on_cpu_ns, .on_cpu = true, .placed = true};
    rows[n++] = (struct time_row){.label = "run queue", .time_ns = m->runnable_ns};
    for (int cause = 0; cause < CAUSE_COUNT; cause++)
        rows[n++] = (struct time_row){
            .label = wording_cause((enum cause)cause, m->target.runtime.kind),
            .time_ns = m->blocked_ns[cause],
            .placed = cause != CAUSE_IDLE && cause != CAUSE_TERMINAL && cause != CAUSE_STOPPED,
            .cause = (enum cause)cause,
        };
    qsort(rows, n, sizeof(rows[0]), by_time);
    while (n > 0 && rows[n - 1].time_ns == 0)
        n--;
    return n;
}

/* What a site's frame says, for adding up. */
struct place {
    const struct frame *frame;
    uint64_t time_ns;
};

static int by_frame(const void *left, const void *right)
{
    const struct place *a = left, *b = right;

    return advice_compare_frames(a->frame, b->frame);
}

static bool is_named(const struct frame *frame)
{
    return frame && (frame->file || frame->module || strcmp(frame->function, "?") != 0);
}

const struct frame *time_rows_top_frame(const struct measurement *m, bool on_cpu, enum cause cause,
                                        uint64_t *ret_time_ns)
{
    AUTO_FREE struct place *places = calloc(m->n_sites + 1, sizeof(*places));
    const struct frame *best = NULL;
    uint64_t best_ns = 0;
    size_t n = 0;

    if (!places)
        return NULL;
    for (size_t i = 0; i < m->n_sites; i++) {
        const struct site *site = &m->sites[i];
        const struct frame *frame = advice_near_frame_in(site->frames, site->n_frames);

        if (site->on_cpu == on_cpu && (on_cpu || site->cause == cause) && is_named(frame))
            places[n++] = (struct place){frame, site->time_ns};
    }
    qsort(places, n, sizeof(*places), by_frame);
    for (size_t i = 0; i < n;) {
        uint64_t sum = 0;
        size_t first = i;

        for (; i < n && advice_compare_frames(places[i].frame, places[first].frame) == 0; i++)
            sum += places[i].time_ns;
        if (sum > best_ns) {
            best_ns = sum;
            best = places[first].frame;
        }
    }
    *ret_time_ns = best_ns;
    return best;
}
