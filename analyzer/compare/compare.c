/* SPDX-License-Identifier: BSD-2-Clause */
/* The way through: wall time, buckets of thread time, caveats here; findings and forecast in files of their own. */
#include "analyzer/compare/compare.h"

#include <math.h>

#include "analyzer/compare/compare_parts.h"
#include "base/base.h"
#include "probe/measurement.h"

/* --- buckets --- */

static uint64_t bucket_of(const struct compare_row *row, const struct measurement *m)
{
    switch (row->bucket) {
    case COMPARE_ON_CPU:
        return m->on_cpu_ns;
    case COMPARE_RUNNABLE:
        return m->runnable_ns;
    case COMPARE_BLOCKED:
        return m->blocked_ns[row->cause];
    case COMPARE_UNATTRIBUTED:
        break;
    }
    return m->unattributed_ns;
}

static uint64_t bucket_of_repeat(const struct compare_row *row, const struct repeat *run)
{
    switch (row->bucket) {
    case COMPARE_ON_CPU:
        return run->on_cpu_ns;
    case COMPARE_RUNNABLE:
        return run->runnable_ns;
    case COMPARE_BLOCKED:
        return run->blocked_ns[row->cause];
    case COMPARE_UNATTRIBUTED:
        break;
    }
    return run->unattributed_ns;
}

static void bucket_range(const struct compare_row *row, const struct measurement *m, uint64_t ret_range[2])
{
    ret_range[0] = ret_range[1] = bucket_of(row, m);
    for (size_t i = 0; i < m->n_repeats; i++) {
        uint64_t value = bucket_of_repeat(row, &m->repeats[i]);

        ret_range[0] = value < ret_range[0] ? value : ret_range[0];
        ret_range[1] = value > ret_range[1] ? value : ret_range[1];
    }
}

/* Ranges of the runs overlap, or the middle runs are closer than single runs are trusted. */
static bool row_ties(const struct compare_row *row, const struct compare_side sides[COMPARE_SIDES], double noise)
{
    uint64_t before[2], after[2];
    double larger = fmax((double)row->time_ns[0], (double)row->time_ns[1]);

    if (compare_attached(sides))
        return fabs(row->share[0] - row->share[1]) <= noise * fmax(row->share[0], row->share[1]);
    bucket_range(row, sides[COMPARE_BEFORE].m, before);
    bucket_range(row, sides[COMPARE_AFTER].m, after);
    if (before[0] <= after[1] && after[0] <= before[1])
        return true;
    return fabs((double)row->time_ns[0] - (double)row->time_ns[1]) <= noise * larger;
}

static void fill_row(const struct compare_side sides[COMPARE_SIDES], double noise, struct compare_row *row)
{
    for (int side = 0; side < COMPARE_SIDES; side++) {
        const struct measurement *m = sides[side].m;

        row->time_ns[side] = bucket_of(row, m);
        row->share[side] = m->thread_time_ns ? (double)row->time_ns[side] / (double)m->thread_time_ns : 0.0;
    }
    row->tie = row_ties(row, sides, noise);
}

static void fill_rows(const struct compare_side sides[COMPARE_SIDES], double noise, struct comparison *c)
{
    size_t n = 0;

    c->rows[n++] = (struct compare_row){.bucket = COMPARE_ON_CPU, .cause = CAUSE_OTHER};
    c->rows[n++] = (struct compare_row){.bucket = COMPARE_RUNNABLE, .cause = CAUSE_OTHER};
    for (int cause = 0; cause < CAUSE_COUNT; cause++)
        c->rows[n++] = (struct compare_row){.bucket = COMPARE_BLOCKED, .cause = (enum cause)cause};
    c->rows[n++] = (struct compare_row){.bucket = COMPARE_UNATTRIBUTED, .cause = CAUSE_OTHER};
    for (size_t i = 0; i < n; i++)
        fill_row(sides, noise, &c->rows[i]);
}

static void fill_parallelism(const struct measurement *m, double *ret_cores, uint32_t *ret_peak)
{
    size_t n = m->n_parallelism;

    *ret_cores = m->wall_ns ? (double)m->on_cpu_ns / (double)m->wall_ns : 0.0;
    while (n > 0 && m->parallelism_ns[n - 1] == 0)
        n--;
    *ret_peak = n > 0 ? (uint32_t)(n - 1) : 0;
}

/* --- caveats --- */

static bool same_command(const struct target *a, const struct target *b)
{
    if (a->n_argv != b->n_argv)
        return false;
    for (size_t i = 0; i < a->n_argv; i++)
        if (strcmp(a->argv[i], b->argv[i]) != 0)
            return false;
    return true;
}

/* Memory as a machine reports it moves a little with the kernel; the CPU's name is not in every input. */
static bool same_machine(const struct machine *a, const struct machine *b)
{
    double larger = fmax((double)a->memory_bytes, (double)b->memory_bytes);

    if (a->cpu_name[0] && b->cpu_name[0] && strcmp(a->cpu_name, b->cpu_name) != 0)
        return false;
    return fabs((double)a->memory_bytes - (double)b->memory_bytes) <= 0.02 * larger;
}

