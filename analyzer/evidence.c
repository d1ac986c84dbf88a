/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/evidence.h"

#include <math.h>

#include "analyzer/profile/profile.h"
#include "analyzer/simulate/simulate.h"
#include "analyzer/statistics.h"
#include "analyzer/words.h"
#include "base/base.h"

/* Everything the rows are computed from. */
struct inputs {
    const struct measurement *m;
    const struct profile *profile; /* NULL: nothing could be rearranged */
    struct simulate_costs costs;
    uint32_t cpus;
    double idle_ns;                  /* wall time with nothing to do: no model shortens it */
    double active_ns;                /* the rest of the wall time */
    double now_ns;                   /* forecast of the program as it is now; 0: none */
    const struct replay_result *now; /* replay of the same; NULL: none */
};

/* A factor on the active part of the run, as a speedup of the whole run. */
static double whole_speedup(const struct inputs *in, double factor)
{
    double wall = in->idle_ns + in->active_ns;

    if (factor <= 0.0)
        return 0.0;
    return wall / (in->idle_ns + in->active_ns / factor);
}

static int add_scaling(const struct inputs *in, struct model_evidence *row, uint32_t best)
{
    uint32_t workers[8];
    size_t n = 0;

    for (uint32_t w = 1; w < best && n < 5; w *= w * 4 <= best ? 4 : 2)
        workers[n++] = w;
    workers[n++] = best;
    if (best <= UINT32_MAX / 2)
        workers[n++] = best * 2;
    row->scaling = calloc(n, sizeof(*row->scaling));
    if (!row->scaling)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        struct simulate_result result;
        int r = simulate(in->profile, &in->costs, row->model, workers[i], in->cpus, &result);

        if (r < 0)
            return r;
        row->scaling[row->n_scaling++] =
            (struct scaling_point){workers[i], whole_speedup(in, in->now_ns / fmax(1.0, (double)result.wall_ns))};
    }
    return 0;
}

/* Waits for something outside are part of the work. */
static bool has_waits(const struct profile *p)
{
    for (size_t i = 0; i < p->n_steps; i++)
        if (p->steps[i].wait_ns > 0)
            return true;
    return false;
}

static int add_assumptions(const struct inputs *in, struct model_evidence *row)
{
    char ***list = &row->assumptions;
    size_t *n = &row->n_assumptions;
    int r = 0;

    if (row->model != MODEL_SERIAL)
        r = words_append(list, n, "work items are independent of each other");
    if (r == 0 && row->model != MODEL_SERIAL && in->profile && in->profile->divisible)
        r = words_append(list, n, "the long stretch of CPU work can be cut into items");
    if (r == 0 && (row->model == MODEL_PROCESSES || row->model == MODEL_PROCESSES_COROUTINES))
        r = words_append(list, n, "what goes to a worker process and back is small");
    if (r == 0 && in->profile && has_waits(in->profile) && row->model != MODEL_SERIAL && row->workers > 1)
        r = words_append(list, n, "the peers that are waited for answer %u requests at once as fast as one",
                         row->in_flight > 0 ? row->in_flight : row->workers);
    return r;
}

static int forecast_row(const struct inputs *in, struct model_evidence *row)
{
    struct simulate_result result;
    uint32_t best = 1;
    int r = simulate_best_workers(in->profile, &in->costs, row->model, in->cpus, &best, &result);

    if (r < 0)
        return r;
    row->available = true;
    row->source = SOURCE_FORECAST;
    row->workers = best;
    row->speedup = whole_speedup(in, in->now_ns / fmax(1.0, (double)result.wall_ns));
    if (row->model == MODEL_PROCESSES_COROUTINES) {
        row->in_flight = best;
        row->workers = simulate_loop_processes(in->profile, in->cpus);
    } else if (row->model == MODEL_COROUTINES) {
        row->in_flight = best;
    }
    if (row->speedup <= 0.0) {
        row->available = false;
        return 0;
    }
    row->speedup_interval[0] = row->speedup_interval[1] = row->speedup;
    row->median_ns = (uint64_t)llround((in->idle_ns + in->active_ns) / row->speedup);
    row->interval_ns[0] = row->interval_ns[1] = row->median_ns;
    row->forecast_ns = row->median_ns;
    row->cores = (double)result.cpu_ns / fmax(1.0, (double)result.wall_ns);
    if (row->model == MODEL_PROCESSES || row->model == MODEL_PROCESSES_COROUTINES)
        row->peak_rss_bytes = in->profile->private_bytes * row->workers;
    return add_scaling(in, row, best);
}

