/* SPDX-License-Identifier: BSD-2-Clause */
/* Wall times: what several runs say by their ranks, and what a plain rule says where there are too few. */
#include "analyzer/compare/compare_parts.h"

#include <math.h>

#include "analyzer/statistics.h"
#include "base/base.h"
#include "probe/measurement.h"

bool compare_disturbed(const struct measurement *m)
{
    double quota = m->machine.cpu_quota, threads = (double)m->max_live_threads;
    double wall = (double)m->wall_ns, on_cpu = (double)m->on_cpu_ns, runnable = (double)m->runnable_ns;

    if (m->max_live_threads > m->machine.cpus_allowed || (quota > 0.0 && quota < threads))
        return false;
    for (size_t i = 0; i < m->n_repeats; i++) {
        wall += (double)m->repeats[i].wall_ns;
        on_cpu += (double)m->repeats[i].on_cpu_ns;
        runnable += (double)m->repeats[i].runnable_ns;
    }
    return runnable > 0.10 * (on_cpu + runnable) && runnable > 0.02 * wall;
}

bool compare_attached(const struct compare_side sides[COMPARE_SIDES])
{
    return sides[COMPARE_BEFORE].m->target.attached || sides[COMPARE_AFTER].m->target.attached;
}

/* Waits for a CPU that others had can't have made a run longer than they took, nor be all of it. */
static uint64_t without_queue(uint64_t wall_ns, uint64_t runnable_ns)
{
    uint64_t most = wall_ns - wall_ns / 10;

    return wall_ns - (runnable_ns < most ? runnable_ns : most);
}

/*
 * The wall times of a side: those of its repeats, else its own.
 * @param quiet  what they may have been on a quiet machine, at the least
 * @return a heap list, NULL: out of memory
 */
static uint64_t *walls_of(const struct measurement *m, bool quiet, size_t *ret_n)
{
    size_t n = m->n_repeats > 0 ? m->n_repeats : 1;
    uint64_t *walls = calloc(n, sizeof(*walls));

    if (!walls)
        return NULL;
    walls[0] = quiet ? without_queue(m->wall_ns, m->runnable_ns) : m->wall_ns;
    for (size_t i = 0; i < m->n_repeats; i++)
        walls[i] = quiet ? without_queue(m->repeats[i].wall_ns, m->repeats[i].runnable_ns) : m->repeats[i].wall_ns;
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

/* @param quiet  the side whose run-queue waits to take off; -1: none */
static int judge(const struct compare_side sides[COMPARE_SIDES], int quiet, struct compare_wall *wall)
{
    size_t n_before = 0, n_after = 0;
    AUTO_FREE uint64_t *before = walls_of(sides[COMPARE_BEFORE].m, quiet == COMPARE_BEFORE, &n_before);
    AUTO_FREE uint64_t *after = walls_of(sides[COMPARE_AFTER].m, quiet == COMPARE_AFTER, &n_after);

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

/*
 * Where other programs held up the slower side, the difference must be there without what they took, too: loads that
 * come and go between two sessions are no noise that repeats would show.
 */
int compare_wall_fill(const struct compare_side sides[COMPARE_SIDES], struct compare_wall *wall)
{
    struct compare_wall quiet = {0};
    int slower, r = judge(sides, -1, wall);

    if (r == 0 && compare_attached(sides)) {
        wall->verdict = COMPARE_NOT_COMPARABLE;
        wall->small = false;
        return 0;
    }
    if (r < 0 || wall->verdict == COMPARE_TIE)
        return r;
    slower = wall->verdict == COMPARE_FASTER ? COMPARE_BEFORE : COMPARE_AFTER;
    if (!compare_disturbed(sides[slower].m))
        return 0;
    r = judge(sides, slower, &quiet);
    if (r < 0 || quiet.verdict == wall->verdict)
        return r;
    wall->disturbed = true;
    wall->verdict = COMPARE_TIE;
    return 0;
}

double compare_noise(const struct compare_wall *wall)
{
    return wall->method == COMPARE_BY_RANKS ? STATISTICS_TIE_SHARE : wall->noise_share;
}
