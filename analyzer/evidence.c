/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/evidence.h"

#include <inttypes.h>
#include <math.h>

#include "analyzer/calibrated.h"
#include "analyzer/estimate.h"
#include "analyzer/forecast.h"
#include "analyzer/profile/profile.h"
#include "analyzer/simulate/simulate_model.h"
#include "analyzer/statistics.h"
#include "analyzer/words.h"
#include "analyzer/workers.h"
#include "base/base.h"

/* What a row is computed from. */
struct inputs {
    const struct measurement *m;
    const struct forecast *f;
    struct simulate_work work;       /* the forecast's profile, prepared once for all rows; empty without one */
    const struct replay_result *now; /* replay of the program as it is now; NULL: none */
    double now_ns;                   /* its median; 0: none */
    double longest_ns;               /* waits of the longest item; 0: none, or no profile */
    bool distrusted;                 /* replays are shown, but don't count */
};

/* One model: what was replayed and what was simulated with the same number of workers. */
struct figures {
    const struct replay_result *replay; /* NULL: none */
    uint32_t workers;                   /* parameter of simulate(): per process for MODEL_PROCESSES_COROUTINES */
    struct simulate_result simulated;
    struct estimate_source by_replay;
    struct estimate_source by_simulation; /* then_ns 0: none */
};

/* Waits for something outside are part of the work. */
static bool has_waits(const struct profile *p)
{
    for (size_t i = 0; i < p->n_steps; i++)
        if (p->steps[i].wait_ns > 0)
            return true;
    return false;
}

/* What speaks against the assumption belongs into its sentence. */
static int add_independence(const struct item_dependence *d, char ***list, size_t *n)
{
    uint64_t against = d->hand_offs + d->passed_on;

    if (against > 0 && d->lock_waits > 0)
        return words_append(list, n,
                            "work items are independent of each other (%" PRIu64 " hand-offs and %" PRIu64
                            " waits for shared locks between %" PRIu64 " items speak against it)",
                            against, d->lock_waits, d->items);
    if (against > 0)
        return words_append(list, n,
                            "work items are independent of each other (%" PRIu64 " hand-offs between %" PRIu64
                            " items speak against it)",
                            against, d->items);
    if (d->lock_waits > 0)
        return words_append(list, n,
                            "work items are independent of each other but for the locks they share (%" PRIu64 " waits)",
                            d->lock_waits);
    return words_append(list, n, "work items are independent of each other");
}

static int add_assumptions(const struct inputs *in, const struct item_dependence *dependence,
                           const struct figures *figures, struct model_evidence *row)
{
    const struct profile *p = in->f->profile;
    char ***list = &row->assumptions;
    size_t *n = &row->n_assumptions;
    int r = 0;

    if (figures->replay && figures->replay->share < 1.0) {
        char share[WORDS_NUMBER];

        r = words_append(list, n, "%s of the run was replayed, the rest is like it",
                         words_share(figures->replay->share, share));
    }
    if (r == 0 && row->model != MODEL_SERIAL)
        r = add_independence(dependence, list, n);
    if (r == 0 && row->model != MODEL_SERIAL && p && p->divisible)
        r = words_append(list, n, "the long stretch of CPU work can be cut into items");
    if (r == 0 && row->model == MODEL_COROUTINES && p && profile_has_long_calls(p))
        r = words_append(list, n, "the loop hands long calls to threads behind it (asyncio.to_thread)");
    if (r == 0 && (row->model == MODEL_PROCESSES || row->model == MODEL_PROCESSES_COROUTINES))
        r = words_append(list, n, "what goes to a worker process and back is small");
    if (r == 0 && p && has_waits(p) && row->model != MODEL_SERIAL && row->workers > 1)
        r = words_append(list, n, "the peers that are waited for answer %u requests at once as fast as one",
                         row->in_flight > 0 ? row->in_flight : row->workers);
    return r;
}

