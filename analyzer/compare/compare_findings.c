/* SPDX-License-Identifier: BSD-2-Clause */
/* Findings of both sides paired up: by id, and among several of one id by the nearest place. */
#include "analyzer/compare/compare_parts.h"

#include <math.h>

#include "base/base.h"

/* How alike two places are; lines move with any edit, so they count least. */
enum likeness { SAME_ID, SAME_FILE, SAME_FUNCTION, SAME_LINE, LIKENESSES };

static const struct frame *place_of(const struct finding *finding)
{
    return finding->n_sites > 0 ? advice_near_frame_in(finding->sites[0].frames, finding->sites[0].n_frames) : NULL;
}

static const char *base_name(const char *path)
{
    const char *slash = path ? strrchr(path, '/') : NULL;

    return slash ? slash + 1 : path;
}

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static enum likeness likeness_of(const struct finding *before, const struct finding *after)
{
    const struct frame *a = place_of(before), *b = place_of(after);

    if (!a || !b || !same_text(base_name(a->file), base_name(b->file)))
        return SAME_ID;
    if (!same_text(a->function, b->function))
        return SAME_FILE;
    return a->line == b->line ? SAME_LINE : SAME_FUNCTION;
}

/* What a finding costs: its time; of a process that was watched for a while, its time in each second of that. */
static double cost_of(const struct compare_side sides[COMPARE_SIDES], int side, const struct finding *finding)
{
    double time = (double)finding->time_ns;

    return compare_attached(sides) ? time / (double)sides[side].m->wall_ns : time;
}

/* Of single runs: closer than the noise is the same. Findings without a time can't change. */
static void judge(const struct compare_side sides[COMPARE_SIDES], double noise, struct compare_finding *item)
{
    double a = cost_of(sides, COMPARE_BEFORE, item->before), b = cost_of(sides, COMPARE_AFTER, item->after);

    item->change = fabs(a - b) <= noise * fmax(a, b) ? COMPARE_STILL : COMPARE_CHANGED;
    item->worse = item->change == COMPARE_CHANGED && b > a;
}

/* Give each finding of BEFORE its partner, the most alike pairs first. `partner`: index into AFTER's, or SIZE_MAX. */
static void pair_up(const struct advice *before, const struct advice *after, size_t *partner, bool *taken)
{
    for (size_t i = 0; i < before->n_findings; i++)
        partner[i] = SIZE_MAX;
    for (int wanted = LIKENESSES - 1; wanted >= 0; wanted--)
        for (size_t i = 0; i < before->n_findings; i++)
            for (size_t k = 0; k < after->n_findings && partner[i] == SIZE_MAX; k++)
                if (!taken[k] && before->findings[i].id == after->findings[k].id &&
                    (int)likeness_of(&before->findings[i], &after->findings[k]) >= wanted) {
                    partner[i] = k;
                    taken[k] = true;
                }
}

int compare_findings_fill(const struct compare_side sides[COMPARE_SIDES], double noise, struct comparison *c)
{
    const struct advice *before = sides[COMPARE_BEFORE].a, *after = sides[COMPARE_AFTER].a;
    AUTO_FREE struct compare_finding *all = NULL;
    AUTO_FREE size_t *partner = NULL;
    AUTO_FREE bool *taken = NULL;
    size_t n = 0, sorted = 0;

    all = calloc(before->n_findings + after->n_findings + 1, sizeof(*all));
    c->findings = calloc(before->n_findings + after->n_findings + 1, sizeof(*c->findings));
    partner = calloc(before->n_findings + 1, sizeof(*partner));
    taken = calloc(after->n_findings + 1, sizeof(*taken));
    if (!all || !c->findings || !partner || !taken) {
        free(TAKE_PTR(c->findings));
        return -ENOMEM;
    }
    pair_up(before, after, partner, taken);
    for (size_t i = 0; i < before->n_findings; i++) {
        all[n] = (struct compare_finding){.change = COMPARE_GONE, .before = &before->findings[i]};
        if (partner[i] != SIZE_MAX) {
            all[n].after = &after->findings[partner[i]];
            judge(sides, noise, &all[n]);
        }
        n++;
    }
    for (size_t k = 0; k < after->n_findings; k++)
        if (!taken[k])
            all[n++] = (struct compare_finding){.change = COMPARE_NEW, .after = &after->findings[k]};
    for (int change = COMPARE_GONE; change <= COMPARE_STILL; change++)
        for (size_t i = 0; i < n; i++)
            if ((int)all[i].change == change)
                c->findings[sorted++] = all[i];
    c->n_findings = n;
    return 0;
}
