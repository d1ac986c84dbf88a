/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/advice.h"

#include "base/base.h"

static void free_strings(char **strings, size_t n)
{
    for (size_t i = 0; strings && i < n; i++)
        free(strings[i]);
    free(strings);
}

static void step_clear(struct decision_step *step)
{
    free(step->id);
    free(step->question);
    free(step->metric);
    free(step->unit);
    free(step->comparison);
    free(step->reason);
}

static void recommendation_clear(struct recommendation *r)
{
    free(r->construct);
    free(r->why_id);
    free_strings(r->confidence_reasons, r->n_confidence_reasons);
    free_strings(r->assumptions, r->n_assumptions);
    free_strings(r->flips_if, r->n_flips_if);
    free_strings(r->not_seen, r->n_not_seen);
    free_strings(r->actions, r->n_actions);
    for (size_t i = 0; i < r->n_sketches; i++)
        sketch_clear(&r->sketches[i]);
    free(r->sketches);
}

struct advice *advice_new(void)
{
    struct advice *a = calloc(1, sizeof(*a));

    if (!a)
        return NULL;
    a->current_model = MODEL_NONE;
    a->recommendation.model = MODEL_NONE;
    a->recommendation.expected_speedup = 1.0;
    a->recommendation.interval[0] = a->recommendation.interval[1] = 1.0;
    for (int i = 0; i < MODEL_COUNT; i++)
        a->evidence.models[i].model = (enum model)i;
    return a;
}

void advice_free(struct advice *a)
{
    if (!a)
        return;
    recommendation_clear(&a->recommendation);
    for (size_t i = 0; i < a->n_path; i++)
        step_clear(&a->path[i]);
    free(a->path);
    for (int i = 0; i < MODEL_COUNT; i++) {
        free(a->evidence.models[i].scaling);
        free_strings(a->evidence.models[i].assumptions, a->evidence.models[i].n_assumptions);
    }
    for (size_t i = 0; i < a->n_findings; i++)
        finding_clear(&a->findings[i]);
    free(a->findings);
    critical_path_clear(&a->critical_path);
    for (size_t i = 0; i < a->n_waits; i++)
        wait_for_clear(&a->waits[i]);
    free(a->waits);
    free(a);
}

void finding_clear(struct finding *finding)
{
    free(finding->detail);
    free(finding->remedy);
    for (size_t i = 0; i < finding->n_sites; i++)
        site_clear(&finding->sites[i]);
    free(finding->sites);
    *finding = (struct finding){0};
}

void advice_freep(struct advice **a)
{
    advice_free(*a);
    *a = NULL;
}

void critical_path_clear(struct critical_path *path)
{
    for (size_t i = 0; i < path->n_parts; i++) {
        free(path->parts[i].who);
        frames_free(path->parts[i].frames, path->parts[i].n_frames);
    }
    for (size_t i = 0; i < path->n_stays; i++)
        free(path->stays[i].who);
    free(path->parts);
    free(path->stays);
    *path = (struct critical_path){0};
}

void wait_for_clear(struct wait_for *wait)
{
    free(wait->waiter);
    free(wait->waker);
    frames_free(wait->waiter_frames, wait->n_waiter_frames);
    frames_free(wait->waker_frames, wait->n_waker_frames);
    *wait = (struct wait_for){0};
}

/* NULL stays NULL. */
static int copy_string(const char *from, char **ret)
{
    *ret = from ? strdup(from) : NULL;
    return from && !*ret ? -ENOMEM : 0;
}

int advice_copy_frames(const struct frame *frames, size_t n, struct frame **ret_frames)
{
    struct frame *copies = n > 0 ? calloc(n, sizeof(*copies)) : NULL;

    if (n > 0 && !copies)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        copies[i].line = frames[i].line;
        copies[i].coroutine = frames[i].coroutine;
        if (copy_string(frames[i].function, &copies[i].function) < 0 ||
            copy_string(frames[i].file, &copies[i].file) < 0 || copy_string(frames[i].module, &copies[i].module) < 0) {
            frames_free(copies, i + 1);
            return -ENOMEM;
        }
    }
    *ret_frames = copies;
    return 0;
}

const char *change_to_str(enum change change)
{
    static const char *const names[] = {
        [CHANGE_KEEP] = "keep",
        [CHANGE_FIX] = "fix",
        [CHANGE_SWITCH] = "switch",
    };

    return (size_t)change < ARRAY_SIZE(names) ? names[change] : "?";
}

const char *confidence_to_str(enum confidence confidence)
{
    static const char *const names[] = {
        [CONFIDENCE_NONE] = "none",
        [CONFIDENCE_LOW] = "low",
        [CONFIDENCE_MEDIUM] = "medium",
        [CONFIDENCE_HIGH] = "high",
    };

    return (size_t)confidence < ARRAY_SIZE(names) ? names[confidence] : "?";
}

const char *severity_to_str(enum severity severity)
{
    static const char *const names[] = {
        [SEVERITY_INFO] = "info",
        [SEVERITY_LOW] = "low",
        [SEVERITY_MEDIUM] = "medium",
        [SEVERITY_HIGH] = "high",
    };

    return (size_t)severity < ARRAY_SIZE(names) ? names[severity] : "?";
}

const char *evidence_source_to_str(enum evidence_source source)
{
    static const char *const names[] = {
        [SOURCE_FORECAST] = "forecast",
        [SOURCE_REPLAY] = "replay",
        [SOURCE_MEASURED] = "measured",
    };

    return (size_t)source < ARRAY_SIZE(names) ? names[source] : "?";
}

const char *worker_bound_to_str(enum worker_bound bound)
{
    static const char *const names[] = {
        [BOUND_NONE] = "knee", [BOUND_ITEMS] = "items",         [BOUND_OUTSTANDING] = "outstanding",
        [BOUND_CPUS] = "cpus", [BOUND_CPU_QUOTA] = "cpu_quota", [BOUND_MEMORY] = "memory",
    };

    return (size_t)bound < ARRAY_SIZE(names) ? names[bound] : "?";
}

const char *path_state_to_str(enum path_state state)
{
    static const char *const names[] = {
        [PATH_ON_CPU] = "on_cpu",
        [PATH_RUN_QUEUE] = "run_queue",
        [PATH_BLOCKED] = "blocked",
        [PATH_UNKNOWN] = "unknown",
    };

    return (size_t)state < ARRAY_SIZE(names) ? names[state] : "?";
}
