/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/diff_rows.h"

#include <assert.h>
#include <math.h>

#include "base/base.h"
#include "report/command.h"
#include "report/html/timeline_rows.h"
#include "report/report.h"
#include "report/verdict.h"
#include "report/wording.h"

/* A bucket that is less than this share on both sides has no row of its own. */
#define LEAST_SHARE 0.005

/* Of a command so many bytes: arguments may be two million bytes long. */
#define MOST_COMMAND 4000

static bool times_compare(const struct report_diff *diff)
{
    return diff->comparison->wall.verdict != COMPARE_NOT_COMPARABLE;
}

/* --- facts --- */

/* "-65 %", "+2 %"; nothing where there was nothing before. */
static struct diff_change relative(double before, double after)
{
    struct diff_change out = {""};
    double change = before > 0.0 ? after / before - 1.0 : 0.0;

    if (before <= 0.0)
        return out;
    if (fabs(change) < 0.005)
        (void)snprintf(out.text, sizeof(out.text), "same");
    else if (change >= 10.0)
        (void)snprintf(out.text, sizeof(out.text), "%s", format_speedup_short(after / before).text);
    else
        (void)snprintf(out.text, sizeof(out.text), "%c%s", change < 0.0 ? '-' : '+', format_share(fabs(change)).text);
    return out;
}

static struct diff_fact duration_fact(const char *label, uint64_t before, uint64_t after)
{
    return (struct diff_fact){
        label, {format_duration(before), format_duration(after)}, relative((double)before, (double)after)};
}

static struct diff_fact count_fact(const char *label, uint64_t before, uint64_t after)
{
    return (struct diff_fact){label, {format_count(before), format_count(after)}, {""}};
}

size_t diff_facts_collect(const struct report_diff *diff, struct diff_fact ret_rows[DIFF_FACTS_MAX])
{
    const struct comparison *c = diff->comparison;
    const struct measurement *before = diff->sides[COMPARE_BEFORE].m, *after = diff->sides[COMPARE_AFTER].m;
    const uint64_t *wall = c->wall.median_ns;
    size_t n = 0;

    if (times_compare(diff)) {
        ret_rows[n++] = duration_fact("wall time", wall[COMPARE_BEFORE], wall[COMPARE_AFTER]);
        ret_rows[n++] = duration_fact("CPU time", before->on_cpu_ns, after->on_cpu_ns);
    } else {
        ret_rows[n] = duration_fact("time seen", wall[COMPARE_BEFORE], wall[COMPARE_AFTER]);
        ret_rows[n++].change.text[0] = '\0';
    }
    ret_rows[n++] = (struct diff_fact){
        "CPUs busy", {format_cores(c->cores[COMPARE_BEFORE]), format_cores(c->cores[COMPARE_AFTER])}, {""}};
    if (c->peak[COMPARE_BEFORE] > 0 && c->peak[COMPARE_AFTER] > 0)
        ret_rows[n++] = count_fact("  at most", c->peak[COMPARE_BEFORE], c->peak[COMPARE_AFTER]);
    ret_rows[n++] = count_fact("threads", before->threads_total, after->threads_total);
    ret_rows[n++] = count_fact("  at once", before->max_live_threads, after->max_live_threads);
    ret_rows[n++] = count_fact("processes", before->processes_total, after->processes_total);
    return n;
}

/* --- buckets --- */

static const char *label_of(const struct report_diff *diff, const struct compare_row *row)
{
    switch (row->bucket) {
    case COMPARE_ON_CPU:
        return "on-CPU";
    case COMPARE_RUNNABLE:
        return "run queue";
    case COMPARE_BLOCKED:
        return wording_cause(row->cause, diff->sides[COMPARE_AFTER].m->target.runtime.kind);
    case COMPARE_UNATTRIBUTED:
        break;
    }
    return "unattributed";
}

static unsigned state_of(const struct compare_row *row)
{
    switch (row->bucket) {
    case COMPARE_ON_CPU:
        return TIMELINE_ON_CPU;
    case COMPARE_RUNNABLE:
        return TIMELINE_RUNNABLE;
    case COMPARE_BLOCKED:
        return TIMELINE_BLOCKED + (unsigned)row->cause;
    case COMPARE_UNATTRIBUTED:
        break;
    }
    return DIFF_NO_STATE;
}

/* @param tie  the difference is not told from noise */
static struct diff_change change_of(const struct report_diff *diff, const struct diff_bucket *bucket, bool tie)
{
    uint64_t before = bucket->time_ns[COMPARE_BEFORE], after = bucket->time_ns[COMPARE_AFTER];
    long points = lround(100.0 * (bucket->share[COMPARE_AFTER] - bucket->share[COMPARE_BEFORE]));
    struct diff_change out = {"tie"};

    if (times_compare(diff) ? before == after : points == 0)
        (void)snprintf(out.text, sizeof(out.text), "same");
    else if (!tie && !times_compare(diff))
        (void)snprintf(out.text, sizeof(out.text), "%+ld pt%s", points, labs(points) == 1 ? "" : "s");
    else if (!tie)
        (void)snprintf(out.text, sizeof(out.text), "%c%s", after < before ? '-' : '+',
                       format_duration(after < before ? before - after : after - before).text);
    return out;
}

