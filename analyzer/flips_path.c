/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/flips_path.h"

#include <math.h>

#include "analyzer/metrics.h"
#include "analyzer/tree.h"
#include "analyzer/words.h"
#include "base/base.h"

#define MAX_TURNS 4

/* A node of the path and where its other answer would lead. */
struct turn {
    const struct decision_step *step;
    struct tree_leaf leaf;
    double distance; /* |value - limit| relative to the larger; 0: at the limit */
};

static double distance_of(const struct decision_step *step)
{
    return fabs(step->value - step->limit) / fmax(fmax(fabs(step->value), fabs(step->limit)), 1e-12);
}

static int compare_turns(const void *a, const void *b)
{
    double x = ((const struct turn *)a)->distance, y = ((const struct turn *)b)->distance;

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

static int describe(const struct turn *turn, struct advice *advice)
{
    const struct decision_step *step = turn->step;
    struct recommendation *r = &advice->recommendation;
    enum model model = model_of(&turn->leaf, advice);
    char value[WORDS_NUMBER], limit[WORDS_NUMBER];
    bool rises = step->value < step->limit;

    if (strcmp(step->unit, "bool") == 0)
        return words_append(&r->flips_if, &r->n_flips_if, "%s%s -> %s %s",
                            step->value != 0.0 ? "it is no longer so that " : "", metrics_words(step->metric),
                            change_to_str(turn->leaf.change), model_to_str(model));
    return words_append(&r->flips_if, &r->n_flips_if, "%s %s %s (now %s) -> %s %s", metrics_words(step->metric),
                        rises ? "rises to" : "falls below", words_value(step->limit, step->unit, limit),
                        words_value(step->value, step->unit, value), change_to_str(turn->leaf.change),
                        model_to_str(model));
}

int flips_by_path(const struct tree *tree, const struct metrics *metrics, const struct tree_leaf *leaf,
                  struct advice *advice)
{
    AUTO_FREE struct turn *turns = calloc(advice->n_path + 1, sizeof(*turns));
    size_t n = 0;
    int r = 0;

    if (!turns)
        return -ENOMEM;
    for (size_t i = 0; i < advice->n_path; i++) {
        struct turn *turn = &turns[n];

        if (tree_walk_flipped(tree, metrics_lookup, (void *)metrics, advice->path[i].id, &turn->leaf) < 0)
            continue;
        turn->step = &advice->path[i];
        turn->distance = distance_of(turn->step);
        if (strcmp(turn->leaf.id, leaf->id) != 0 && is_other(&turn->leaf, advice))
            n++;
    }
    qsort(turns, n, sizeof(*turns), compare_turns);
    for (size_t i = 0; i < n && i < MAX_TURNS && r == 0; i++)
        r = describe(&turns[i], advice);
    return r;
}
