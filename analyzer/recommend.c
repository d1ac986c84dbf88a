/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/recommend.h"

#include <math.h>

#include "analyzer/calibrated.h"
#include "analyzer/statistics.h"
#include "base/base.h"

/* From this speedup on, the same model with another worker count is a change worth naming. */
#define MENDED_WORTH 1.2

/* Rows are compared by what is different between them: what is wrong with the profile is wrong in all of them. */
static struct statistics_estimate speedup_of(const struct model_evidence *row)
{
    return (struct statistics_estimate){row->speedup, row->scatter[0], row->scatter[1]};
}

/* 1.0, but where the program as it is now is forecast for other CPUs. */
static double speedup_now(const struct evidence *evidence)
{
    for (int i = 0; i < MODEL_COUNT; i++)
        if (evidence->models[i].current && evidence->models[i].speedup > 0.0)
            return evidence->models[i].speedup;
    return 1.0;
}

/* The evidence a decision may rest on: replays where there are any, else forecasts (and the program as it is). */
static bool counts(const struct evidence *evidence, const struct model_evidence *row)
{
    if (!row->available)
        return false;
    return evidence->runs == 0 || evidence->replays_distrusted || row->source == SOURCE_REPLAY || row->current;
}

static enum model fastest(const struct evidence *evidence)
{
    enum model best = MODEL_NONE;

    for (int i = 0; i < MODEL_COUNT; i++) {
        const struct model_evidence *row = &evidence->models[i];

        if (counts(evidence, row) && (best == MODEL_NONE || row->speedup > evidence->models[best].speedup))
            best = (enum model)i;
    }
    return best;
}

/*
 * Replays differ by a few percent for reasons that are the sample's, not the program's: how items reach the workers,
 * where the scheduler puts them. A small difference counts where the forecast has a reason for it.
 */
static bool is_unexplained(const struct model_evidence *x, const struct model_evidence *y)
{
    double forecast_x = (double)x->forecast_ns, forecast_y = (double)y->forecast_ns;

    return x->forecast_ns > 0 && y->forecast_ns > 0 &&
           fabs(forecast_x - forecast_y) <= STATISTICS_TIE_SHARE * fmax(forecast_x, forecast_y) &&
           fabs(x->speedup - y->speedup) <= CALIBRATED_UNEXPLAINED_SHARE * fmax(x->speedup, y->speedup);
}

static bool ties(const struct evidence *evidence, enum model a, enum model b)
{
    const struct model_evidence *x = &evidence->models[a], *y = &evidence->models[b];
    struct statistics_estimate first, second;

    if (a == b)
        return true;
    if (!counts(evidence, x) || !counts(evidence, y))
        return false;
    first = speedup_of(x);
    second = speedup_of(y);
    return statistics_tie(&first, &second) || is_unexplained(x, y);
}

/* What a switch to `best` saves beyond `wanted` is nothing that anybody would notice in the run as it is now. */
static bool is_unnoticeable(const struct evidence *evidence, enum model wanted, enum model best)
{
    double left = 1.0 / evidence->models[wanted].speedup - 1.0 / evidence->models[best].speedup;
    /* Processes and event loops together are two things to learn instead of one. */
    double worth = best == MODEL_PROCESSES_COROUTINES ? CALIBRATED_WORTH_BOTH_SHARE : CALIBRATED_NOTICEABLE_SHARE;

    return evidence->models[wanted].speedup > 0.0 && left < worth;
}

/* A tie that is more than ignorance. */
static bool is_close(const struct evidence *evidence, enum model a, enum model b)
{
    double x = evidence->models[a].speedup, y = evidence->models[b].speedup;

    return ties(evidence, a, b) && fabs(x - y) <= CALIBRATED_SIMPLER_SHARE * fmax(x, y);
}

static enum model simplest_close(const struct evidence *evidence, enum model best)
{
    for (int i = 0; i < MODEL_COUNT; i++)
        if (is_close(evidence, (enum model)i, best))
            return (enum model)i;
    return best;
}

/*
 * Replays of the other models only, the program as it is now not being replayable, are measured against itself. Where
 * the replays miss the run, the simulation has to meet it.
 */
static bool is_trusted(const struct evidence *evidence)
{
    if (evidence->replays_distrusted)
        return evidence->forecast_fidelity >= CALIBRATED_POOR_FIDELITY;
    return evidence->runs > 0 && (evidence->replayed_now_ns == 0 || evidence->fidelity >= CALIBRATED_POOR_FIDELITY);
}

/*
 * The tree asks for an event loop because of memory and switching, which wall time does not show: a tie with as many
 * threads, or with more processes than it takes loops, is no reason to give it up; nor is any tie where there is a
 * server's loop already, of which only more are asked for.
 */
