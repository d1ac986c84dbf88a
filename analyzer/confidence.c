/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/confidence.h"

#include <math.h>
#include <stdarg.h>

#include "analyzer/calibrated.h"
#include "analyzer/metrics.h"
#include "analyzer/statistics.h"
#include "analyzer/words.h"
#include "base/base.h"

#define NEAR_LIMIT 0.2 /* a value closer than this to its limit may be on the other side next time */
#define LOSS_WORTH_SAYING 0.01
#define LOSS_TOO_LARGE 0.1
#define SHORT_RUN_NS (500 * NSEC_PER_MSEC)
#define MANY_POLLS 8 /* of one thread: fewer are a connection being set up */

/* Lower the confidence to at most `level`, because of ... */
static int PRINTF_LIKE(3, 4) lower(struct recommendation *r, enum confidence level, const char *format, ...)
{
    AUTO_FREE char *text = NULL;
    va_list args;
    int n;

    va_start(args, format);
    n = vasprintf(&text, format, args);
    va_end(args);
    if (n < 0)
        return -ENOMEM;
    if (r->confidence > level)
        r->confidence = level;
    return words_append(&r->confidence_reasons, &r->n_confidence_reasons, "%s", text);
}

static int judge_margin(const struct advice *advice, struct recommendation *r)
{
    for (size_t i = 0; i < advice->n_path; i++) {
        const struct decision_step *step = &advice->path[i];
        double scale = fmax(fabs(step->value), fabs(step->limit));
        char value[WORDS_NUMBER], limit[WORDS_NUMBER];
        int error;

        /* Counts next to their limit are exact, yes and no have no margin. */
        if (strcmp(step->unit, "bool") == 0 || strcmp(step->unit, "count") == 0)
            continue;
        if (fabs(step->value - step->limit) >= NEAR_LIMIT * scale)
            continue;
        error = lower(r, CONFIDENCE_MEDIUM, "%s is %s, close to its limit %s", metrics_words(step->metric),
                      words_value(step->value, step->unit, value), words_value(step->limit, step->unit, limit));
        if (error < 0)
            return error;
    }
    return 0;
}

/* How close replay and simulation of the program as it is now come to it. */
static int judge_fidelity(const struct evidence *evidence, struct recommendation *r)
{
    enum confidence poor = r->change == CHANGE_KEEP ? CONFIDENCE_MEDIUM : CONFIDENCE_LOW;
    char text[WORDS_NUMBER];
    int error = 0;

    if (r->change != CHANGE_KEEP && !r->replayed)
        error = lower(r, CONFIDENCE_MEDIUM, "the gain is a forecast, not replayed");
    if (error == 0 && r->change != CHANGE_KEEP && !r->replayed && evidence->forecast_now_ns > 0 &&
        evidence->forecast_fidelity < CALIBRATED_POOR_FIDELITY)
        error = lower(r, CONFIDENCE_LOW, "the forecast of the program as it is now is off by %s",
                      words_share(1.0 - evidence->forecast_fidelity, text));
    if (error < 0 || evidence->replayed_now_ns == 0)
        return error;
    if (evidence->fidelity < CALIBRATED_POOR_FIDELITY)
        return lower(r, poor, "replaying the program as it is now is %s faithful",
                     words_share(evidence->fidelity, text));
    if (evidence->fidelity < CALIBRATED_GOOD_FIDELITY && r->change != CHANGE_KEEP)
        return lower(r, CONFIDENCE_MEDIUM, "replaying the program as it is now is %s faithful",
                     words_share(evidence->fidelity, text));
    return 0;
}

