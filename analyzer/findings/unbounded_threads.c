/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/findings/detect.h"

#define LOOKS 8 /* at even distances over the run; the first half is warm-up */
#define MIN_LIVE 64
#define MIN_STEP 8 /* threads more from one look to the next */

/* Live threads of the program's own at even distances over the run. */
static void count_live(const struct lanes *lanes, double live[static LOOKS])
{
    for (size_t i = 0; i < lanes->n; i++) {
        const struct thread *t = lanes->items[i].thread;

        for (size_t k = 0; k < LOOKS; k++) {
            uint64_t at_ns = lanes->m->wall_ns / LOOKS * (k + 1) - lanes->m->wall_ns / LOOKS / 2;

            live[k] += !lanes->items[i].main && t->birth_ns <= at_ns && t->death_ns > at_ns;
        }
    }
}

/*
 * More births than deaths, and to the end: each look in the second half sees more threads than the one before. A pool
 * is full long before.
 */
static bool grows(const double live[static LOOKS])
{
    for (size_t k = LOOKS / 2; k < LOOKS; k++)
        if (live[k] < live[k - 1] + MIN_STEP || live[k] < 1.08 * live[k - 1])
            return false;
    return live[LOOKS - 1] >= MIN_LIVE;
}

/* CA4003: a thread per item with nothing that bounds how many live at once, or threads that never end. */
int find_unbounded_threads(const struct finding_context *c, struct finding_list *list)
{
    double one_shot = finding_metric(c, METRIC_ONE_SHOT_THREADS_LIVE), live[LOOKS] = {0};
    double most;
    bool growing;
    char tail[64] = "";

    count_live(c->lanes, live);
    growing = grows(live);
    most = growing && live[LOOKS - 1] > one_shot ? live[LOOKS - 1] : one_shot;
    if (one_shot < 100.0 && !growing)
        return 0;
    if (growing)
        (void)snprintf(tail, sizeof(tail), "; their number grew to the end: %.0f, %.0f, %.0f", live[LOOKS / 2 - 1],
                       live[LOOKS * 3 / 4 - 1], live[LOOKS - 1]);
    return finding_add(
        list, c,
        (struct finding){.id = 4003,
                         .severity = most >= 500.0 ? SEVERITY_HIGH : SEVERITY_MEDIUM,
                         .time_ns = c->lanes->busy_ns,
                         .share = 1.0},
        words_format("%.0f threads at once%s%s", most, one_shot >= 100.0 ? ", each for one item" : "", tail), NULL);
}
