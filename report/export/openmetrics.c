/* SPDX-License-Identifier: BSD-2-Clause */
#include <inttypes.h>

#include "analyzer/advice.h"
#include "analyzer/findings/findings.h"
#include "base/base.h"
#include "probe/measurement.h"
#include "report/buffer.h"
#include "report/escape.h"
#include "report/export/export.h"

/* A label's value: backslash, quote and newline are escaped (OpenMetrics 1.0, "Escaping"); of the rest nothing is raw.
 */
static void add_label_value(struct buffer *b, const char *raw)
{
    AUTO_BUFFER safe = {0};

    escape_terminal(&safe, raw, true);
    if (safe.error)
        b->error = safe.error;
    for (const char *text = buffer_text(&safe); *text; text++) {
        if (*text == '\\' || *text == '"')
            buffer_add(b, "\\");
        buffer_add_bytes(b, text, 1);
    }
}

static void add_family(struct buffer *b, const char *name, const char *type, const char *unit, const char *help)
{
    buffer_format(b, "# TYPE concadvise_%s %s\n", name, type);
    if (unit[0])
        buffer_format(b, "# UNIT concadvise_%s %s\n", name, unit);
    buffer_format(b, "# HELP concadvise_%s %s\n", name, help);
}

static void add_seconds(struct buffer *b, uint64_t ns)
{
    buffer_format(b, " %" PRIu64 ".%09" PRIu64 "\n", ns / NSEC_PER_SEC, ns % NSEC_PER_SEC);
}

/* "{program="crawl.py"" ...: every sample says which program it is about; the brace is left open. */
static void begin_sample(struct buffer *b, const char *name, const char *program)
{
    buffer_format(b, "concadvise_%s{program=\"%s\"", name, program);
}

static void add_label(struct buffer *b, const char *name, const char *value)
{
    buffer_format(b, ",%s=\"%s\"", name, value);
}

static void add_duration(struct buffer *b, const char *name, const char *program, const char *help, uint64_t ns)
{
    add_family(b, name, "gauge", "seconds", help);
    begin_sample(b, name, program);
    buffer_add(b, "}");
    add_seconds(b, ns);
}

static void add_count(struct buffer *b, const char *name, const char *program, const char *help, uint64_t count)
{
    add_family(b, name, "gauge", "", help);
    begin_sample(b, name, program);
    buffer_format(b, "} %" PRIu64 "\n", count);
}

static void add_state(struct buffer *b, const char *program, const char *state, const char *cause, uint64_t ns)
{
    begin_sample(b, "thread_seconds", program);
    add_label(b, "state", state);
    if (cause)
        add_label(b, "cause", cause);
    buffer_add(b, "}");
    add_seconds(b, ns);
}

static void add_measurement(struct buffer *b, const char *program, const struct measurement *m)
{
    add_duration(b, "wall_seconds", program, "Run time of the program.", m->wall_ns);
    add_family(b, "thread_seconds", "gauge", "seconds", "Time of all threads, by state and cause of waiting.");
    add_state(b, program, "on_cpu", NULL, m->on_cpu_ns);
    add_state(b, program, "runnable", NULL, m->runnable_ns);
    for (int cause = 0; cause < CAUSE_COUNT; cause++)
        add_state(b, program, "blocked", cause_to_str((enum cause)cause), m->blocked_ns[cause]);
    add_state(b, program, "unattributed", NULL, m->unattributed_ns);
    add_count(b, "threads", program, "Threads that ever lived.", m->threads_total);
    add_count(b, "processes", program, "Processes that ever lived.", m->processes_total);
    add_count(b, "slices_dropped", program, "Slices lost before they were read.", m->loss.slices_dropped);
}

static void add_advice(struct buffer *b, const char *program, const struct advice *a)
{
    const struct recommendation *r = &a->recommendation;

    add_family(b, "recommendation", "info", "", "What is recommended, and how sure that is.");
    begin_sample(b, "recommendation_info", program);
    add_label(b, "model", r->model == MODEL_NONE ? "none" : model_to_str(r->model));
    add_label(b, "change", change_to_str(r->change));
    add_label(b, "confidence", confidence_to_str(r->confidence));
    buffer_add(b, "} 1\n");
    if (r->model != MODEL_NONE) {
        add_family(b, "expected_speedup", "gauge", "", "Speedup expected from following the recommendation.");
        begin_sample(b, "expected_speedup", program);
        buffer_format(b, "} %.4f\n", r->expected_speedup);
    }
    if (a->n_findings == 0)
        return;
    add_family(b, "finding_seconds", "gauge", "seconds", "Thread time that a finding concerns.");
    for (size_t i = 0; i < a->n_findings; i++) {
        const struct finding *finding = &a->findings[i];
        const char *slug = finding_slug(finding->id);

        begin_sample(b, "finding_seconds", program);
        buffer_format(b, ",id=\"CA%04d\"", finding->id);
        add_label(b, "slug", slug ? slug : "");
        add_label(b, "severity", severity_to_str(finding->severity));
        buffer_add(b, "}");
        add_seconds(b, finding->time_ns);
    }
}

/* What people call it: "redis-server"; with its script where the program is an interpreter: "python3 crawl.py". */
static void add_program(struct buffer *b, const struct target *target)
{
    bool script = target->n_argv > 1 && target->runtime.kind != RUNTIME_NATIVE && target->argv[1][0] != '-';

    if (target->n_argv > 0)
        add_label_value(b, base_last_part(target->argv[0]));
    if (script) {
        buffer_add(b, " ");
        add_label_value(b, base_last_part(target->argv[1]));
    }
}

int export_openmetrics(FILE *out, const struct measurement *m, const struct advice *a)
{
    AUTO_BUFFER b = {0}, program = {0};

    add_program(&program, &m->target);
    add_measurement(&b, buffer_text(&program), m);
    add_advice(&b, buffer_text(&program), a);
    buffer_add(&b, "# EOF\n");
    if (b.error || program.error)
        return -ENOMEM;
    return fwrite(buffer_text(&b), 1, b.length, out) == b.length ? 0 : -EIO;
}