/* Replay and simulation of what is advised, and of what it is compared with, tell the same story or are named. */
static int judge_agreement(const struct evidence *evidence, struct recommendation *r)
{
    for (int i = 0; i < MODEL_COUNT; i++) {
        const struct model_evidence *row = &evidence->models[i];
        bool advised = (enum model)i == r->model;
        bool contradicts = fabs(log(row->agreement > 0.0 ? row->agreement : 1.0)) > log1p(CALIBRATED_CONTRADICTS_SHARE);
        char replayed[WORDS_NUMBER], simulated[WORDS_NUMBER];
        int error;

        if (!row->available || !row->disagreement || (!advised && !row->current))
            continue;
        if (row->current && evidence->fidelity < CALIBRATED_GOOD_FIDELITY) /* said already */
            continue;
        error = lower(r, advised && contradicts && r->change != CHANGE_KEEP ? CONFIDENCE_LOW : CONFIDENCE_MEDIUM,
                      "%s%s: replay and simulation disagree (%s and %s)", model_to_str(row->model),
                      row->current ? " as it is now" : "", words_ns((double)row->replay_ns, replayed),
                      words_ns((double)row->forecast_ns, simulated));
        if (error < 0)
            return error;
    }
    return 0;
}

static double square(double x)
{
    return x * x;
}

/* Squared half-width, as a logarithm, of what is uncertain about a row when it is compared with another. */
static double doubt(double low, double high, double agreement)
{
    double apart = agreement > 0.0 ? log(agreement) : 0.0;

    return square(low > 0.0 ? log(high / low) / 2.0 : 0.0) + square(CALIBRATED_DISAGREEMENT_WEIGHT * apart);
}

static bool is_tie(const struct evidence *evidence, enum model model)
{
    for (size_t i = 0; i < evidence->n_ties; i++)
        if (evidence->ties[i] == model)
            return true;
    return false;
}

/* The rival that comes closest to being the better advice. */
static const struct model_evidence *strongest_rival(const struct evidence *evidence, const struct recommendation *r)
{
    const struct model_evidence *best = NULL;

    for (int i = 0; i < MODEL_COUNT; i++) {
        const struct model_evidence *row = &evidence->models[i];
        bool faster = row->speedup > (1.0 + STATISTICS_TIE_SHARE) * r->expected_speedup;

        if (!row->available || (enum model)i == r->model || row->speedup <= 0.0)
            continue;
        if (evidence->runs > 0 && !evidence->replays_distrusted && row->source != SOURCE_REPLAY && !row->current)
            continue;
        if (is_tie(evidence, (enum model)i) && !faster)
            continue;
        if (!best || row->speedup > best->speedup)
            best = row;
    }
    return best;
}

/* The distance to the next model that is no tie, against what is uncertain about it. */
static int judge_rival(const struct evidence *evidence, struct recommendation *r)
{
    const struct model_evidence *rival = strongest_rival(evidence, r), *row = &evidence->models[r->model];
    double distance, width;
    char text[WORDS_NUMBER];

    if (!rival || (rival->current && r->expected_speedup < 1.0 + STATISTICS_TIE_SHARE)) /* little gain: said so */
        return 0;
    distance = log(r->expected_speedup / rival->speedup);
    width = sqrt(square(log1p(CALIBRATED_FLOOR_BETWEEN_ROWS)) +
                 doubt(rival->scatter[0], rival->scatter[1], rival->agreement) +
                 doubt(row->scatter[0], row->scatter[1], row->agreement));
    if (distance < 0.0)
        return lower(r, CONFIDENCE_MEDIUM, "%s may be %.2gx as fast", model_to_str(rival->model), exp(-distance));
    if (distance < CALIBRATED_CLEAR_MARGIN * width && rival->current)
        return lower(r, CONFIDENCE_MEDIUM, "the gain is hardly more than what the figures may be off");
    if (distance < CALIBRATED_CLEAR_MARGIN * width)
        return lower(r, CONFIDENCE_MEDIUM, "%s comes within %s", model_to_str(rival->model),
                     words_share(expm1(distance), text));
    return 0;
}

/* Items that wait for each other can't be rearranged at will. */
static int judge_dependence(const struct item_dependence *d, struct recommendation *r)
{
    uint64_t against = d->hand_offs + d->passed_on;
    double share = metrics_share((double)against, (double)d->items);

    if (r->change == CHANGE_KEEP || r->model == MODEL_SERIAL || share < CALIBRATED_DEPENDENT_SHARE)
        return 0;
    return lower(r, share < 1.0 ? CONFIDENCE_MEDIUM : CONFIDENCE_LOW,
                 "items may depend on each other: %llu hand-offs between %llu items", (unsigned long long)against,
                 (unsigned long long)d->items);
}

