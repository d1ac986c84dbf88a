/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The way through the room: lanes -> metrics -> current model -> forecast -> evidence -> findings -> tree ->
 * recommendation -> confidence, flips, construct, sketches; beside it the critical path and who waits for whom. Every
 * step is a file of its own.
 */
#include "analyzer/analyze.h"

#include "analyzer/advice.h"
#include "analyzer/confidence.h"
#include "analyzer/construct.h"
#include "analyzer/critical_path.h"
#include "analyzer/current.h"
#include "analyzer/evidence.h"
#include "analyzer/findings/detect.h"
#include "analyzer/flips.h"
#include "analyzer/forecast.h"
#include "analyzer/lanes.h"
#include "analyzer/metrics.h"
#include "analyzer/profile/profile.h"
#include "analyzer/recommend.h"
#include "analyzer/sketch.h"
#include "analyzer/thread_groups.h"
#include "analyzer/thread_index.h"
#include "analyzer/tree.h"
#include "analyzer/wait_for.h"
#include "base/base.h"

static int detect(const struct measurement *m, const struct lanes *lanes, const struct metrics *metrics, uint32_t cpus,
                  const struct analyze_options *options, struct advice *advice)
{
    const struct finding_context context = {
        .m = m,
        .lanes = lanes,
        .metrics = metrics,
        .evidence = &advice->evidence,
        .cpus = cpus,
        .current_model = advice->current_model,
    };
    struct finding_list list = {0};
    int r = findings_detect(&context, options->ignored, options->n_ignored, &list);

    if (r < 0)
        return r;
    advice->findings = list.items;
    advice->n_findings = list.n;
    return 0;
}

static int judge(const struct measurement *m, const struct metrics *metrics, const struct forecast *forecast,
                 const struct tree *tree, struct advice *advice)
{
    struct recommendation *recommendation = &advice->recommendation;
    struct tree_leaf leaf;
    uint32_t in_flight;
    int r = tree_walk(tree, metrics_lookup, (void *)metrics, &advice->path, &advice->n_path, &leaf);

    if (r < 0)
        return r;
    r = recommend(m, &leaf, forecast->cpus, advice, &in_flight);
    if (r < 0)
        return r;
    recommendation->construct = construct_of(m->target.runtime.kind, recommendation, in_flight);
    r = construct_actions(m, advice->findings, advice->n_findings, in_flight, recommendation);
    if (r == 0)
        r = sketches_fill(m, in_flight, advice);
    if (r == 0)
        r = confidence_fill(m, metrics, advice);
    if (r == 0 && recommendation->model != MODEL_NONE)
        r = flips_fill(m, forecast, &(struct flips_path){tree, metrics, &leaf}, advice);
    return r;
}

/* The profile knows items: threads that only start workers, feed them or wait for them are none. */
static void count_workers(const struct forecast *forecast, struct advice *advice)
{
    if (forecast->profile && (advice->current_model == MODEL_THREADS || advice->current_model == MODEL_PROCESSES))
        advice->current_workers = forecast->profile->current_workers;
}

/* Who waited for whom, and the chain of it that the run's length hangs on. */
static int follow_waits(const struct measurement *m, struct advice *advice)
{
    CLEANUP(thread_index_freep) struct thread_index *index = NULL;
    CLEANUP(thread_groups_freep) struct thread_groups *groups = NULL;
    int r = thread_index_new(m, &index);

    if (r == 0)
        r = thread_groups_new(m, index, &groups);
    if (r == 0)
        r = critical_path_fill(m, index, groups, &advice->critical_path);
    if (r == 0)
        r = wait_for_fill(m, index, groups, &advice->waits, &advice->n_waits);
    return r;
}

int analyze(const struct measurement *m, const struct analyze_options *options, struct advice **ret_advice)
{
    static const struct analyze_options defaults;
    CLEANUP(advice_freep) struct advice *advice = NULL;
    CLEANUP(lanes_freep) struct lanes *lanes = NULL;
    CLEANUP(forecast_clear) struct forecast forecast = {0};
    struct metrics metrics;
    uint32_t cpus;
    int r;

    if (!options)
        options = &defaults;
    if (measurement_check(m, NULL) < 0)
        return -EBADMSG;
    cpus = options->cpus > 0 ? options->cpus : measurement_cpus(m);
    advice = advice_new();
    if (!advice)
        return -ENOMEM;
    r = lanes_new(m, &lanes);
    if (r == 0)
        r = metrics_compute(m, lanes, cpus, &metrics);
    if (r < 0)
        return r;
    advice->current_model = current_detect(lanes, &metrics, &advice->current_workers);
    r = forecast_init(m, advice->current_model, advice->current_workers, cpus, &forecast);
    if (r == 0)
        count_workers(&forecast, advice);
    if (r == 0)
        r = evidence_fill(m, &forecast, advice->current_model, advice->current_workers, &advice->evidence);
    if (r == 0)
        r = detect(m, lanes, &metrics, cpus, options, advice);
    if (r == 0)
        r = judge(m, &metrics, &forecast, options->tree ? options->tree : tree_builtin(), advice);
    if (r == 0)
        r = follow_waits(m, advice);
    if (r < 0)
        return r;
    *ret_advice = TAKE_PTR(advice);
    return 0;
}