/* The fastest replay of a model, the program as it is now left out. Other CPUs than these can't be replayed here. */
static const struct replay_result *best_replay(const struct inputs *in, enum model model)
{
    const struct replay_result *best = NULL;
    double best_ns = 0.0;

    for (size_t i = 0; i < in->m->n_replays && in->f->same_machine; i++) {
        const struct replay_result *replay = &in->m->replays[i];
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

/* Nothing is done before its longest item is: an item's waits come one after another, and peers get no faster. */
static double longest_item_ns(const struct profile *p)
{
    uint64_t longest_ns = 0;

    for (size_t i = 0; p && i < p->n_items; i++) {
        uint64_t wait_ns = 0;

        for (size_t k = 0; k < p->items[i].n_steps; k++)
            wait_ns += p->steps[p->items[i].first_step + k].wait_ns;
        longest_ns = wait_ns > longest_ns ? wait_ns : longest_ns;
    }
    return (double)longest_ns;
}

/*
 * Median, and scatter against the replay (else the measurement) of the program as it is now. A replay of a few
 * milliseconds in place of seconds has its noise multiplied with it: what that makes impossible is cut off.
 */
static int read_replay(const struct inputs *in, const struct replay_result *replay, struct estimate_source *ret)
{
    uint64_t active_ns = (uint64_t)in->f->active_ns;
    struct statistics_estimate factor;
    double least_ns;
    int r;

    r = in->now ? statistics_ratio(in->now->runs_ns, in->now->n_runs, replay->runs_ns, replay->n_runs, &factor)
                : statistics_ratio(&active_ns, 1, replay->runs_ns, replay->n_runs, &factor);
    if (r < 0)
        return r;
    *ret = (struct estimate_source){
        .now_ns = in->now_ns,
        .then_ns = statistics_median(replay->runs_ns, replay->n_runs),
        .low = factor.high > 0.0 ? factor.value / factor.high : 1.0,
        .high = factor.low > 0.0 ? factor.value / factor.low : 1.0,
    };
    least_ns = in->longest_ns * fmax(1.0, in->now_ns / fmax(1.0, in->f->active_ns)); /* by the replays' clock */
    if (ret->then_ns < least_ns) {
        ret->then_ns = least_ns;
        ret->low = 1.0;
    }
    return 0;
}

/* With as many workers as were replayed, else with the best number of them. */
static int simulate_row(const struct inputs *in, enum model model, struct figures *figures)
{
    const struct forecast *f = in->f;
    int r;

    if (figures->replay) {
        figures->workers = figures->replay->workers > 0 ? figures->replay->workers : 1;
        r = simulate_work_run(&in->work, model, figures->workers, f->cpus, &figures->simulated);
    } else {
        r = simulate_work_best(&in->work, model, f->cpus, &figures->workers, &figures->simulated);
    }
    if (r < 0)
        return r;
    figures->by_simulation =
        (struct estimate_source){f->now_ns, fmax(1.0, (double)figures->simulated.wall_ns), 1.0, 1.0};
    return 0;
}

static int gather(const struct inputs *in, enum model model, struct figures *ret)
{
    struct figures figures = {.replay = best_replay(in, model)};
    int r = figures.replay ? read_replay(in, figures.replay, &figures.by_replay) : 0;

    if (r == -EINVAL) /* a replay that took no time says nothing */
        figures.replay = NULL;
    else if (r < 0)
        return r;
    if (in->f->profile) {
        r = simulate_row(in, model, &figures);
        if (r < 0)
            return r;
    } else if (figures.replay) {
        figures.workers = figures.replay->workers;
    }
    *ret = figures;
    return 0;
}

static void set_workers(const struct inputs *in, uint32_t workers, struct model_evidence *row)
{
    bool loops = row->model == MODEL_COROUTINES || row->model == MODEL_PROCESSES_COROUTINES;

    row->workers = workers;
    row->in_flight = loops ? workers : 0;
    if (row->model == MODEL_PROCESSES_COROUTINES && in->f->profile)
        row->workers = simulate_loop_processes(in->f->profile, in->f->cpus);
}

/* Estimates of the active part become times and speedups of the whole run; `factor` is what a bound makes of them. */
static void set_times(const struct inputs *in, const struct estimate *e, double factor, struct model_evidence *row)
{
    const struct forecast *f = in->f;

    row->speedup = forecast_speedup(f, factor * e->time.value);
    row->speedup_interval[0] = forecast_speedup(f, factor * e->time.high);
    row->speedup_interval[1] = forecast_speedup(f, factor * e->time.low);
    row->scatter[0] = forecast_speedup(f, factor * e->scatter.high);
    row->scatter[1] = forecast_speedup(f, factor * e->scatter.low);
    row->median_ns = (uint64_t)llround(f->idle_ns + factor * e->time.value);
    row->interval_ns[0] = (uint64_t)llround(f->idle_ns + factor * e->time.low);
    row->interval_ns[1] = (uint64_t)llround(f->idle_ns + factor * e->time.high);
}

/* Both say what as many workers take as were replayed; `factor` is what a bound makes of them, as in set_times(). */
static void compare(const struct inputs *in, const struct figures *figures, double factor, struct model_evidence *row)
{
    const struct estimate_source *replay = &figures->by_replay, *simulation = &figures->by_simulation;

    if (simulation->then_ns > 0.0)
        row->forecast_ns = (uint64_t)llround(factor * simulation->then_ns + in->f->idle_ns);
    if (figures->replay)
        row->replay_ns = (uint64_t)llround(factor * replay->then_ns + in->f->idle_ns);
    if (row->forecast_ns == 0 || row->replay_ns == 0)
        return;
    row->agreement = (double)row->replay_ns / (double)row->forecast_ns;
    row->disagreement = estimate_disagrees(replay->then_ns, simulation->then_ns, replay->low, replay->high);
}

/* The scaling curve as it is simulated, through the point that the row says. */
static int add_scaling(const struct inputs *in, const struct figures *figures, double row_ns,
                       struct model_evidence *row)
{
    const struct forecast *f = in->f;
    struct simulate_point points[SIMULATE_MAX_POINTS];
    size_t n = 0;
    int r = simulate_work_scaling(&in->work, row->model, f->cpus, points, &n);

    if (r < 0)
        return r;
    row->scaling = calloc(n + 1, sizeof(*row->scaling));
    if (!row->scaling)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        row->scaling[row->n_scaling++] =
            (struct scaling_point){points[i].workers, forecast_speedup(f, row_ns * (double)points[i].result.wall_ns /
                                                                              figures->by_simulation.then_ns)};
    return 0;
}

/* @param ret_factor  what the bounds of the number of workers do to the time, by simulation; 1.0: nothing */
static int bound_workers(const struct inputs *in, const struct figures *figures, struct model_evidence *row,
                         double *ret_factor)
{
    const struct forecast *f = in->f;
    uint32_t workers = row->workers, in_flight = row->in_flight, cpus = f->cpus;
    double busy = (double)figures->simulated.cpu_ns / fmax(1.0, (double)figures->simulated.wall_ns);
    struct simulate_result bounded;
    int r;

    workers_bound(in->m, f, busy, figures->replay ? figures->replay->peak_rss_bytes : 0, row);
    *ret_factor = 1.0;
    if (row->workers == workers && row->in_flight == in_flight)
        return 0;
    /* Processes with a loop each are one per CPU: fewer of them are what fewer CPUs would give. */
    if (row->model == MODEL_PROCESSES_COROUTINES)
        cpus = row->workers < cpus ? row->workers : cpus;
    r = simulate_work_run(&in->work, row->model, row->in_flight > 0 ? row->in_flight : row->workers, cpus, &bounded);
    if (r < 0)
        return r;
    *ret_factor = (double)bounded.wall_ns / figures->by_simulation.then_ns;
    row->cores = (double)bounded.cpu_ns / fmax(1.0, (double)bounded.wall_ns);
    return 0;
}

static int fill_row(const struct inputs *in, const struct figures *figures, struct model_evidence *row)
{
    const struct forecast *f = in->f;
    bool simulated = figures->by_simulation.then_ns > 0.0;
    bool replayed = figures->replay && !(in->distrusted && simulated);
    struct estimate e;
    double factor = 1.0;
    int r = 0;

    if (!figures->replay && !simulated)
        return 0;
    e = estimate_combine(f->active_ns, replayed ? &figures->by_replay : NULL,
                         simulated ? &figures->by_simulation : NULL);
    row->available = true;
    row->source = replayed ? SOURCE_REPLAY : SOURCE_FORECAST;
    row->runs = figures->replay ? figures->replay->n_runs : 0;
    row->cores = replayed ? (double)figures->replay->cpu_ns / fmax(1.0, figures->by_replay.then_ns)
                          : (double)figures->simulated.cpu_ns / fmax(1.0, (double)figures->simulated.wall_ns);
    set_workers(in, figures->workers, row);
    row->peak_rss_bytes = figures->replay ? figures->replay->peak_rss_bytes : 0;
    if (simulated) {
        r = bound_workers(in, figures, row, &factor);
        if (r == 0)
            r = add_scaling(in, figures, e.time.value, row);
        if ((row->model == MODEL_PROCESSES || row->model == MODEL_PROCESSES_COROUTINES) && row->worker_bytes > 0)
            row->peak_rss_bytes = row->worker_bytes * row->workers;
    }
    compare(in, figures, factor, row);
    set_times(in, &e, factor, row);
    return r;
}

/* The waits of a loop are known to have overlapped, but not how many there were: their sum is anybody's guess. */
static bool can_be_told(const struct inputs *in, enum model model)
{
    return !in->f->profile || !in->f->profile->waits_unknown || model == MODEL_PROCESSES_COROUTINES ||
           model == in->f->profile->current_model;
}

/* Several runs of the same command say how much it varies by itself; of one, what such programs usually do. */
static int set_measured(const struct measurement *m, struct model_evidence *row)
{
    AUTO_FREE uint64_t *walls = calloc(m->n_repeats + 1, sizeof(*walls));
    struct statistics_estimate time;
    double now_ns = fmax(1.0, (double)m->wall_ns);
    int r;

    if (!walls)
        return -ENOMEM;
    row->source = SOURCE_MEASURED;
    row->median_ns = m->wall_ns;
    row->interval_ns[0] = (uint64_t)llround(now_ns / (1.0 + CALIBRATED_RUN_TO_RUN));
    row->interval_ns[1] = (uint64_t)llround(now_ns * (1.0 + CALIBRATED_RUN_TO_RUN));
    row->speedup_interval[0] = 1.0 / (1.0 + CALIBRATED_RUN_TO_RUN);
    row->speedup_interval[1] = 1.0 + CALIBRATED_RUN_TO_RUN;
    row->speedup = row->scatter[0] = row->scatter[1] = 1.0;
    row->cores = (double)m->on_cpu_ns / now_ns;
    if (m->n_repeats < 2)
        return 0;
    for (size_t i = 0; i < m->n_repeats; i++)
        walls[i] = m->repeats[i].wall_ns;
    r = statistics_estimate(walls, m->n_repeats, &time);
    if (r < 0)
        return r;
    row->interval_ns[0] = (uint64_t)fmin(now_ns, time.low);
    row->interval_ns[1] = (uint64_t)fmax(now_ns, time.high);
    row->speedup_interval[0] = now_ns / fmax(1.0, (double)row->interval_ns[1]);
    row->speedup_interval[1] = now_ns / fmax(1.0, (double)row->interval_ns[0]);
    return 0;
}

/* Mended against now, both as the source of the row says. What it misses in one it misses in the other. */
static double mended_by_itself(const struct inputs *in, const struct model_evidence *row)
{
    const struct forecast *f = in->f;
    double now_ns = row->source == SOURCE_REPLAY ? in->now_ns : f->same_machine ? f->now_ns : f->there_ns;
    uint64_t then_ns = row->source == SOURCE_REPLAY ? row->replay_ns : row->forecast_ns;

    return now_ns > 0.0 && then_ns > 0 ? (now_ns + f->idle_ns) / (double)then_ns : 0.0;
}

/* What was computed for the current model is the program mended; the row itself is the program as it is now. */
static int set_current(const struct inputs *in, uint32_t workers, struct model_evidence *row, struct evidence *evidence)
{
    const struct forecast *f = in->f;
    int r = 0;

    if (row->available) {
        evidence->mended_speedup = row->speedup;
        evidence->mended_by_itself = mended_by_itself(in, row);
        evidence->mended_interval[0] = row->speedup_interval[0];
        evidence->mended_interval[1] = row->speedup_interval[1];
        evidence->mended_workers = row->workers;
        evidence->mended_bound = row->bound;
        evidence->mended_in_flight = row->in_flight;
        evidence->mended_source = row->source;
    }
    row->current = true;
    row->available = true;
    row->workers = workers;
    row->bound = BOUND_NONE;
    row->runs = in->now ? in->now->n_runs : 0;
    row->peak_rss_bytes = 0;
    row->forecast_ns = f->now_ns > 0.0 ? (uint64_t)llround(f->now_ns + f->idle_ns) : 0;
    row->replay_ns = in->now ? (uint64_t)llround(in->now_ns + f->idle_ns) : 0;
    row->agreement = 0.0;
    row->disagreement = false;
    if (row->forecast_ns > 0 && row->replay_ns > 0) {
        struct statistics_estimate time;

        row->agreement = (double)row->replay_ns / (double)row->forecast_ns;
        r = statistics_estimate(in->now->runs_ns, in->now->n_runs, &time);
        if (r < 0)
            return r;
        row->disagreement = estimate_disagrees(in->now_ns, f->now_ns, fmin(1.0, time.low / fmax(1.0, time.value)),
                                               fmax(1.0, time.high / fmax(1.0, time.value)));
    }
    r = set_measured(in->m, row);
    /* On other CPUs the program as it is now is a forecast, too; it is compared with what was measured on these. */
    if (r == 0 && !f->same_machine && f->there_ns > 0.0) {
        const struct estimate_source source = {f->now_ns, fmax(1.0, f->there_ns), 1.0, 1.0};
        struct estimate e = estimate_combine(f->active_ns, NULL, &source);

        row->source = SOURCE_FORECAST;
        row->forecast_ns = (uint64_t)llround(f->there_ns + f->idle_ns);
        row->replay_ns = 0;
        row->agreement = 0.0;
        row->disagreement = false;
        set_times(in, &e, 1.0, row);
    }
    return r;
}

static double fidelity_of(double then_ns, double now_ns)
{
    return fmax(0.0, 1.0 - fabs(then_ns - now_ns) / fmax(1.0, now_ns));
}

static void set_fidelity(const struct inputs *in, struct evidence *evidence)
{
    const struct forecast *f = in->f;
    size_t fewest = SIZE_MAX;

    for (size_t i = 0; i < in->m->n_replays; i++)
        if (in->m->replays[i].n_runs < fewest)
            fewest = in->m->replays[i].n_runs;
    evidence->runs = in->m->n_replays > 0 && f->same_machine ? fewest : 0;
    evidence->cpus = f->cpus;
    if (f->now_ns > 0.0) {
        evidence->forecast_now_ns = (uint64_t)llround(f->now_ns + f->idle_ns);
        evidence->forecast_fidelity = fidelity_of(f->now_ns, f->active_ns);
    }
    if (in->now) {
        evidence->replayed_now_ns = (uint64_t)llround(in->now_ns + f->idle_ns);
        evidence->fidelity = fidelity_of(in->now_ns, f->active_ns);
    }
}

static void set_dependence(const struct profile *p, struct item_dependence *d)
{
    if (!p)
        return;
    *d = (struct item_dependence){
        .items = p->n_items,
        .hand_offs = p->dependence.hand_offs,
        .lock_waits = p->dependence.lock_waits,
        .passed_on = p->dependence.passed_on,
        .locked_share = p->dependence.locked_share,
    };
}

int evidence_fill(const struct measurement *m, const struct forecast *f, enum model current, uint32_t current_workers,
                  struct evidence *evidence)
{
    struct inputs in = {.m = m, .f = f};
    int r = 0;

    for (size_t i = 0; i < m->n_replays; i++)
        if (m->replays[i].current && m->replays[i].n_runs > 0)
            in.now = &m->replays[i];
    if (in.now)
        in.now_ns = statistics_median(in.now->runs_ns, in.now->n_runs);
    in.distrusted = evidence->replays_distrusted = estimate_distrusts(f->active_ns, in.now_ns, f->now_ns);
    set_dependence(f->profile, &evidence->dependence);
    evidence->long_calls = f->profile && profile_has_long_calls(f->profile);
    evidence->nothing_to_await = f->profile && f->profile->nothing_to_await;
    evidence->waits_unknown = f->profile && f->profile->waits_unknown;
    evidence->tasks_held_up = f->profile && f->profile->tasks_held_up;
    for (size_t i = 0; i < m->n_processes; i++)
        evidence->serves |= m->processes[i].listens;
    in.longest_ns = longest_item_ns(f->profile);
    if (f->profile)
        r = simulate_work_init(f->profile, &f->costs, 0, &in.work);
    for (int i = 0; i < MODEL_COUNT && r == 0; i++) {
        struct model_evidence *row = &evidence->models[i];
        struct figures figures;

        if (!can_be_told(&in, (enum model)i))
            continue;
        r = gather(&in, (enum model)i, &figures);
        if (r == 0)
            r = fill_row(&in, &figures, row);
        if (r == 0 && row->available)
            r = add_assumptions(&in, &evidence->dependence, &figures, row);
    }
    if (r == 0)
        r = set_current(&in, current_workers, &evidence->models[current], evidence);
    set_fidelity(&in, evidence);
    simulate_work_clear(&in.work);
    return r;
}
