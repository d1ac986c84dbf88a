/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One function per object of DESIGN 7, in its order; jansson is seen in no other file of this room, which is why this
 * one is long.
 */
#include "report/json.h"

#include <jansson.h>
#include <math.h>

#include "analyzer/advice.h"
#include "analyzer/findings/findings.h"
#include "report/buffer.h"
#include "report/escape.h"
#include "report/verdict.h"
#include "report/wording.h"

/* jansson's setters accept NULL values and report them: one sticky flag instead of a check per field. */
struct json_out {
    bool failed;
};

static void set(struct json_out *o, json_t *object, const char *key, json_t *value)
{
    if (json_object_set_new(object, key, value) < 0)
        o->failed = true;
}

static void push(struct json_out *o, json_t *array, json_t *value)
{
    if (json_array_append_new(array, value) < 0)
        o->failed = true;
}

static json_t *number(uint64_t value)
{
    return json_integer(value > INT64_MAX ? INT64_MAX : (json_int_t)value);
}

/* JSON knows neither NaN nor infinity. */
static json_t *real(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *text_bytes(const char *raw, size_t n)
{
    AUTO_BUFFER b = {0};

    escape_utf8(&b, raw, n);
    return b.error ? NULL : json_stringn(buffer_text(&b), b.length);
}

/* NULL becomes null. */
static json_t *text(const char *raw)
{
    return raw ? text_bytes(raw, strlen(raw)) : json_null();
}

#define text_field(field) text_bytes((field), strnlen((field), sizeof(field)))

static json_t *pair(struct json_out *o, json_t *first, json_t *second)
{
    json_t *array = json_array();

    push(o, array, first);
    push(o, array, second);
    return array;
}

static json_t *strings(struct json_out *o, char *const *items, size_t n)
{
    json_t *array = json_array();

    for (size_t i = 0; i < n; i++)
        push(o, array, text(items[i]));
    return array;
}

static json_t *model_or_null(enum model model)
{
    return model == MODEL_NONE ? json_null() : json_string(model_to_str(model));
}

static json_t *tool_object(struct json_out *o, const struct measurement *m)
{
    json_t *tool = json_object();

    set(o, tool, "version", text_field(m->tool_version));
    set(o, tool, "probe", text_field(m->probe));
    return tool;
}

static json_t *machine_object(struct json_out *o, const struct machine *machine)
{
    json_t *out = json_object();

    set(o, out, "cpus", number(machine->cpus));
    set(o, out, "cpus_allowed", number(machine->cpus_allowed));
    set(o, out, "cpu_quota", machine->cpu_quota > 0.0 ? real(machine->cpu_quota) : json_null());
    set(o, out, "memory_bytes", number(machine->memory_bytes));
    set(o, out, "memory_limit_bytes", machine->memory_limit_bytes ? number(machine->memory_limit_bytes) : json_null());
    set(o, out, "kernel", text_field(machine->kernel));
    return out;
}

static const char *interpreter_lock_to_str(enum interpreter_lock lock)
{
    switch (lock) {
    case INTERPRETER_LOCK_PRESENT:
        return "present";
    case INTERPRETER_LOCK_UNKNOWN:
        return "unknown";
    case INTERPRETER_LOCK_NONE:
        break;
    }
    return "none";
}

static json_t *target_object(struct json_out *o, const struct target *target)
{
    bool status = target->exited && target->signal == 0;
    json_t *runtime = json_object();
    json_t *out = json_object();

    set(o, runtime, "name", json_string(runtime_to_str(target->runtime.kind)));
    set(o, runtime, "version", target->runtime.version[0] ? text_field(target->runtime.version) : json_null());
    set(o, runtime, "interpreter_lock", json_string(interpreter_lock_to_str(target->runtime.interpreter_lock)));

    set(o, out, "argv", strings(o, target->argv, target->n_argv));
    set(o, out, "exe", text(target->exe));
    set(o, out, "pid", json_integer(target->pid));
    set(o, out, "runtime", runtime);
    set(o, out, "exit_status", status ? json_integer(target->exit_status) : json_null());
    set(o, out, "signal", target->signal ? json_integer(target->signal) : json_null());
    return out;
}

/* Every cause is present, so that a reader needs no defaults. */
static json_t *causes_object(struct json_out *o, const uint64_t values[CAUSE_COUNT])
{
    json_t *out = json_object();

    for (int cause = 0; cause < CAUSE_COUNT; cause++)
        set(o, out, cause_to_str((enum cause)cause), number(values[cause]));
    return out;
}

static json_t *thread_object(struct json_out *o, const struct thread *thread)
{
    json_t *out = json_object();

    set(o, out, "tid", json_integer(thread->tid));
    set(o, out, "pid", json_integer(thread->pid));
    set(o, out, "parent_tid", json_integer(thread->parent_tid));
    set(o, out, "name", text_field(thread->name));
    set(o, out, "birth_ns", number(thread->birth_ns));
    set(o, out, "death_ns", number(thread->death_ns));
    set(o, out, "alive", json_boolean(thread->alive));
    set(o, out, "on_cpu_ns", number(thread->on_cpu_ns));
    set(o, out, "user_ns", number(thread->user_ns));
    set(o, out, "system_ns", number(thread->system_ns));
    set(o, out, "runnable_ns", number(thread->runnable_ns));
    set(o, out, "blocked_ns", causes_object(o, thread->blocked_ns));
    set(o, out, "unattributed_ns", number(thread->unattributed_ns));
    set(o, out, "voluntary_switches", number(thread->voluntary_switches));
    set(o, out, "involuntary_switches", number(thread->involuntary_switches));
    set(o, out, "runtime_internal", json_boolean(thread->runtime_internal));
    return out;
}

static json_t *process_object(struct json_out *o, const struct process *process)
{
    json_t *out = json_object();

    set(o, out, "pid", json_integer(process->pid));
    set(o, out, "parent_pid", json_integer(process->parent_pid));
    set(o, out, "name", text_field(process->name));
    set(o, out, "birth_ns", number(process->birth_ns));
    set(o, out, "death_ns", number(process->death_ns));
    set(o, out, "alive", json_boolean(process->alive));
    set(o, out, "threads", number(process->threads));
    set(o, out, "peak_rss_bytes", process->peak_rss_bytes ? number(process->peak_rss_bytes) : json_null());
    set(o, out, "private_bytes", process->private_bytes ? number(process->private_bytes) : json_null());
    return out;
}

static json_t *parallelism_object(struct json_out *o, const struct measurement *m)
{
    json_t *times = json_array();
    json_t *out = json_object();

    for (size_t i = 0; i < m->n_parallelism; i++)
        push(o, times, number(m->parallelism_ns[i]));
    set(o, out, "mean", real(m->wall_ns ? (double)m->on_cpu_ns / (double)m->wall_ns : 0.0));
    set(o, out, "time_at_ns", times);
    return out;
}

static json_t *loss_object(struct json_out *o, const struct loss *loss)
{
    json_t *out = json_object();

    set(o, out, "slices_dropped", number(loss->slices_dropped));
    set(o, out, "threads_dropped", number(loss->threads_dropped));
    set(o, out, "threads_omitted", number(loss->threads_omitted));
    set(o, out, "futexes_unnamed", number(loss->futexes_unnamed));
    set(o, out, "repaired", number(loss->repaired));
    set(o, out, "repaired_ns", number(loss->repaired_ns));
    set(o, out, "stacks_taken", number(loss->stacks_taken));
    set(o, out, "stacks_failed", number(loss->stacks_failed));
    set(o, out, "decimation", number(loss->decimation));
    return out;
}

static json_t *measurement_object(struct json_out *o, const struct measurement *m)
{
    json_t *threads = json_array();
    json_t *processes = json_array();
    json_t *out = json_object();

    for (size_t i = 0; i < m->n_threads; i++)
        push(o, threads, thread_object(o, &m->threads[i]));
    for (size_t i = 0; i < m->n_processes; i++)
        push(o, processes, process_object(o, &m->processes[i]));

    set(o, out, "wall_ns", number(m->wall_ns));
    set(o, out, "thread_time_ns", number(m->thread_time_ns));
    set(o, out, "on_cpu_ns", number(m->on_cpu_ns));
    set(o, out, "user_ns", number(m->user_ns));
    set(o, out, "system_ns", number(m->system_ns));
    set(o, out, "runnable_ns", number(m->runnable_ns));
    set(o, out, "blocked_ns", causes_object(o, m->blocked_ns));
    set(o, out, "blocked_count", causes_object(o, m->blocked_count));
    set(o, out, "unattributed_ns", number(m->unattributed_ns));
    set(o, out, "voluntary_switches", number(m->voluntary_switches));
    set(o, out, "involuntary_switches", number(m->involuntary_switches));
    set(o, out, "cpu_samples", number(m->cpu_samples));
    set(o, out, "lock_held_samples", number(m->lock_held_samples));
    set(o, out, "threads", number(m->threads_total));
    set(o, out, "processes", number(m->processes_total));
    set(o, out, "max_live_threads", number(m->max_live_threads));
    set(o, out, "max_live_processes", number(m->max_live_processes));
    set(o, out, "parallelism", parallelism_object(o, m));
    set(o, out, "threads_detail", threads);
    set(o, out, "processes_detail", processes);
    set(o, out, "loss", loss_object(o, &m->loss));
    set(o, out, "overhead_ns", number(m->overhead_ns));
    set(o, out, "notes", strings(o, m->notes, m->n_notes));
    return out;
}

static json_t *reason_string(const struct recommendation *r)
{
    AUTO_BUFFER b = {0};

    verdict_reason(&b, r);
    return b.error ? NULL : json_stringn(buffer_text(&b), b.length);
}

static json_t *recommendation_object(struct json_out *o, const struct recommendation *r)
{
    json_t *out = json_object();

    set(o, out, "model", model_or_null(r->model));
    set(o, out, "change", json_string(change_to_str(r->change)));
    set(o, out, "workers", r->workers ? number(r->workers) : json_null());
    set(o, out, "construct", text(r->construct));
    set(o, out, "expected_speedup", real(r->expected_speedup));
    set(o, out, "interval", pair(o, real(r->interval[0]), real(r->interval[1])));
    set(o, out, "now_ns", number(r->now_ns));
    set(o, out, "expected_ns", number(r->expected_ns));
    set(o, out, "replayed", json_boolean(r->replayed));
    set(o, out, "confidence", json_string(confidence_to_str(r->confidence)));
    set(o, out, "confidence_reasons", strings(o, r->confidence_reasons, r->n_confidence_reasons));
    set(o, out, "why_id", text(r->why_id));
    set(o, out, "why", reason_string(r));
    set(o, out, "assumptions", strings(o, r->assumptions, r->n_assumptions));
    set(o, out, "flips_if", strings(o, r->flips_if, r->n_flips_if));
    set(o, out, "not_seen", strings(o, r->not_seen, r->n_not_seen));
    set(o, out, "actions", strings(o, r->actions, r->n_actions));
    return out;
}

static json_t *decision_object(struct json_out *o, const struct advice *a)
{
    json_t *path = json_array();
    json_t *out = json_object();

    for (size_t i = 0; i < a->n_path; i++) {
        const struct decision_step *step = &a->path[i];
        json_t *item = json_object();

        set(o, item, "id", text(step->id));
        set(o, item, "question", text(step->question));
        set(o, item, "metric", text(step->metric));
        set(o, item, "value", real(step->value));
        set(o, item, "unit", text(step->unit));
        set(o, item, "comparison", text(step->comparison));
        set(o, item, "limit", real(step->limit));
        set(o, item, "reason", text(step->reason));
        set(o, item, "answer", json_boolean(step->answer));
        push(o, path, item);
    }
    set(o, out, "path", path);
    return out;
}

static json_t *scaling_array(struct json_out *o, const struct model_evidence *row)
{
    json_t *out = json_array();

    for (size_t i = 0; i < row->n_scaling; i++) {
        json_t *point = json_object();

        set(o, point, "workers", number(row->scaling[i].workers));
        set(o, point, "speedup", real(row->scaling[i].speedup));
        push(o, out, point);
    }
    return out;
}

static json_t *model_object(struct json_out *o, const struct model_evidence *row)
{
    json_t *out = json_object();

    set(o, out, "model", json_string(model_to_str(row->model)));
    set(o, out, "workers", number(row->workers));
    set(o, out, "in_flight", row->in_flight ? number(row->in_flight) : json_null());
    set(o, out, "current", json_boolean(row->current));
    set(o, out, "median_ns", number(row->median_ns));
    set(o, out, "interval_ns", pair(o, number(row->interval_ns[0]), number(row->interval_ns[1])));
    set(o, out, "speedup", real(row->speedup));
    set(o, out, "speedup_interval", pair(o, real(row->speedup_interval[0]), real(row->speedup_interval[1])));
    set(o, out, "cores", real(row->cores));
    set(o, out, "peak_rss_bytes", row->peak_rss_bytes ? number(row->peak_rss_bytes) : json_null());
    set(o, out, "source", json_string(evidence_source_to_str(row->source)));
    set(o, out, "forecast_ns", row->forecast_ns ? number(row->forecast_ns) : json_null());
    set(o, out, "runs", number(row->runs));
    set(o, out, "scaling", scaling_array(o, row));
    set(o, out, "assumptions", strings(o, row->assumptions, row->n_assumptions));
    return out;
}

/* The current model without its flaws: what change "fix" is expected to give. */
static json_t *mended_object(struct json_out *o, const struct evidence *e)
{
    json_t *out;

    if (e->mended_speedup <= 0.0)
        return json_null();
    out = json_object();
    set(o, out, "workers", e->mended_workers ? number(e->mended_workers) : json_null());
    set(o, out, "in_flight", e->mended_in_flight ? number(e->mended_in_flight) : json_null());
    set(o, out, "speedup", real(e->mended_speedup));
    set(o, out, "speedup_interval", pair(o, real(e->mended_interval[0]), real(e->mended_interval[1])));
    set(o, out, "source", json_string(evidence_source_to_str(e->mended_source)));
    return out;
}

static json_t *evidence_object(struct json_out *o, const struct evidence *e)
{
    json_t *models = json_array();
    json_t *ties = json_array();
    json_t *out = json_object();

    for (int i = 0; i < MODEL_COUNT; i++)
        if (e->models[i].available)
            push(o, models, model_object(o, &e->models[i]));
    for (size_t i = 0; i < e->n_ties && i < MODEL_COUNT; i++)
        push(o, ties, json_string(model_to_str(e->ties[i])));
    set(o, out, "runs", number(e->runs));
    set(o, out, "fidelity", e->replayed_now_ns ? real(e->fidelity) : json_null());
    set(o, out, "forecast_now_ns", e->forecast_now_ns ? number(e->forecast_now_ns) : json_null());
    set(o, out, "replayed_now_ns", e->replayed_now_ns ? number(e->replayed_now_ns) : json_null());
    set(o, out, "models", models);
    set(o, out, "ties", ties);
    set(o, out, "mended", mended_object(o, e));
    set(o, out, "disagrees", json_boolean(e->disagrees));
    return out;
}

static json_t *site_object(struct json_out *o, const struct site *site)
{
    json_t *stack = json_array();
    json_t *out = json_object();

    for (size_t i = 0; i < site->n_frames; i++) {
        const struct frame *frame = &site->frames[i];
        json_t *item = json_object();

        set(o, item, "function", text(frame->function));
        set(o, item, "file", text(frame->file));
        set(o, item, "line", frame->line ? number(frame->line) : json_null());
        set(o, item, "module", text(frame->module));
        push(o, stack, item);
    }
    set(o, out, "cause", json_string(site->on_cpu ? "on_cpu" : cause_to_str(site->cause)));
    set(o, out, "time_ns", number(site->time_ns));
    set(o, out, "count", number(site->count));
    set(o, out, "pid", json_integer(site->pid));
    set(o, out, "tid", json_integer(site->tid));
    set(o, out, "stack", stack);
    return out;
}

static json_t *finding_object(struct json_out *o, const struct finding *finding)
{
    const struct wording_finding *wording = wording_finding(finding->id);
    const char *slug = finding_slug(finding->id);
    json_t *sites = json_array();
    json_t *out = json_object();

    for (size_t i = 0; i < finding->n_sites; i++)
        push(o, sites, site_object(o, &finding->sites[i]));
    set(o, out, "id", json_sprintf("CA%04d", finding->id));
    set(o, out, "slug", json_string(slug ? slug : "?"));
    set(o, out, "severity", json_string(severity_to_str(finding->severity)));
    set(o, out, "title", json_string(wording ? wording->title : "finding"));
    set(o, out, "detail", text(finding->detail));
    set(o, out, "time_ns", number(finding->time_ns));
    set(o, out, "share", real(finding->share));
    set(o, out, "gain", finding->gain > 0.0 ? real(finding->gain) : json_null());
    set(o, out, "sites", sites);
    set(o, out, "advice", json_string(wording ? wording->action : ""));
    return out;
}

static json_t *root_object(struct json_out *o, const struct measurement *m, const struct advice *a)
{
    json_t *current = json_object();
    json_t *findings = json_array();
    json_t *root = json_object();

    set(o, current, "model", model_or_null(a->current_model));
    set(o, current, "workers", number(a->current_workers));
    for (size_t i = 0; i < a->n_findings; i++)
        push(o, findings, finding_object(o, &a->findings[i]));

    set(o, root, "schema_version", number(JSON_SCHEMA_VERSION));
    set(o, root, "tool", tool_object(o, m));
    set(o, root, "machine", machine_object(o, &m->machine));
    set(o, root, "target", target_object(o, &m->target));
    set(o, root, "measurement", measurement_object(o, m));
    set(o, root, "current", current);
    set(o, root, "recommendation", recommendation_object(o, &a->recommendation));
    set(o, root, "decision", decision_object(o, a));
    set(o, root, "evidence", evidence_object(o, &a->evidence));
    set(o, root, "findings", findings);
    return root;
}

int json_write(FILE *out, const struct measurement *m, const struct advice *a)
{
    struct json_out o = {0};
    json_t *root = root_object(&o, m, a);
    int r = 0;

    if (!root || o.failed)
        r = -ENOMEM;
    else if (json_dumpf(root, out, JSON_INDENT(2)) < 0 || fputc('\n', out) == EOF)
        r = -EIO;
    json_decref(root);
    return r;
}