static struct diff_bucket bucket_of(const struct report_diff *diff, const struct compare_row *row)
{
    struct diff_bucket out = {.label = label_of(diff, row), .state = state_of(row)};

    for (int side = 0; side < COMPARE_SIDES; side++) {
        out.time_ns[side] = row->time_ns[side];
        out.share[side] = row->share[side];
    }
    out.change = change_of(diff, &out, row->tie);
    return out;
}

static struct diff_bucket all_threads(const struct report_diff *diff)
{
    struct diff_bucket out = {.label = "all threads", .state = DIFF_NO_STATE, .share = {1.0, 1.0}};

    for (int side = 0; side < COMPARE_SIDES; side++)
        out.time_ns[side] = diff->sides[side].m->thread_time_ns;
    out.change = change_of(diff, &out, false);
    if (!times_compare(diff))
        out.change.text[0] = '\0';
    return out;
}

static uint64_t larger_of(const struct compare_row *row)
{
    return row->time_ns[0] > row->time_ns[1] ? row->time_ns[0] : row->time_ns[1];
}

static double larger_share_of(const struct compare_row *row)
{
    return fmax(row->share[0], row->share[1]);
}

static int by_time(const void *left, const void *right)
{
    uint64_t a = larger_of(left), b = larger_of(right);

    return (a < b) - (a > b);
}

static int by_share(const void *left, const void *right)
{
    double a = larger_share_of(left), b = larger_share_of(right);

    return (a < b) - (a > b);
}

size_t diff_buckets_collect(const struct report_diff *diff, bool all, struct diff_bucket ret_rows[DIFF_BUCKETS_MAX])
{
    struct compare_row rows[COMPARE_ROWS];
    struct diff_bucket rest = {.label = "the rest", .state = DIFF_NO_STATE};
    size_t n = 0;

    memcpy(rows, diff->comparison->rows, sizeof(rows));
    qsort(rows, COMPARE_ROWS, sizeof(rows[0]), times_compare(diff) ? by_time : by_share);
    ret_rows[n++] = all_threads(diff);
    for (size_t i = 0; i < COMPARE_ROWS; i++) {
        if (all ? larger_of(&rows[i]) > 0 : larger_share_of(&rows[i]) >= LEAST_SHARE) {
            ret_rows[n++] = bucket_of(diff, &rows[i]);
            continue;
        }
        for (int side = 0; side < COMPARE_SIDES; side++) {
            rest.time_ns[side] += rows[i].time_ns[side];
            rest.share[side] += rows[i].share[side];
        }
    }
    rest.change = change_of(diff, &rest, true);
    if (rest.time_ns[COMPARE_BEFORE] > 0 || rest.time_ns[COMPARE_AFTER] > 0)
        ret_rows[n++] = rest;
    return n;
}

/* --- properties --- */

static void add_field(struct buffer *b, const char *raw, size_t size)
{
    buffer_add_bytes(b, raw, strnlen(raw, size));
}

#define ADD_FIELD(b, field) add_field((b), (field), sizeof(field))

static void add_file(struct buffer *b, const struct report_diff *diff, int side)
{
    buffer_add(b, diff->names[side]);
}

static void add_command(struct buffer *b, const struct report_diff *diff, int side)
{
    command_add_cut(b, &diff->sides[side].m->target, MOST_COMMAND);
}

static void add_runs(struct buffer *b, const struct report_diff *diff, int side)
{
    const struct compare_wall *wall = &diff->comparison->wall;

    if (diff->sides[side].m->target.attached)
        buffer_format(b, "attached, watched for %s", format_duration_fine(wall->median_ns[side]).text);
    else if (wall->runs[side] > 1)
        buffer_format(b, "%s runs, %s", format_count(wall->runs[side]).text,
                      format_duration_range(wall->range_ns[side]).text);
    else
        buffer_format(b, "1 run, %s", format_duration_fine(wall->median_ns[side]).text);
}

static void add_ending(struct buffer *b, const struct report_diff *diff, int side)
{
    command_add_ending(b, &diff->sides[side].m->target);
}

static void add_model(struct buffer *b, const struct report_diff *diff, int side)
{
    diff_rows_add_model(b, diff->sides[side].a);
}

static void add_advice(struct buffer *b, const struct report_diff *diff, int side)
{
    verdict_headline(b, &diff->sides[side].a->recommendation);
}

static void add_runtime(struct buffer *b, const struct report_diff *diff, int side)
{
    const struct runtime *runtime = &diff->sides[side].m->target.runtime;

    buffer_add(b, runtime_name(runtime->kind));
    if (runtime->version[0])
        buffer_add(b, " ");
    ADD_FIELD(b, runtime->version);
    if (runtime->kind == RUNTIME_CPYTHON && runtime->interpreter_lock == INTERPRETER_LOCK_NONE)
        buffer_add(b, ", free-threaded");
}

