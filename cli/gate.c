/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/gate.h"

#include "analyzer/advice.h"
#include "analyzer/compare/compare.h"
#include "analyzer/findings/findings.h"
#include "base/base.h"
#include "cli/options.h"
#include "cli/say.h"

int gate_open(struct gate *gate, const struct options *options, const struct tree *tree)
{
    *gate = (struct gate){.options = options};
    return options->baseline ? load_judged(options, options->baseline, tree, &gate->baseline) : 0;
}

void gate_clear(struct gate *gate)
{
    load_judged_clear(&gate->baseline);
}

static bool is_named(const struct options *options, const struct finding *finding)
{
    bool nothing_named = options->fail_severity < 0 && options->n_fail_on == 0;
    int severity = nothing_named && options->baseline ? SEVERITY_LOW : options->fail_severity;

    for (size_t i = 0; i < options->n_fail_on; i++)
        if (options->fail_on[i] == finding->id)
            return true;
    return severity >= 0 && (int)finding->severity >= severity;
}

/* "new", "worse" for what the baseline does not excuse; NULL: it does */
static const char *against_baseline(const struct compare_finding *finding)
{
    if (finding->change == COMPARE_NEW)
        return "new";
    return finding->worse ? "worse" : NULL;
}

static bool fails_against_baseline(const struct gate *gate, const struct measurement *m, const struct advice *a)
{
    const struct compare_side before = {gate->baseline.m, gate->baseline.a}, after = {m, a};
    CLEANUP(comparison_clear) struct comparison comparison = {0};
    int r = compare(&before, &after, &comparison);

    if (r < 0) {
        say("can't compare with %s: %s.", gate->options->baseline,
            r == -EINVAL ? "one of the runs took no time at all" : strerror(-r));
        return true;
    }
    for (size_t i = 0; i < comparison.n_findings; i++) {
        const struct finding *finding = comparison.findings[i].after;
        const char *what = finding ? against_baseline(&comparison.findings[i]) : NULL;

        if (!what || !is_named(gate->options, finding))
            continue;
        say("failed: CA%04d %s is %s against %s.", finding->id, finding_slug(finding->id), what,
            gate->options->baseline);
        return true;
    }
    return false;
}

bool gate_fails(const struct gate *gate, const struct measurement *m, const struct advice *a)
{
    if (gate->options->baseline)
        return fails_against_baseline(gate, m, a);
    for (size_t i = 0; i < a->n_findings; i++) {
        if (!is_named(gate->options, &a->findings[i]))
            continue;
        say("failed on CA%04d %s, as --fail-on asks.", a->findings[i].id, finding_slug(a->findings[i].id));
        return true;
    }
    return false;
}