static int judge_evidence(const struct evidence *evidence, struct recommendation *r)
{
    int error = judge_fidelity(evidence, r);

    if (error == 0)
        error = judge_agreement(evidence, r);
    if (error == 0 && r->interval[1] - r->interval[0] > CALIBRATED_WIDE_INTERVAL * r->expected_speedup)
        error = lower(r, CONFIDENCE_MEDIUM, "the interval of the forecast is wide");
    if (error == 0)
        error = judge_rival(evidence, r);
    if (error == 0)
        error = judge_dependence(&evidence->dependence, r);
    if (error == 0 && evidence->waits_unknown)
        error = lower(r, CONFIDENCE_MEDIUM, "it is not known how many waits of the event loop overlapped");
    if (error == 0 && evidence->tasks_held_up)
        error = lower(r, CONFIDENCE_MEDIUM,
                      "tasks of the event loop may wait for each other: mostly less than half of "
                      "its peak was under way");
    if (error == 0 && evidence->disagrees)
        error = lower(r, CONFIDENCE_MEDIUM, "the decision tree expected another model than the replay shows");
    if (error == 0 && r->change == CHANGE_SWITCH && r->expected_speedup < 1.05)
        error =
            lower(r, CONFIDENCE_LOW, "the %s sees little gain on this machine", r->replayed ? "replay" : "forecast");
    return error;
}

/* Native code that waits for several descriptors at once again and again, and is not known as an event loop. */
static bool polls_like_a_loop(const struct measurement *m)
{
    if (m->target.runtime.kind != RUNTIME_NATIVE)
        return false;
    for (size_t i = 0; i < m->n_threads; i++) {
        bool loop = false;

        for (size_t k = 0; k < m->n_loops; k++)
            loop |= m->loops[k].tid == m->threads[i].tid;
        if (!loop && m->threads[i].poll_count >= MANY_POLLS)
            return true;
    }
    return false;
}

static int judge_data(const struct measurement *m, const struct metrics *metrics, struct recommendation *r)
{
    double loss = metrics->value[METRIC_DATA_LOSS_SHARE], slices = metrics_slices_lost(m);
    char text[WORDS_NUMBER];
    int error = 0;

    if (loss >= LOSS_WORTH_SAYING)
        error = lower(r, CONFIDENCE_MEDIUM, "%s of thread time is unexplained", words_share(loss, text));
    if (error == 0 && slices >= LOSS_WORTH_SAYING)
        error = lower(r, slices >= LOSS_TOO_LARGE ? CONFIDENCE_LOW : CONFIDENCE_MEDIUM,
                      "%s of the slices that forecast and replays rest on were lost", words_share(slices, text));
    if (error == 0 && strcmp(m->probe, "procfs") == 0)
        error = lower(r, CONFIDENCE_MEDIUM, "measured without privileges: fewer causes are told apart");
    if (error == 0 && m->target.runtime.interpreter_lock == INTERPRETER_LOCK_UNKNOWN)
        error = lower(r, CONFIDENCE_LOW, "waits for the interpreter lock could not be told from other hand-offs");
    if (error == 0 && polls_like_a_loop(m))
        error = lower(r, CONFIDENCE_MEDIUM,
                      "it polls several descriptors at once: an event loop around poll() hides how "
                      "many waits overlap already");
    if (error == 0 && m->wall_ns < SHORT_RUN_NS)
        error = lower(r, CONFIDENCE_MEDIUM, "the run was short: %s", words_ns((double)m->wall_ns, text));
    if (error == 0 && m->target.exited && (m->target.exit_status != 0 || m->target.signal != 0))
        error = lower(r, CONFIDENCE_MEDIUM, "the program failed: what was measured may not be its usual work");
    return error;
}

