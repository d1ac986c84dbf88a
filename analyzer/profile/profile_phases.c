/* SPDX-License-Identifier: BSD-2-Clause */
/* Rounds of work: when the workers as a whole did something, and what went on between. */
#include "analyzer/profile/profile_lanes.h"

#include "base/base.h"

#define MIN_GAP_NS (500 * NSEC_PER_USEC) /* shorter ones are hand-overs */
#define MIN_GAP_SHARE 400                /* ...and those below 1/400 of the time from first to last */
#define GAPS_MATTER 50                   /* all gaps together are at least 1/50 of that time */
#define MOSTLY_BUSY 2                    /* the creator did something in 1/2 of the gap */
#define MAX_GAPS 256                     /* the shortest beyond are only added up */
#define CREATING_NS (5 * NSEC_PER_MSEC)  /* with a worker per item, a gap up to this is the making of the next one */

static int compare_spans(const void *a, const void *b)
{
    const struct work_span *x = a, *y = b;

    if (x->start_ns != y->start_ns)
        return x->start_ns < y->start_ns ? -1 : 1;
    return (x->end_ns > y->end_ns) - (x->end_ns < y->end_ns);
}

/* A lane that waits for a sibling does nothing; one that waits for a mutex would go on if it could. */
static bool stands_still(const struct piece *piece)
{
    return piece->wait_ns && !piece->queued &&
           (piece->cause == CAUSE_HANDOFF || piece->cause == CAUSE_IPC || piece->cause == CAUSE_JOIN ||
            piece->cause == CAUSE_IDLE);
}

static uint64_t piece_end(const struct pieces *pieces, size_t i)
{
    return i + 1 < pieces->count ? pieces->list[i + 1].start_ns : pieces->end_ns;
}

/* Append a span, joined with the one before where they touch. */
static int push_span(struct work_span **spans, size_t *capacity, size_t *n, struct work_span span)
{
    if (*n && span.start_ns <= (*spans)[*n - 1].end_ns && span.start_ns >= (*spans)[*n - 1].start_ns) {
        if (span.end_ns > (*spans)[*n - 1].end_ns)
            (*spans)[*n - 1].end_ns = span.end_ns;
        return 0;
    }
    if (base_grow(spans, capacity, *n + 1, sizeof(**spans)) < 0)
        return -ENOMEM;
    (*spans)[(*n)++] = span;
    return 0;
}

int work_lanes_active(const struct work_lanes *lanes, struct work_span **ret_spans, size_t *ret_n)
{
    AUTO_FREE struct work_span *spans = NULL;
    size_t n = 0, capacity = 0, kept = 0;

    for (size_t i = 0; i < lanes->count; i++) {
        const struct pieces *pieces = &lanes->list[i].pieces;

        for (size_t k = 0; k < pieces->count; k++) {
            const struct piece *piece = &pieces->list[k];
            uint64_t end_ns = piece_end(pieces, k);

            if (stands_still(piece) && end_ns > piece->start_ns)
                end_ns = end_ns - piece->start_ns > piece->wait_ns ? end_ns - piece->wait_ns : piece->start_ns;
            if (end_ns > piece->start_ns &&
                push_span(&spans, &capacity, &n, (struct work_span){piece->start_ns, end_ns}) < 0)
                return -ENOMEM;
        }
    }
    if (n)
        qsort(spans, n, sizeof(*spans), compare_spans);
    for (size_t i = 0; i < n; i++) {
        if (kept && spans[i].start_ns <= spans[kept - 1].end_ns) {
            if (spans[i].end_ns > spans[kept - 1].end_ns)
                spans[kept - 1].end_ns = spans[i].end_ns;
        } else {
            spans[kept++] = spans[i];
        }
    }
    *ret_spans = TAKE_PTR(spans);
    *ret_n = kept;
    return 0;
}

