/* SPDX-License-Identifier: BSD-2-Clause */

/* A file for --tree: loaded, drawn, and walked over numbers of its own. */

#include "analyzer/tree.h"
#include "base/base.h"
#include "report/report.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/json_mutator.h"

/* Another answer for each metric, and for each walk. */
static int metric(const char *name, double *ret_value, void *userdata)
{
    uint64_t hash = *(uint64_t *)userdata;

    while (*name)
        hash = (hash ^ (uint8_t)*name++) * UINT64_C(0x100000001b3);
    *ret_value = (double)(hash >> 40) / 65536.0 - 64.0;
    return 0;
}

static void free_steps(struct decision_step *steps, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(steps[i].id);
        free(steps[i].question);
        free(steps[i].metric);
        free(steps[i].unit);
        free(steps[i].comparison);
        free(steps[i].reason);
    }
    free(steps);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tree *tree = NULL;
    char message[256] = "";

    if (tree_load(fuzz_file(data, size), &tree, message, sizeof(message)) < 0) {
        FUZZ_CHECK(message[0]);
        return 0;
    }
    FUZZ_CHECK(report_explain_tree(fuzz_nowhere(), tree, 80) == 0);
    for (uint64_t seed = 1; seed < 4; seed++) {
        struct decision_step *steps = NULL;
        struct tree_leaf leaf;
        size_t n = 0;

        FUZZ_CHECK(tree_walk(tree, metric, &seed, &steps, &n, &leaf) == 0);
        if (n > 0)
            (void)tree_walk_flipped(tree, metric, &seed, steps[n - 1].id, &leaf);
        free_steps(steps, n);
    }
    tree_free(tree);
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
    return json_mutate(data, size, max_size, seed, NULL);
}