static bool same_cpus(const struct machine *a, const struct machine *b)
{
    return a->cpus == b->cpus && a->cpus_allowed == b->cpus_allowed && fabs(a->cpu_quota - b->cpu_quota) < 0.005;
}

static bool same_runtime(const struct runtime *a, const struct runtime *b)
{
    return a->kind == b->kind && strcmp(a->version, b->version) == 0 && a->interpreter_lock == b->interpreter_lock;
}

static bool failed(const struct target *target)
{
    return target->exited && (target->signal != 0 || target->exit_status != 0);
}

/* One that was attached to was not meant to end: COMPARE_ATTACHED says it all. */
static bool cut_short(const struct target *target)
{
    return !target->exited && !target->attached;
}

static uint32_t find_caveats(const struct measurement *before, const struct measurement *after)
{
    const bool found[COMPARE_CAVEATS] = {
        [COMPARE_OTHER_COMMAND] = !same_command(&before->target, &after->target),
        [COMPARE_OTHER_MACHINE] = !same_machine(&before->machine, &after->machine),
        [COMPARE_OTHER_KERNEL] = strcmp(before->machine.kernel, after->machine.kernel) != 0,
        [COMPARE_OTHER_CPUS] = !same_cpus(&before->machine, &after->machine),
        [COMPARE_OTHER_RUNTIME] = !same_runtime(&before->target.runtime, &after->target.runtime),
        [COMPARE_OTHER_PROBE] = strcmp(before->probe, after->probe) != 0,
        [COMPARE_BEFORE_FAILED] = failed(&before->target),
        [COMPARE_AFTER_FAILED] = failed(&after->target),
        [COMPARE_UNFINISHED] = cut_short(&before->target) || cut_short(&after->target),
        [COMPARE_INCOMPLETE] = before->loss.threads_dropped + after->loss.threads_dropped > 0,
        [COMPARE_BUSY_MACHINE] = compare_disturbed(before) || compare_disturbed(after),
        [COMPARE_ATTACHED] = before->target.attached || after->target.attached,
    };
    uint32_t caveats = 0;

    for (int i = 0; i < COMPARE_CAVEATS; i++)
        caveats |= (uint32_t)found[i] << i;
    return caveats;
}

/* --- the whole --- */

int compare(const struct compare_side *before, const struct compare_side *after, struct comparison *ret)
{
    const struct compare_side sides[COMPARE_SIDES] = {*before, *after};
    struct comparison c = {0};
    double noise;
    int r = compare_wall_fill(sides, &c.wall);

    if (r < 0)
        return r;
    noise = compare_noise(&c.wall);
    fill_rows(sides, noise, &c);
    for (int side = 0; side < COMPARE_SIDES; side++)
        fill_parallelism(sides[side].m, &c.cores[side], &c.peak[side]);
    c.caveats = find_caveats(before->m, after->m);
    compare_forecast_fill(sides, &c);
    r = compare_findings_fill(sides, noise, &c);
    if (r < 0)
        return r;
    *ret = c;
    return 0;
}

void comparison_clear(struct comparison *c)
{
    free(c->findings);
    *c = (struct comparison){0};
}

const char *compare_verdict_to_str(enum compare_verdict verdict)
{
    static const char *const names[] = {[COMPARE_TIE] = "tie",
                                        [COMPARE_FASTER] = "faster",
                                        [COMPARE_SLOWER] = "slower",
                                        [COMPARE_NOT_COMPARABLE] = "not_comparable"};

    return (unsigned)verdict < ARRAY_SIZE(names) ? names[verdict] : "?";
}

const char *compare_method_to_str(enum compare_method method)
{
    return method == COMPARE_BY_RANKS ? "mann_whitney" : "rule";
}

const char *compare_change_to_str(enum compare_change change)
{
    static const char *const names[] = {
        [COMPARE_GONE] = "gone", [COMPARE_NEW] = "new", [COMPARE_CHANGED] = "changed", [COMPARE_STILL] = "still"};

    return (unsigned)change < ARRAY_SIZE(names) ? names[change] : "?";
}

const char *compare_caveat_to_str(enum compare_caveat caveat)
{
    static const char *const names[] = {
#define X(symbol, id) [symbol] = id,
        COMPARE_CAVEAT_LIST(X)
#undef X
    };

    return (unsigned)caveat < ARRAY_SIZE(names) ? names[caveat] : "?";
}

const char *compare_forecast_to_str(enum compare_forecast_kind kind)
{
    static const char *const names[] = {
#define X(symbol, id) [symbol] = id,
        COMPARE_FORECAST_LIST(X)
#undef X
    };

    return (unsigned)kind < ARRAY_SIZE(names) ? names[kind] : "?";
}

const char *compare_row_to_str(const struct compare_row *row)
{
    switch (row->bucket) {
    case COMPARE_ON_CPU:
        return "on_cpu";
    case COMPARE_RUNNABLE:
        return "runnable";
    case COMPARE_BLOCKED:
        return cause_to_str(row->cause);
    case COMPARE_UNATTRIBUTED:
        break;
    }
    return "unattributed";
}