/* The first span that ends after `at_ns`. */
static size_t first_after(const struct work_span *spans, size_t n, uint64_t at_ns)
{
    size_t low = 0, high = n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (spans[middle].end_ns <= at_ns)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

uint64_t work_spans_overlap(const struct work_span *spans, size_t n, uint64_t start_ns, uint64_t end_ns)
{
    uint64_t sum = 0;

    for (size_t i = first_after(spans, n, start_ns); i < n && spans[i].start_ns < end_ns; i++) {
        uint64_t from = spans[i].start_ns > start_ns ? spans[i].start_ns : start_ns;
        uint64_t to = spans[i].end_ns < end_ns ? spans[i].end_ns : end_ns;

        sum += to > from ? to - from : 0;
    }
    return sum;
}

/* The gap of the list that holds `at_ns`; n: none. */
static size_t gap_at(const struct work_gap *gaps, size_t n, uint64_t at_ns)
{
    size_t low = 0, high = n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (gaps[middle].end_ns <= at_ns)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* What the creator did in the gaps: CPU into cpu_ns; that, waits outside and the run queue into busy_ns. */
static void add_own_work(struct work_gap *gaps, uint64_t *busy_ns, size_t n, const struct pieces *own)
{
    for (size_t i = 0; i < own->count; i++) {
        const struct piece *piece = &own->list[i];
        uint64_t cpu_end_ns = piece->start_ns + piece->cpu_ns;
        uint64_t end_ns = piece_end(own, i);

        if (!piece_waits_outside(piece) && end_ns > piece->start_ns + piece->wait_ns)
            end_ns -= piece->wait_ns;
        else if (!piece_waits_outside(piece))
            end_ns = cpu_end_ns;
        for (size_t g = gap_at(gaps, n, piece->start_ns); g < n && gaps[g].start_ns < end_ns; g++) {
            uint64_t from = gaps[g].start_ns > piece->start_ns ? gaps[g].start_ns : piece->start_ns;
            uint64_t to = gaps[g].end_ns < end_ns ? gaps[g].end_ns : end_ns;
            uint64_t cpu_to = to < cpu_end_ns ? to : cpu_end_ns;

            busy_ns[g] += to > from ? to - from : 0;
            gaps[g].cpu_ns += cpu_to > from ? cpu_to - from : 0;
            if (!piece_waits_outside(piece) && to > from)
                gaps[g].ready_ns += to - from - (cpu_to > from ? cpu_to - from : 0);
        }
    }
}

static int compare_u64(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

/* Where there are more than MAX_GAPS: drop the shortest. @return how many are left */
static size_t longest_gaps(struct work_gap *gaps, size_t n)
{
    AUTO_FREE uint64_t *lengths = calloc(n + 1, sizeof(*lengths));
    size_t kept = 0;

    if (!lengths)
        return n < MAX_GAPS ? n : MAX_GAPS;
    if (n <= MAX_GAPS)
        return n;
    for (size_t i = 0; i < n; i++)
        lengths[i] = gaps[i].end_ns - gaps[i].start_ns;
    qsort(lengths, n, sizeof(*lengths), compare_u64);
    for (size_t i = 0; i < n && kept < MAX_GAPS; i++)
        if (gaps[i].end_ns - gaps[i].start_ns >= lengths[n - MAX_GAPS])
            gaps[kept++] = gaps[i];
    return kept;
}

/* A gap that short says nothing: hand-overs, or a worker's being made. */
static uint64_t shortest_gap(const struct work_lanes *lanes)
{
    uint64_t least_ns = (lanes->last_ns - lanes->first_ns) / MIN_GAP_SHARE;

    if (least_ns < MIN_GAP_NS)
        least_ns = MIN_GAP_NS;
    return lanes->short_lived && least_ns < CREATING_NS ? CREATING_NS : least_ns;
}

int work_lanes_find_gaps(const struct measurement *m, struct work_lanes *lanes, const struct work_span *spans, size_t n,
                         const struct pieces *own, size_t n_own)
{
    AUTO_FREE struct work_gap *gaps = calloc(n + 1, sizeof(*gaps));
    AUTO_FREE uint64_t *busy_ns = calloc(n + 1, sizeof(*busy_ns));
    uint64_t least_ns = shortest_gap(lanes), sum_ns = 0;
    size_t found = 0, kept = 0;

    if (!gaps || !busy_ns)
        return -ENOMEM;
    /* Between dropped slices nobody knows what was going on. */
    if (m->loss.decimation > 1)
        return 0;
    for (size_t i = 0; i + 1 < n; i++)
        if (spans[i + 1].start_ns - spans[i].end_ns >= least_ns)
            gaps[found++] = (struct work_gap){.start_ns = spans[i].end_ns, .end_ns = spans[i + 1].start_ns};
    for (size_t i = 0; i < n_own; i++)
        add_own_work(gaps, busy_ns, found, &own[i]);
    for (size_t i = 0; i < found; i++)
        if (busy_ns[i] * MOSTLY_BUSY >= gaps[i].end_ns - gaps[i].start_ns) {
            sum_ns += gaps[i].end_ns - gaps[i].start_ns;
            gaps[kept++] = gaps[i];
        }
    if (!kept || sum_ns * GAPS_MATTER < lanes->last_ns - lanes->first_ns)
        return 0;
    lanes->n_gaps = longest_gaps(gaps, kept);
    for (size_t i = 0; i < lanes->n_gaps; i++)
        sum_ns -= gaps[i].end_ns - gaps[i].start_ns;
    lanes->more_gaps_ns = sum_ns;
    lanes->gaps = TAKE_PTR(gaps);
    return 0;
}

void work_lanes_mark_phases(struct work_lanes *lanes)
{
    for (size_t i = 0; i < lanes->count && lanes->n_gaps; i++) {
        struct pieces *pieces = &lanes->list[i].pieces;

        for (size_t k = 0; k + 1 < pieces->count; k++) {
            uint64_t start_ns = pieces->list[k].start_ns, end_ns = pieces->list[k + 1].start_ns;
            size_t g = gap_at(lanes->gaps, lanes->n_gaps, start_ns);
            uint64_t middle_ns;

            if (g == lanes->n_gaps)
                break;
            middle_ns = lanes->gaps[g].start_ns + (lanes->gaps[g].end_ns - lanes->gaps[g].start_ns) / 2;
            if (middle_ns < start_ns && ++g < lanes->n_gaps)
                middle_ns = lanes->gaps[g].start_ns + (lanes->gaps[g].end_ns - lanes->gaps[g].start_ns) / 2;
            pieces->list[k].ends_phase = start_ns <= middle_ns && middle_ns < end_ns;
        }
    }
}
