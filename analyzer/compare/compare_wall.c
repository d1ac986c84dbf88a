/* SPDX-License-Identifier: BSD-2-Clause */
/* Wall times: what several runs say by their ranks, and what a plain rule says where there are too few. */
#include "analyzer/compare/compare_parts.h"

#include <math.h>

#include "analyzer/statistics.h"
#include "base/base.h"
#include "probe/measurement.h"

/* The wall times of a side: those of its repeats, else its own. @return a heap list, NULL: out of memory */
static uint64_t *walls_of(const struct measurement *m, size_t *ret_n)
{
    size_t n = m->n_repeats > 0 ? m->n_repeats : 1;
    uint64_t *walls = calloc(n, sizeof(*walls));

    if (!walls)
        return NULL;
    walls[0] = m->wall_ns;
    for (size_t i = 0; i < m->n_repeats; i++)
        walls[i] = m->repeats[i].wall_ns;
    *ret_n = n;
    return walls;
}

static void describe(const uint64_t *walls, size_t n, int side, struct compare_wall *wall)
{
    wall->runs[side] = n;
    wall->median_ns[side] = (uint64_t)llround(statistics_median(walls, n));
    wall->range_ns[side][0] = wall->range_ns[side][1] = walls[0];
    for (size_t i = 1; i < n; i++) {
        if (walls[i] < wall->range_ns[side][0])
            wall->range_ns[side][0] = walls[i];
        if (walls[i] > wall->range_ns[side][1])
            wall->range_ns[side][1] = walls[i];
    }
}

static double spread(const struct compare_wall *wall, int side)
{
    return (double)(wall->range_ns[side][1] - wall->range_ns[side][0]) / (double)wall->median_ns[side];
}

static enum compare_verdict direction(double ratio)
{
    return ratio > 1.0 ? COMPARE_FASTER : COMPARE_SLOWER;
}

/* Too few runs to know the noise: a share of the larger time, or what the runs that are there differ by. */
static void judge_by_rule(struct compare_wall *wall)
{
    double smaller = fmin(wall->ratio, 1.0 / wall->ratio);

    wall->method = COMPARE_BY_RULE;
    wall->interval[0] = wall->interval[1] = wall->ratio;
    wall->noise_share = fmax(COMPARE_NOISE_SHARE, fmax(spread(wall, COMPARE_BEFORE), spread(wall, COMPARE_AFTER)));
    wall->verdict = 1.0 - smaller <= wall->noise_share ? COMPARE_TIE : direction(wall->ratio);
}

/* Beyond the noise, but within the share that counts as equal everywhere in this program: a tie, and said so. */
static int judge_by_ranks(const uint64_t *before, const uint64_t *after, struct compare_wall *wall)
{
    struct statistics_estimate ratio;
    int r = statistics_independent_ratio(before, wall->runs[COMPARE_BEFORE], after, wall->runs[COMPARE_AFTER], &ratio,
                                         &wall->confidence);

    if (r < 0)
        return r;
    wall->method = COMPARE_BY_RANKS;
    wall->interval[0] = ratio.low;
    wall->interval[1] = ratio.high;
    if (ratio.low <= 1.0 && ratio.high >= 1.0)
        return 0;
    wall->small = 1.0 - fmin(wall->ratio, 1.0 / wall->ratio) <= STATISTICS_TIE_SHARE;
    if (!wall->small)
        wall->verdict = direction(wall->ratio);
    return 0;
}

int compare_wall_fill(const struct compare_side sides[COMPARE_SIDES], struct compare_wall *wall)
{
    size_t n_before = 0, n_after = 0;
    AUTO_FREE uint64_t *before = walls_of(sides[COMPARE_BEFORE].m, &n_before);
    AUTO_FREE uint64_t *after = walls_of(sides[COMPARE_AFTER].m, &n_after);

    if (!before || !after)
        return -ENOMEM;
    describe(before, n_before, COMPARE_BEFORE, wall);
    describe(after, n_after, COMPARE_AFTER, wall);
    if (wall->range_ns[COMPARE_BEFORE][0] == 0 || wall->range_ns[COMPARE_AFTER][0] == 0)
        return -EINVAL;
    wall->ratio = (double)wall->median_ns[COMPARE_BEFORE] / (double)wall->median_ns[COMPARE_AFTER];
    if (n_before >= COMPARE_LEAST_RUNS && n_after >= COMPARE_LEAST_RUNS)
        return judge_by_ranks(before, after, wall);
    judge_by_rule(wall);
    return 0;
}

double compare_noise(const struct compare_wall *wall)
{
    return wall->method == COMPARE_BY_RANKS ? STATISTICS_TIE_SHARE : wall->noise_share;
}