/* That little time is to win is sure; that no other model is faster is not. */
static int judge_small_gain(const struct metrics *metrics, struct recommendation *r)
{
    char text[WORDS_NUMBER];

    if (r->change != CHANGE_KEEP || strcmp(r->why_id, "small_gain") != 0)
        return 0;
    return lower(r, CONFIDENCE_MEDIUM, "up to %s could be saved, little time as it is",
                 words_share(metrics->value[METRIC_POTENTIAL_GAIN_SHARE], text));
}

static int add_assumptions(const struct measurement *m, const struct metrics *metrics, const struct advice *advice,
                           struct recommendation *r)
{
    const struct model_evidence *row = &advice->evidence.models[r->model];
    bool loop_by_timers = metrics->value[METRIC_LOOP_SERIAL_AWAITS] != 0.0;
    int error = 0;

    if (r->change == CHANGE_KEEP)
        return 0;
    for (size_t i = 0; i < row->n_assumptions && error == 0; i++)
        error = words_append(&r->assumptions, &r->n_assumptions, "%s", row->assumptions[i]);
    for (size_t i = 0; i < m->n_loops; i++)
        loop_by_timers = loop_by_timers && m->loops[i].outstanding_max == 0 && m->loops[i].sleepers_mean <= 0;
    if (error == 0 && loop_by_timers)
        error = words_append(&r->assumptions, &r->n_assumptions,
                             "the loop waits for one timer at a time (inferred from waits of equal length)");
    if (error == 0 && m->cpu_samples == 0 && m->target.runtime.interpreter_lock == INTERPRETER_LOCK_PRESENT)
        error = words_append(&r->assumptions, &r->n_assumptions,
                             "CPU work holds the interpreter lock (it was not sampled)");
    return error;
}

static int add_not_seen(const struct measurement *m, struct recommendation *r)
{
    char text[WORDS_NUMBER];
    int error = words_append(&r->not_seen, &r->n_not_seen, "anything after %s", words_ns((double)m->wall_ns, text));

    if (error == 0)
        error = words_append(&r->not_seen, &r->n_not_seen, "GPU");
    if (error == 0)
        error = words_append(&r->not_seen, &r->n_not_seen, "memory bandwidth");
    if (error == 0 && m->target.runtime.kind == RUNTIME_GO)
        error = words_append(&r->not_seen, &r->n_not_seen, "goroutines that block without blocking a thread");
    if (error == 0 && m->target.runtime.kind == RUNTIME_JVM)
        error = words_append(&r->not_seen, &r->n_not_seen, "virtual threads that block without blocking a thread");
    if (error == 0 && strcmp(m->probe, "procfs") == 0)
        error = words_append(&r->not_seen, &r->n_not_seen,
                             "without privileges: who ended a wait, waits between two looks one by one, native stacks");
    if (error == 0 && m->loss.decimation > 1)
        error = words_append(&r->not_seen, &r->n_not_seen, "%u of every %u slices (totals are complete)",
                             m->loss.decimation - 1, m->loss.decimation);
    if (error == 0 && m->loss.slices_dropped > 0)
        error = words_append(&r->not_seen, &r->n_not_seen, "%llu slices that were lost (totals are complete)",
                             (unsigned long long)m->loss.slices_dropped);
    return error;
}

int confidence_fill(const struct measurement *m, const struct metrics *metrics, struct advice *advice)
{
    struct recommendation *r = &advice->recommendation;
    int error;

    r->confidence = r->model == MODEL_NONE ? CONFIDENCE_NONE : CONFIDENCE_HIGH;
    error = add_not_seen(m, r);
    if (error < 0 || r->model == MODEL_NONE)
        return error;
    error = judge_margin(advice, r);
    if (error == 0)
        error = judge_evidence(&advice->evidence, r);
    if (error == 0)
        error = judge_small_gain(metrics, r);
    if (error == 0)
        error = judge_data(m, metrics, r);
    return error < 0 ? error : add_assumptions(m, metrics, advice, r);
}
