/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/flips.h"

#include <math.h>

#include "analyzer/metrics.h"
#include "analyzer/tree.h"
#include "analyzer/words.h"
#include "base/base.h"

#define MAX_FLIPS 4

/* A node of the path and where its other answer would lead. */
struct flip {
    const struct decision_step *step;
    struct tree_leaf leaf;
    double distance; /* |value - limit| relative to the larger; 0: at the limit */
};

static double distance_of(const struct decision_step *step)
{
    return fabs(step->value - step->limit) / fmax(fmax(fabs(step->value), fabs(step->limit)), 1e-12);
}

static int compare_flips(const void *a, const void *b)
{
    double x = ((const struct flip *)a)->distance, y = ((const struct flip *)b)->distance;

    return (x > y) - (x < y);
}

static enum model model_of(const struct tree_leaf *leaf, const struct advice *advice)
{
    return leaf->model_current ? advice->current_model : leaf->model;
}

static bool is_other(const struct tree_leaf *leaf, const struct advice *advice)
{
    enum model model = model_of(leaf, advice);

    /* "Nothing was measured" is no condition anybody could bring about. */
    return model != MODEL_NONE &&
           (model != advice->recommendation.model || leaf->change != advice->recommendation.change);
}

static int describe(const struct flip *flip, struct advice *advice)
{
    const struct decision_step *step = flip->step;
    struct recommendation *r = &advice->recommendation;
    enum model model = model_of(&flip->leaf, advice);
    char value[WORDS_NUMBER], limit[WORDS_NUMBER];
    bool rises = step->value < step->limit;

    if (strcmp(step->unit, "bool") == 0)
        return words_append(&r->flips_if, &r->n_flips_if, "%s%s -> %s %s",
                            step->value != 0.0 ? "it is no longer so that " : "", metrics_words(step->metric),
                            change_to_str(flip->leaf.change), model_to_str(model));
    return words_append(&r->flips_if, &r->n_flips_if, "%s %s %s (now %s) -> %s %s", metrics_words(step->metric),
                        rises ? "rises to" : "falls below", words_value(step->limit, step->unit, limit),
                        words_value(step->value, step->unit, value), change_to_str(flip->leaf.change),
                        model_to_str(model));
}

static int add_runtime(const struct measurement *m, struct advice *advice)
{
    struct recommendation *r = &advice->recommendation;
    bool lock = m->target.runtime.interpreter_lock != INTERPRETER_LOCK_NONE;

    if (lock && r->change == CHANGE_SWITCH && (r->model == MODEL_PROCESSES || r->model == MODEL_PROCESSES_COROUTINES))
        return words_append(&r->flips_if, &r->n_flips_if,
                            m->target.runtime.kind == RUNTIME_CPYTHON
                                ? "the interpreter is free-threaded (python3.13t), or the hot code releases the GIL -> "
                                  "threads"
                                : "the hot code releases the interpreter lock -> threads");
    return 0;
}

int flips_fill(const struct measurement *m, const struct tree *tree, const struct metrics *metrics,
               const struct tree_leaf *leaf, struct advice *advice)
{
    AUTO_FREE struct flip *flips = calloc(advice->n_path + 1, sizeof(*flips));
    size_t n = 0;
    int r = 0;

    if (!flips)
        return -ENOMEM;
    for (size_t i = 0; i < advice->n_path; i++) {
        struct flip *flip = &flips[n];

        if (tree_walk_flipped(tree, metrics_lookup, (void *)metrics, advice->path[i].id, &flip->leaf) < 0)
            continue;
        flip->step = &advice->path[i];
        flip->distance = distance_of(flip->step);
        if (strcmp(flip->leaf.id, leaf->id) != 0 && is_other(&flip->leaf, advice))
            n++;
    }
    qsort(flips, n, sizeof(*flips), compare_flips);
    for (size_t i = 0; i < n && i < MAX_FLIPS && r == 0; i++)
        r = describe(&flips[i], advice);
    return r < 0 ? r : add_runtime(m, advice);
}
