/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/findings/detect.h"

#include <math.h>

#define MIB 1048576.0
#define MIN_GROWTH (10.0 * MIB)
#define MIN_POINTS 6
#define MIN_LIFE_NS (2 * NSEC_PER_SEC)
#define SOON_S 3600.0 /* until memory is full, at this rate */

/* How one process grew once it had warmed up. */
struct growth {
    double bytes; /* over the second half of its life; 0: it does not grow steadily */
    double per_second;
    double last_bytes;
};

#define TEARDOWN 3 /* looks: letting go of much memory takes a while on a busy machine */

/* Looks that count: the last ones may have seen a process that was being torn down. */
static size_t looks_of(const struct process *p)
{
    size_t n = p->n_memory, least = n > TEARDOWN ? n - TEARDOWN : 1;

    while (!p->alive && n > least && p->memory[n - 1].rss_bytes < p->memory[n - 2].rss_bytes)
        n--;
    return n;
}

/* Where the second half of the looks begins. */
static size_t second_half(const struct memory_point *points, size_t n)
{
    uint64_t middle_ns = points[0].at_ns + (points[n - 1].at_ns - points[0].at_ns) / 2;
    size_t from = 0;

    while (from < n && points[from].at_ns < middle_ns)
        from++;
    return from;
}

/* Bytes per nanosecond by least squares, and how much of the variation the line explains. */
static double slope_of(const struct memory_point *points, size_t n, double *ret_explained)
{
    double x = 0.0, y = 0.0, xx = 0.0, xy = 0.0, yy = 0.0, count = (double)n, slope;

    for (size_t i = 0; i < n; i++) {
        double at = (double)(points[i].at_ns - points[0].at_ns);
        double bytes = (double)points[i].rss_bytes - (double)points[0].rss_bytes;

        x += at;
        y += bytes;
        xx += at * at;
        xy += at * bytes;
        yy += bytes * bytes;
    }
    xx -= x * x / count;
    xy -= x * y / count;
    yy -= y * y / count;
    slope = xx > 0.0 ? xy / xx : 0.0;
    *ret_explained = yy > 0.0 ? slope * xy / yy : 0.0;
    return slope;
}

/* Does it go up to the end? Loading data stops; a cache that is full stops; what was freed comes back. */
static bool is_steady(const struct memory_point *points, size_t n, double grown)
{
    size_t from = n - n / 3 - 1;
    double fallen = 0.0, last_third = (double)points[n - 1].rss_bytes - (double)points[from].rss_bytes;

    for (size_t i = 1; i < n; i++)
        fallen += fmax(0.0, (double)points[i - 1].rss_bytes - (double)points[i].rss_bytes);
    return fallen <= 0.1 * grown && last_third >= grown / 6.0;
}

static struct growth growth_of(const struct process *p)
{
    struct growth growth = {0};
    const struct memory_point *points = p->memory;
    double grown, slope, explained, span_ns;
    size_t n = looks_of(p), from;

    if (n < 2 * MIN_POINTS || points[n - 1].at_ns - points[0].at_ns < MIN_LIFE_NS)
        return growth;
    from = second_half(points, n);
    points += from;
    n -= from;
    if (n < MIN_POINTS)
        return growth;
    slope = slope_of(points, n, &explained);
    span_ns = (double)(points[n - 1].at_ns - points[0].at_ns);
    grown = slope * span_ns;
    if (grown < MIN_GROWTH || grown < 0.2 * (double)points[0].rss_bytes || explained < 0.8)
        return growth;
    if (!is_steady(points, n, grown))
        return growth;
    return (struct growth){grown, slope * 1e9, (double)points[n - 1].rss_bytes};
}

static double memory_limit(const struct measurement *m)
{
    double all = (double)m->machine.memory_bytes, own = (double)m->machine.memory_limit_bytes;

    return own > 0.0 && (all <= 0.0 || own < all) ? own : all;
}

/* A program that came to its end by itself may have been building its result; what goes on and on may not. */
static bool goes_on(const struct measurement *m, const struct process *p)
{
    return p->alive || p->listens || !m->target.exited;
}

/*
 * CA5002: the memory of a process grows steadily, beyond its warm-up and to the end of what was seen.
 */
int find_memory_growth(const struct finding_context *c, struct finding_list *list)
{
    double bytes = 0.0, per_second = 0.0, last = 0.0, left_s, limit = memory_limit(c->m);
    bool lasting = false;
    unsigned n = 0;
    char full[WORDS_NUMBER], tail[96] = "";
    int r;

    for (size_t i = 0; i < c->m->n_processes; i++) {
        struct growth growth = growth_of(&c->m->processes[i]);

        if (growth.bytes <= 0.0)
            continue;
        n++;
        bytes += growth.bytes;
        per_second += growth.per_second;
        last += growth.last_bytes;
        lasting |= goes_on(c->m, &c->m->processes[i]);
    }
    if (n == 0)
        return 0;
    left_s = limit > last ? (limit - last) / per_second : 0.0;
    if (limit > 0.0 && left_s < SOON_S)
        (void)snprintf(tail, sizeof(tail), "; at this rate memory is full after %s more", words_ns(left_s * 1e9, full));
    r = finding_add(
        list, c,
        (struct finding){.id = 5002,
                         .severity = !lasting                       ? SEVERITY_INFO
                                     : limit > 0 && left_s < SOON_S ? SEVERITY_MEDIUM
                                                                    : SEVERITY_LOW,
                         .time_ns = c->m->blocked_ns[CAUSE_MEMORY]},
        words_format("%u process%s grow%s by %.1f MiB a second, by %.0f MiB in the second half of the run%s", n,
                     n == 1 ? "" : "es", n == 1 ? "s" : "", per_second / MIB, bytes / MIB, tail),
        NULL);
    return r;
}