static bool needs_its_loop(const struct advice *advice, enum model wanted, enum model simplest)
{
    const struct model_evidence *models = advice->evidence.models;

    if (wanted == MODEL_COROUTINES)
        return simplest == MODEL_THREADS;
    if (wanted == MODEL_PROCESSES_COROUTINES && advice->current_model == MODEL_COROUTINES && advice->evidence.serves)
        return simplest == MODEL_THREADS || simplest == MODEL_PROCESSES;
    return wanted == MODEL_PROCESSES_COROUTINES && simplest == MODEL_PROCESSES &&
           models[MODEL_PROCESSES].workers > models[MODEL_PROCESSES_COROUTINES].workers;
}

/* There is an event loop already, which a pool beside it leaves in place: more processes without it are not simpler. */
static bool keeps_its_loop(const struct advice *advice, enum model best)
{
    const struct model_evidence *models = advice->evidence.models;

    return advice->current_model == MODEL_COROUTINES && is_close(&advice->evidence, MODEL_PROCESSES_COROUTINES, best) &&
           models[MODEL_PROCESSES].workers > models[MODEL_PROCESSES_COROUTINES].workers;
}

/* The model to switch to, when the tree says `wanted`. */
static enum model choose_switch(struct advice *advice, enum model wanted)
{
    struct evidence *evidence = &advice->evidence;
    enum model best = fastest(evidence), simplest;
    bool trusted = is_trusted(evidence);

    /* The tree asks for loops because of waits; these no loop can await. */
    if (evidence->nothing_to_await && wanted == MODEL_COROUTINES)
        wanted = MODEL_THREADS;
    if (evidence->nothing_to_await && wanted == MODEL_PROCESSES_COROUTINES)
        wanted = MODEL_PROCESSES;
    /* Of a loop whose waits nobody could count: a loop in each process is what can be said something about. */
    if (wanted == MODEL_PROCESSES && evidence->waits_unknown && evidence->runs > 0 &&
        advice->current_model == MODEL_COROUTINES && counts(evidence, &evidence->models[MODEL_PROCESSES_COROUTINES]))
        wanted = MODEL_PROCESSES_COROUTINES;
    if (best == MODEL_NONE || !counts(evidence, &evidence->models[wanted]))
        return wanted;
    if (!ties(evidence, wanted, best) && !is_unnoticeable(evidence, wanted, best)) {
        /* Forecasts and unfaithful replays don't overrule the tree: they rest on more assumptions than it does. */
        if (!trusted)
            return wanted;
        evidence->disagrees = true;
        wanted = best;
    }
    if (trusted && is_close(evidence, advice->current_model, best))
        return advice->current_model;
    simplest = simplest_close(evidence, best);
    if (trusted && (wanted == MODEL_PROCESSES || simplest == MODEL_PROCESSES) && keeps_its_loop(advice, best))
        return MODEL_PROCESSES_COROUTINES;
    if (simplest > wanted || needs_its_loop(advice, wanted, simplest))
        return wanted;
    /* That nothing would change is too much to conclude from them, too. */
    return trusted || (simplest != MODEL_SERIAL && simplest != advice->current_model) ? simplest : wanted;
}

/*
 * What the decision rests on, trusted replays or a forecast that is all there is, sees nothing to gain: nobody rewrites
 * a program for "1.0x expected".
 */
static bool gains_nothing(const struct evidence *evidence, enum model model)
{
    const struct model_evidence *row = &evidence->models[model];
    bool forecast = evidence->runs == 0 || evidence->replays_distrusted;

    if (!row->available || row->speedup >= (1.0 + CALIBRATED_NOTICEABLE_SHARE) * speedup_now(evidence))
        return false;
    return forecast ? evidence->forecast_now_ns > 0 && row->forecast_ns > 0
                    : is_trusted(evidence) && row->source == SOURCE_REPLAY;
}

/* A pool of one does what serial code does: a replay that says it is faster measured the machine. */
static bool is_serial_again(const struct advice *advice, enum model model)
{
    const struct model_evidence *row = &advice->evidence.models[model];

    return advice->current_model == MODEL_SERIAL && (model == MODEL_THREADS || model == MODEL_PROCESSES) &&
           row->available && row->workers == 1;
}

double recommend_worth_ns(enum model current)
{
    return current == MODEL_SERIAL ? CALIBRATED_OVERRULE_SERIAL_NS : CALIBRATED_OVERRULE_NS;
}

