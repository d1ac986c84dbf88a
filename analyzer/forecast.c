/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/forecast.h"

#include <math.h>

#include "analyzer/profile/profile.h"
#include "analyzer/simulate/simulate_model.h"
#include "base/base.h"

static int simulate_now(const struct measurement *m, struct forecast *f)
{
    CLEANUP(simulate_work_clear) struct simulate_work work = {0};
    struct simulate_result now, there;
    int r = simulate_work_init(f->profile, &f->costs, 0, &work);

    if (r == 0)
        r = simulate_work_run_current(&work, measurement_cpus(m), &now);
    if (r == 0)
        r = simulate_work_run_current(&work, f->cpus, &there);
    if (r < 0)
        return r;
    f->now_ns = (double)now.wall_ns;
    f->there_ns = (double)there.wall_ns;
    return 0;
}

int forecast_init(const struct measurement *m, enum model current, uint32_t current_workers, uint32_t cpus,
                  struct forecast *ret)
{
    CLEANUP(profile_freep) struct profile *profile = NULL;
    struct forecast f = {.cpus = cpus > 0 ? cpus : measurement_cpus(m)};
    int r = profile_from_measurement(m, &profile);

    if (r < 0 && r != -ENODATA)
        return r;
    f.same_machine = f.cpus == measurement_cpus(m);
    f.active_ns = fmax(1.0, (double)m->wall_ns);
    simulate_costs_from_measurement(m, &f.costs);
    if (profile) {
        f.idle_ns = fmin((double)profile->idle_ns, f.active_ns - 1.0);
        f.active_ns -= f.idle_ns;
        /* The profile cuts work, and sees the arrangement on the way; what "now" is was decided before. */
        if (profile->current_model != current) {
            profile->current_model = current;
            profile->current_workers = current_workers;
        }
        f.profile = profile;
        r = simulate_now(m, &f);
        if (r < 0)
            return r;
        TAKE_PTR(profile);
    }
    *ret = f;
    return 0;
}

void forecast_clear(struct forecast *f)
{
    profile_free(f->profile);
    *f = (struct forecast){0};
}

double forecast_speedup(const struct forecast *f, double active_ns)
{
    return active_ns > 0.0 ? (f->idle_ns + f->active_ns) / (f->idle_ns + active_ns) : 0.0;
}
