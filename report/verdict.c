/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/verdict.h"

#include "report/buffer.h"
#include "report/format.h"
#include "report/wording.h"

static const struct wording_leaf *leaf_of(const struct recommendation *r)
{
    return r->why_id ? wording_leaf(r->why_id) : NULL;
}

static void add_workers(struct buffer *b, const struct recommendation *r)
{
    const char *plural = r->workers == 1 ? "" : "s";

    if (r->workers == 0 || r->model == MODEL_SERIAL)
        return;
    if (r->model == MODEL_COROUTINES)
        buffer_format(b, ": %u at once", r->workers);
    else if (r->model == MODEL_PROCESSES_COROUTINES)
        buffer_format(b, ": %u process%s", r->workers, r->workers == 1 ? "" : "es");
    else
        buffer_format(b, ": %u worker%s", r->workers, plural);
}

/* Why not more of them; nothing where more would just gain little. */
static void add_bound(struct buffer *b, const struct recommendation *r)
{
    static const char *const words[] = {
        [BOUND_ITEMS] = "all items", [BOUND_OUTSTANDING] = "waits at once",
        [BOUND_CPUS] = "CPUs",       [BOUND_CPU_QUOTA] = "CPU quota",
        [BOUND_MEMORY] = "memory",
    };

    if (r->bound != BOUND_NONE && (size_t)r->bound < ARRAY_SIZE(words) && r->workers > 0)
        buffer_format(b, " (%s)", words[r->bound]);
}

void verdict_headline(struct buffer *b, const struct recommendation *r)
{
    const struct wording_leaf *leaf = leaf_of(r);

    if (r->model == MODEL_NONE) {
        buffer_add(b, "No verdict");
        return;
    }
    switch (r->change) {
    case CHANGE_KEEP:
        buffer_format(b, r->model == MODEL_SERIAL ? "Keep it %s" : "Keep %s", wording_model_upper(r->model));
        break;
    case CHANGE_FIX:
        buffer_format(b, "%s, stay with %s", leaf && leaf->fix ? leaf->fix : "Mend the first finding",
                      wording_model_upper(r->model));
        break;
    case CHANGE_SWITCH:
        buffer_format(b, r->model == MODEL_SERIAL ? "Make it %s" : "Use %s", wording_model_upper(r->model));
        break;
    }
    add_workers(b, r);
    add_bound(b, r);
}

/* The whole run was not seen, so there is no total to shorten. */
static void expected_rate(struct buffer *b, const struct recommendation *r, const char *source)
{
    buffer_format(b, "%s the work per second expected", format_speedup_short(r->expected_speedup).text);
    if (r->interval[1] > r->interval[0])
        buffer_format(b, " (95 %% CI %s)", format_speedup_range(r->interval).text);
    buffer_format(b, ": what took %s here in %s, %s.", format_duration(r->now_ns).text,
                  format_duration(r->expected_ns).text, source);
}

void verdict_expectation(struct buffer *b, const struct recommendation *r)
{
    const char *source = r->replayed ? "replayed here" : "a forecast, not replayed";

    if (r->model == MODEL_NONE || r->now_ns == 0)
        return;
    if (r->change == CHANGE_KEEP && r->expected_speedup < 1.05) {
        if (r->stretch)
            buffer_add(b, "No other model is expected to make a difference worth the change.");
        else
            buffer_format(b, "%s now; no other model is expected to make a difference worth the change.",
                          format_duration(r->now_ns).text);
        return;
    }
    if (r->expected_ns == 0)
        return;
    if (r->stretch) {
        expected_rate(b, r, source);
        return;
    }
    buffer_format(b, "%s -> %s expected (%s", format_duration(r->now_ns).text, format_duration(r->expected_ns).text,
                  format_speedup_short(r->expected_speedup).text);
    if (r->interval[1] > r->interval[0])
        buffer_format(b, ", 95 %% CI %s", format_speedup_range(r->interval).text);
    buffer_format(b, "), %s.", source);
}

void verdict_reason(struct buffer *b, const struct recommendation *r)
{
    const struct wording_leaf *leaf = leaf_of(r);

    if (!leaf)
        return;
    buffer_add(b, leaf->why);
    if (r->model == MODEL_NONE && leaf->how)
        buffer_format(b, " %s", leaf->how);
}