/* Does another model beat staying with this one by so much that staying would be wrong? */
static enum model overrule(struct advice *advice, double stay, double factor)
{
    struct evidence *evidence = &advice->evidence;
    enum model best = fastest(evidence);
    const struct model_evidence *row;
    double now_ns = (double)advice->recommendation.now_ns;
    if (best == MODEL_NONE || !is_trusted(evidence) || best == advice->current_model)
        return MODEL_NONE;
    row = &evidence->models[best];
    if (row->scatter[0] < factor * stay ||
        now_ns / stay - now_ns / row->speedup < recommend_worth_ns(advice->current_model))
        return MODEL_NONE;
    evidence->disagrees = true;
    best = simplest_close(evidence, best);
    /* There is a loop already: to run it in each process is less of a change than to do without. */
    if ((best == MODEL_PROCESSES || (best == MODEL_THREADS && evidence->serves)) &&
        advice->current_model == MODEL_COROUTINES && is_close(evidence, MODEL_PROCESSES_COROUTINES, best))
        return MODEL_PROCESSES_COROUTINES;
    return best;
}

/* Findings whose gain comes without a change of model. */
static bool is_mendable(int id)
{
    return id == 2101 || id == 2201 || id == 3002 || id == 3101 || id == 4001 || id == 4002;
}

static double best_gain(const struct advice *advice)
{
    double gain = 1.0;

    for (size_t i = 0; i < advice->n_findings; i++)
        if (is_mendable(advice->findings[i].id))
            gain = fmax(gain, advice->findings[i].gain);
    return gain;
}

static void set_expected(struct recommendation *r, double speedup, double low, double high, bool replayed)
{
    r->expected_speedup = fmax(1.0, speedup);
    r->interval[0] = fmin(r->expected_speedup, low > 0.0 ? low : r->expected_speedup);
    r->interval[1] = fmax(r->expected_speedup, high);
    r->expected_ns = (uint64_t)llround((double)r->now_ns / r->expected_speedup);
    r->replayed = replayed;
}

static void expect_model(struct advice *advice, uint32_t cpus, uint32_t *ret_in_flight)
{
    struct recommendation *r = &advice->recommendation;
    const struct model_evidence *row = &advice->evidence.models[r->model];

    r->workers = row->available && row->workers > 0 ? row->workers : r->model == MODEL_SERIAL ? 1 : cpus;
    r->bound = row->available ? row->bound : BOUND_NONE;
    *ret_in_flight = row->available ? row->in_flight : 0;
    set_expected(r, row->available ? row->speedup : 1.0, row->speedup_interval[0], row->speedup_interval[1],
                 row->source == SOURCE_REPLAY);
}

/* The same model, mended: what the replay or forecast of the model says, or the finding's own gain if it says more. */
static void expect_mended(struct advice *advice, uint32_t cpus, uint32_t *ret_in_flight)
{
    struct recommendation *r = &advice->recommendation;
    const struct evidence *evidence = &advice->evidence;
    bool known = r->model == advice->current_model && evidence->mended_workers > 0 &&
                 evidence->mended_speedup >= best_gain(advice) * (1.0 - STATISTICS_TIE_SHARE);
    bool counted;

    /* That one worker would do as well says how little the others get done; as a pool to stay with it is no advice. */
    counted = known && (evidence->mended_workers > 1 || advice->current_workers <= 1);
    r->workers = counted ? evidence->mended_workers : advice->current_workers;
    if (r->workers == 0)
        r->workers = cpus;
    r->bound = counted ? evidence->mended_bound : BOUND_NONE;
    *ret_in_flight = known ? evidence->mended_in_flight : 0;
    if (known)
        set_expected(r, evidence->mended_speedup, evidence->mended_interval[0], evidence->mended_interval[1],
                     evidence->mended_source == SOURCE_REPLAY);
    else
        set_expected(r, best_gain(advice), 0.0, 0.0, false);
}

/* With the recommended model; where that is the current one mended, with what is expected of it then. */
static void list_ties(struct advice *advice)
{
    struct evidence *evidence = &advice->evidence;
    const struct recommendation *r = &advice->recommendation;
    const struct statistics_estimate mended = {r->expected_speedup, r->interval[0], r->interval[1]};

    for (int i = 0; i < MODEL_COUNT; i++) {
        const struct model_evidence *row = &evidence->models[i];
        struct statistics_estimate other = speedup_of(row);
        bool tie = r->change == CHANGE_FIX ? counts(evidence, row) && statistics_tie(&other, &mended)
                                           : ties(evidence, (enum model)i, r->model);

        if (tie && (enum model)i != r->model)
            evidence->ties[evidence->n_ties++] = (enum model)i;
    }
}

/*
 * A source that misses the program as it is now is believed by half (calibrated.h), and promises what it misses: the
 * same model with other workers has to be worth it by what that source says of both, too.
 */
static bool is_worth_mending(const struct evidence *evidence, double now, double mended)
{
    return mended >= MENDED_WORTH * now &&
           (evidence->mended_by_itself <= 0.0 || evidence->mended_by_itself >= MENDED_WORTH);
}