/* The fastest replay of a model, the program as it is now left out. */
static const struct replay_result *best_replay(const struct measurement *m, enum model model)
{
    const struct replay_result *best = NULL;
    double best_ns = 0.0;

    for (size_t i = 0; i < m->n_replays; i++) {
        const struct replay_result *replay = &m->replays[i];
        double median_ns = statistics_median(replay->runs_ns, replay->n_runs);

        if (replay->model != model || replay->current || median_ns <= 0.0)
            continue;
        if (!best || median_ns < best_ns) {
            best = replay;
            best_ns = median_ns;
        }
    }
    return best;
}

/* Speedup of one replay against the replay (else the measurement) of the program as it is now. */
static int replay_speedup(const struct inputs *in, const struct replay_result *replay,
                          struct statistics_estimate *ret_speedup)
{
    uint64_t active_ns = (uint64_t)in->active_ns;
    struct statistics_estimate factor;
    int r;

    r = in->now ? statistics_ratio(in->now->runs_ns, in->now->n_runs, replay->runs_ns, replay->n_runs, &factor)
                : statistics_ratio(&active_ns, 1, replay->runs_ns, replay->n_runs, &factor);
    if (r < 0)
        return r;
    ret_speedup->value = whole_speedup(in, factor.value);
    ret_speedup->low = whole_speedup(in, factor.low);
    ret_speedup->high = whole_speedup(in, factor.high);
    return 0;
}

static void set_replayed(const struct inputs *in, const struct replay_result *replay, struct model_evidence *row)
{
    struct statistics_estimate time;

    if (statistics_estimate(replay->runs_ns, replay->n_runs, &time) < 0)
        return;
    row->available = true;
    row->source = SOURCE_REPLAY;
    row->median_ns = (uint64_t)llround(time.value + in->idle_ns);
    row->interval_ns[0] = (uint64_t)llround(time.low + in->idle_ns);
    row->interval_ns[1] = (uint64_t)llround(time.high + in->idle_ns);
    row->cores = (double)replay->cpu_ns / fmax(1.0, time.value);
    row->peak_rss_bytes = replay->peak_rss_bytes;
    row->runs = replay->n_runs;
}

static int merge_replay(const struct inputs *in, const struct replay_result *replay, struct model_evidence *row)
{
    struct statistics_estimate speedup;
    int r = replay_speedup(in, replay, &speedup);

    /* A replay that took no time says nothing; the forecast stays. */
    if (r == -EINVAL)
        return 0;
    if (r < 0)
        return r;
    set_replayed(in, replay, row);
    row->speedup = speedup.value;
    row->speedup_interval[0] = speedup.low;
    row->speedup_interval[1] = speedup.high;
    row->workers = replay->workers;
    if (row->model == MODEL_COROUTINES || row->model == MODEL_PROCESSES_COROUTINES)
        row->in_flight = replay->workers;
    if (row->model == MODEL_PROCESSES_COROUTINES && in->profile)
        row->workers = simulate_loop_processes(in->profile, in->cpus);
    if (replay->share < 1.0) {
        char share[WORDS_NUMBER];

        return words_append(&row->assumptions, &row->n_assumptions, "%s of the run was replayed, the rest is like it",
                            words_share(replay->share, share));
    }
    return 0;
}