static void add_cpus(struct buffer *b, const struct report_diff *diff, int side)
{
    const struct machine *machine = &diff->sides[side].m->machine;

    buffer_format(b, "%u, %u allowed", machine->cpus, machine->cpus_allowed);
    if (machine->cpu_quota > 0.0)
        buffer_format(b, ", quota %s", format_number(machine->cpu_quota).text);
}

static void add_cpu_name(struct buffer *b, const struct report_diff *diff, int side)
{
    ADD_FIELD(b, diff->sides[side].m->machine.cpu_name);
}

static void add_memory(struct buffer *b, const struct report_diff *diff, int side)
{
    buffer_add(b, format_bytes(diff->sides[side].m->machine.memory_bytes).text);
}

static void add_kernel(struct buffer *b, const struct report_diff *diff, int side)
{
    ADD_FIELD(b, diff->sides[side].m->machine.kernel);
}

static void add_probe(struct buffer *b, const struct report_diff *diff, int side)
{
    ADD_FIELD(b, diff->sides[side].m->probe);
}

static void add_version(struct buffer *b, const struct report_diff *diff, int side)
{
    ADD_FIELD(b, diff->sides[side].m->tool_version);
}

static const struct {
    const char *label;
    void (*add)(struct buffer *b, const struct report_diff *diff, int side);
    bool environment;
} properties[] = {
    {"file", add_file, false},         {"command", add_command, true}, {"measured", add_runs, false},
    {"ended", add_ending, false},      {"model", add_model, false},    {"advice", add_advice, false},
    {"runtime", add_runtime, true},    {"CPUs", add_cpus, true},       {"CPU type", add_cpu_name, true},
    {"memory", add_memory, true},      {"kernel", add_kernel, true},   {"probe", add_probe, true},
    {"concadvise", add_version, true},
};

static_assert(ARRAY_SIZE(properties) <= DIFF_PROPERTIES_MAX, "room for every property");

size_t diff_properties_collect(const struct report_diff *diff, struct diff_property ret_rows[DIFF_PROPERTIES_MAX])
{
    size_t n = 0;

    for (size_t i = 0; i < ARRAY_SIZE(properties); i++) {
        struct diff_property row = {.label = properties[i].label,
                                    .environment = properties[i].environment,
                                    .code = properties[i].add == add_command};

        for (int side = 0; side < COMPARE_SIDES; side++)
            properties[i].add(&row.side[side], diff, side);
        ret_rows[n++] = row;
    }
    return n;
}

void diff_properties_clear(struct diff_property *rows, size_t n)
{
    for (size_t i = 0; i < n * COMPARE_SIDES; i++)
        buffer_clear(&rows[i / COMPARE_SIDES].side[i % COMPARE_SIDES]);
}

/* A JSON report may lack what a measurement has: nothing is then no other thing. */
static bool is_known_environment(const struct diff_property *row)
{
    return row->environment && row->side[COMPARE_BEFORE].length > 0 && row->side[COMPARE_AFTER].length > 0;
}

static bool is_alike(const struct diff_property *row)
{
    return strcmp(buffer_text(&row->side[COMPARE_BEFORE]), buffer_text(&row->side[COMPARE_AFTER])) == 0;
}

bool diff_property_differs(const struct diff_property *row)
{
    return is_known_environment(row) && !is_alike(row);
}

bool diff_property_is_shared(const struct diff_property *row)
{
    return is_known_environment(row) && is_alike(row);
}

/* --- words --- */

void diff_rows_add_model(struct buffer *b, const struct advice *a)
{
    if (a->current_model == MODEL_NONE) {
        buffer_add(b, "model not known");
        return;
    }
    buffer_add(b, wording_model(a->current_model));
    if (a->current_workers > 0 && a->current_model != MODEL_SERIAL)
        buffer_format(b, " (%u)", a->current_workers);
}

const char *diff_rows_change(const struct compare_finding *item)
{
    if (item->change == COMPARE_CHANGED)
        return item->worse ? "worse" : "better";
    return compare_change_to_str(item->change);
}

static void add_cost(struct buffer *b, const struct report_diff *diff, int side, const struct finding *finding)
{
    double wall_s = (double)diff->sides[side].m->wall_ns / (double)NSEC_PER_SEC;

    if (times_compare(diff))
        buffer_add(b, format_duration(finding->time_ns).text);
    else
        buffer_format(b, "%s/s", format_duration((uint64_t)((double)finding->time_ns / wall_s)).text);
}

void diff_rows_add_finding_time(struct buffer *b, const struct report_diff *diff, const struct compare_finding *item)
{
    const struct finding *any = item->after ? item->after : item->before;

    if (item->change == COMPARE_CHANGED) {
        add_cost(b, diff, COMPARE_BEFORE, item->before);
        buffer_add(b, " -> ");
    }
    if (item->change == COMPARE_CHANGED || any->time_ns > 0)
        add_cost(b, diff, item->after ? COMPARE_AFTER : COMPARE_BEFORE, any);
}