/* Kept as it is, but with another number of workers it would take so much less that keeping that number is wrong. */
static bool wants_other_workers(const struct advice *advice, double now, double mended)
{
    const struct evidence *evidence = &advice->evidence;
    double now_ns = (double)advice->recommendation.now_ns;

    return is_trusted(evidence) && evidence->mended_workers > 0 &&
           evidence->mended_workers != advice->current_workers && is_worth_mending(evidence, now, mended) &&
           now_ns / now - now_ns / mended >= CALIBRATED_OVERRULE_NS;
}

/*
 * A pipeline: that one worker could do an item from end to end is an assumption, more workers for its stages are none.
 * So a switch has to save as much over these as what overrules a verdict to stay.
 */
static bool gains_by_workers(const struct advice *advice, double now, double mended)
{
    const struct evidence *evidence = &advice->evidence;
    const struct model_evidence *row = &evidence->models[advice->recommendation.model];
    double now_ns = (double)advice->recommendation.now_ns;

    return advice->recommendation.model != advice->current_model && evidence->dependence.items > 0 &&
           evidence->dependence.passed_on >= evidence->dependence.items && wants_other_workers(advice, now, mended) &&
           counts(evidence, row) && now_ns / mended - now_ns / row->speedup < recommend_worth_ns(advice->current_model);
}

/* Model and change, before any number is filled in. @return what is to change is the number of workers */
static bool decide(const struct tree_leaf *leaf, struct advice *advice)
{
    struct recommendation *r = &advice->recommendation;
    double now = speedup_now(&advice->evidence), mended = fmax(now, advice->evidence.mended_speedup);
    enum model other = MODEL_NONE;

    r->model = leaf->model_current ? advice->current_model : leaf->model;
    r->change = leaf->change;
    /* That items are independent is what all forecasts rest on: where tasks wait for each other they overrule nothing.
     */
    if (r->model == MODEL_NONE || leaf->firm || (r->change == CHANGE_KEEP && advice->evidence.tasks_held_up))
        return false;
    if (r->change == CHANGE_SWITCH && r->model != advice->current_model)
        r->model = choose_switch(advice, r->model);
    if (r->change == CHANGE_SWITCH && gains_nothing(&advice->evidence, r->model))
        r->model = advice->current_model;
    else if (r->change == CHANGE_KEEP)
        other = overrule(advice, mended, CALIBRATED_OVERRULE_KEEP);
    else if (r->change == CHANGE_FIX)
        other = overrule(advice, fmax(mended, now * best_gain(advice)), CALIBRATED_OVERRULE_FIX);
    if (other != MODEL_NONE) {
        r->model = other;
        r->change = CHANGE_SWITCH;
    }
    if (r->change == CHANGE_SWITCH && is_serial_again(advice, r->model))
        r->model = advice->current_model;
    if ((r->change == CHANGE_KEEP && wants_other_workers(advice, now, mended)) ||
        (r->change == CHANGE_SWITCH && other == MODEL_NONE && gains_by_workers(advice, now, mended))) {
        r->model = advice->current_model;
        r->change = CHANGE_FIX;
        return true;
    }
    /* The tree asks for a model that is in use already: what is left is how it is used. */
    if (r->change == CHANGE_SWITCH && r->model == advice->current_model)
        r->change = is_worth_mending(&advice->evidence, now, mended) ? CHANGE_FIX : CHANGE_KEEP;
    return false;
}

int recommend(const struct measurement *m, const struct tree_leaf *leaf, uint32_t cpus, struct advice *advice,
              uint32_t *ret_in_flight)
{
    struct recommendation *r = &advice->recommendation;

    *ret_in_flight = 0;
    r->now_ns = m->wall_ns;
    r->stretch = m->target.attached;
    r->why_id = strdup(leaf->wording);
    if (!r->why_id)
        return -ENOMEM;
    if (decide(leaf, advice)) {
        free(r->why_id);
        r->why_id = strdup("other_workers");
        if (!r->why_id)
            return -ENOMEM;
    }
    if (r->model == MODEL_NONE) {
        r->expected_ns = r->now_ns;
        return 0;
    }
    if (r->change == CHANGE_KEEP) {
        r->workers = advice->current_workers;
        double now = speedup_now(&advice->evidence);

        set_expected(r, now, now, now, false);
    } else if (r->change == CHANGE_FIX) {
        expect_mended(advice, cpus, ret_in_flight);
    } else {
        expect_model(advice, cpus, ret_in_flight);
    }
    r->long_calls = r->model == MODEL_COROUTINES && advice->evidence.long_calls;
    list_ties(advice);
    return 0;
}