/* What was computed for the current model is the program mended; the row itself is the program as it is now. */
static void set_current(const struct inputs *in, uint32_t workers, struct model_evidence *row,
                        struct evidence *evidence)
{
    if (row->available) {
        evidence->mended_speedup = row->speedup;
        evidence->mended_interval[0] = row->speedup_interval[0];
        evidence->mended_interval[1] = row->speedup_interval[1];
        evidence->mended_workers = row->workers;
        evidence->mended_in_flight = row->in_flight;
        evidence->mended_source = row->source;
    }
    row->current = true;
    row->available = true;
    row->source = SOURCE_MEASURED;
    row->workers = workers;
    row->runs = 0;
    row->median_ns = row->interval_ns[0] = row->interval_ns[1] = in->m->wall_ns;
    row->speedup = row->speedup_interval[0] = row->speedup_interval[1] = 1.0;
    row->cores = (double)in->m->on_cpu_ns / fmax(1.0, (double)in->m->wall_ns);
    row->peak_rss_bytes = 0;
    row->forecast_ns = in->now_ns > 0.0 ? (uint64_t)llround(in->now_ns + in->idle_ns) : 0;
    if (in->now)
        set_replayed(in, in->now, row);
}

static void set_fidelity(const struct inputs *in, struct evidence *evidence)
{
    size_t fewest = SIZE_MAX;

    for (size_t i = 0; i < in->m->n_replays; i++)
        if (in->m->replays[i].n_runs < fewest)
            fewest = in->m->replays[i].n_runs;
    evidence->runs = in->m->n_replays > 0 ? fewest : 0;
    if (!in->now)
        return;
    double median_ns = statistics_median(in->now->runs_ns, in->now->n_runs);

    evidence->replayed_now_ns = (uint64_t)llround(median_ns + in->idle_ns);
    evidence->fidelity = fmax(0.0, 1.0 - fabs(median_ns - in->active_ns) / fmax(1.0, in->active_ns));
}

static int gather(const struct measurement *m, enum model current, uint32_t current_workers, uint32_t cpus,
                  struct profile **ret_profile, struct inputs *ret)
{
    struct inputs in = {.m = m, .cpus = cpus > 0 ? cpus : measurement_cpus(m)};
    struct simulate_result now;
    int r = profile_from_measurement(m, ret_profile);

    if (r < 0 && r != -ENODATA)
        return r;
    in.profile = *ret_profile;
    in.active_ns = (double)m->wall_ns;
    for (size_t i = 0; i < m->n_replays; i++)
        if (m->replays[i].current && m->replays[i].n_runs > 0)
            in.now = &m->replays[i];
    if (in.profile) {
        in.idle_ns = fmin((double)in.profile->idle_ns, (double)m->wall_ns);
        in.active_ns = (double)m->wall_ns - in.idle_ns;
        /* The profile cuts work, and sees the arrangement on the way; what "now" is was decided before. */
        if ((*ret_profile)->current_model != current) {
            (*ret_profile)->current_model = current;
            (*ret_profile)->current_workers = current_workers;
        }
        simulate_costs_from_measurement(m, &in.costs);
        r = simulate_current(in.profile, &in.costs, in.cpus, &now);
        if (r < 0)
            return r;
        in.now_ns = (double)now.wall_ns;
    }
    *ret = in;
    return 0;
}

int evidence_fill(const struct measurement *m, enum model current, uint32_t current_workers, uint32_t cpus,
                  struct evidence *evidence)
{
    CLEANUP(profile_freep) struct profile *profile = NULL;
    struct inputs in;
    int r = gather(m, current, current_workers, cpus, &profile, &in);

    for (int i = 0; i < MODEL_COUNT && r == 0; i++) {
        struct model_evidence *row = &evidence->models[i];
        const struct replay_result *replay = best_replay(m, (enum model)i);

        if (profile)
            r = forecast_row(&in, row);
        if (r == 0 && replay)
            r = merge_replay(&in, replay, row);
        if (r == 0 && row->available)
            r = add_assumptions(&in, row);
    }
    if (r < 0)
        return r;
    set_current(&in, current_workers, &evidence->models[current], evidence);
    set_fidelity(&in, evidence);
    evidence->forecast_now_ns = (uint64_t)llround(in.now_ns + (in.now_ns > 0.0 ? in.idle_ns : 0.0));
    return 0;
}
