/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/profile/profile_pattern.h"

#include "base/base.h"

#define MIN_REPEATS 4                     /* periods in a lane, before it has a say */
#define PLAIN 0.90                        /* waits that are like the one a period before... */
#define NO_BETTER 0.70                    /* ...while so few at most are like the one just before */
#define SHORT_BURST (200 * NSEC_PER_USEC) /* bursts below this are all alike */
#define TELLING_BURST 1.5                 /* the last burst of an item is so much longer than any other */
#define OFTEN 8                           /* a place that waits 1/8 as often as the one that does most */
#define MAX_EVENTS 4096                   /* of one lane: what it does for longer is the same */

/* A wait and the CPU after it, up to the next wait. */
struct event {
    enum cause cause;
    bool locked; /* under a mutex */
    uint64_t wait_ns;
    uint64_t burst_ns;
};

struct events {
    struct event *list;
    size_t n;
};

static int events_of(const struct pieces *pieces, size_t first, uint64_t min_wait, struct events *ret)
{
    size_t n = 0, limit = pieces->count < MAX_EVENTS ? pieces->count : MAX_EVENTS;

    ret->list = calloc(limit + 1, sizeof(*ret->list));
    if (!ret->list)
        return -ENOMEM;
    for (size_t i = first; i < pieces->count; i++) {
        const struct piece *piece = &pieces->list[i];

        if (n)
            ret->list[n - 1].burst_ns += piece->cpu_ns;
        if (!piece_waits_outside(piece) || !piece->wait_ns || piece->wait_ns < min_wait)
            continue;
        if (n == limit)
            break;
        ret->list[n++] = (struct event){piece->cause, piece->lock != 0, piece->wait_ns, 0};
    }
    ret->n = n;
    return 0;
}

static bool within(uint64_t a, uint64_t b, uint64_t percent)
{
    return a * 100 <= b * percent && b * 100 <= a * percent;
}

static bool alike(const struct event *a, const struct event *b)
{
    if (a->cause != b->cause || a->locked != b->locked || !within(a->wait_ns, b->wait_ns, 135))
        return false;
    return (a->burst_ns < SHORT_BURST && b->burst_ns < SHORT_BURST) || within(a->burst_ns, b->burst_ns, 200);
}

/* Share of events that are like the one `period` before; 0 where too few could be compared. */
static double likeness(const struct events *lanes, size_t n, size_t period)
{
    size_t compared = 0, like = 0;

    for (size_t i = 0; i < n; i++) {
        if (lanes[i].n < MIN_REPEATS * period)
            continue;
        for (size_t k = period; k < lanes[i].n; k++) {
            compared++;
            like += alike(&lanes[i].list[k], &lanes[i].list[k - period]);
        }
    }
    return compared ? (double)like / (double)compared : 0;
}

/* Waits of several causes, or some under a mutex and some not, each often enough to be in every item. */
static bool several_kinds(const struct events *lanes, size_t n)
{
    const struct event *any = NULL;
    size_t other = 0, all = 0;

    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < lanes[i].n; k++, all++) {
            any = any ? any : &lanes[i].list[k];
            other += lanes[i].list[k].cause != any->cause || lanes[i].list[k].locked != any->locked;
        }
    return other && other * (MAX_PERIOD + 1) >= all && other * (MAX_PERIOD + 1) <= all * MAX_PERIOD;
}

/*
 * Places in the code that wait outside about as often as each other. One place alone waits once per item. Native code
 * has one place per function only: there one says nothing.
 */
static bool several_places(const struct measurement *m)
{
    uint64_t most = 0;
    size_t places = 0;

    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < m->n_sites; i++) {
            const struct site *site = &m->sites[i];
            const struct piece piece = {.cause = site->cause};

            if (site->on_cpu || !site->n_frames || !piece_waits_outside(&piece))
                continue;
            if (pass)
                places += site->count * OFTEN >= most;
            else if (site->count > most)
                most = site->count;
        }
    return places >= 2;
}

/* An item ends with its longest burst, where one stands out; else it begins with the first wait. */
static size_t offset_of(const struct events *lanes, size_t n, size_t period)
{
    uint64_t sums[MAX_PERIOD] = {0};
    size_t longest = 0;

    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k + period <= lanes[i].n; k++)
            sums[k % period] += lanes[i].list[k].burst_ns;
    for (size_t k = 1; k < period; k++)
        if (sums[k] > sums[longest])
            longest = k;
    for (size_t k = 0; k < period; k++)
        if (k != longest && (double)sums[k] * TELLING_BURST > (double)sums[longest])
            return 0;
    return (longest + 1) % period;
}

int pattern_find(const struct measurement *m, const struct pieces *const *lanes, const size_t *first,
                 const uint64_t *min_wait, size_t n, struct pattern *ret_pattern)
{
    AUTO_FREE struct events *events = calloc(n + 1, sizeof(*events));
    struct pattern pattern = {.period = 1};
    double single;
    int r = 0;

    if (!events)
        return -ENOMEM;
    for (size_t i = 0; i < n && r == 0; i++)
        r = events_of(lanes[i], first ? first[i] : 0, min_wait[i], &events[i]);
    single = r == 0 && (several_kinds(events, n) || several_places(m)) ? likeness(events, n, 1) : 1;
    for (size_t period = 2; period <= MAX_PERIOD && pattern.period == 1 && single <= NO_BETTER; period++)
        if (likeness(events, n, period) >= PLAIN)
            pattern = (struct pattern){period, offset_of(events, n, period)};
    for (size_t i = 0; i < n; i++)
        free(events[i].list);
    if (r == 0)
        *ret_pattern = pattern;
    return r;
}
