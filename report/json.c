/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The document of DESIGN 7, in its order. Its larger objects have files of their own: json_measurement.c,
 * json_advice.c, json_waits.c.
 */
#include "report/json.h"

#include "analyzer/findings/findings.h"
#include "base/base.h"
#include "report/json_out.h"
#include "report/wording.h"

static json_t *tool_object(struct json_out *o, const struct measurement *m)
{
    json_t *tool = json_object();

    out_set(o, tool, "version", OUT_FIELD(m->tool_version));
    out_set(o, tool, "probe", OUT_FIELD(m->probe));
    return tool;
}

static json_t *machine_object(struct json_out *o, const struct machine *machine)
{
    json_t *out = json_object();

    out_set(o, out, "cpus", out_number(machine->cpus));
    out_set(o, out, "cpus_allowed", out_number(machine->cpus_allowed));
    out_set(o, out, "cpu_quota", machine->cpu_quota > 0.0 ? out_real(machine->cpu_quota) : json_null());
    out_set(o, out, "memory_bytes", out_number(machine->memory_bytes));
    out_set(o, out, "memory_limit_bytes",
            machine->memory_limit_bytes ? out_number(machine->memory_limit_bytes) : json_null());
    out_set(o, out, "kernel", OUT_FIELD(machine->kernel));
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

    out_set(o, runtime, "name", json_string(runtime_to_str(target->runtime.kind)));
    out_set(o, runtime, "version", target->runtime.version[0] ? OUT_FIELD(target->runtime.version) : json_null());
    out_set(o, runtime, "interpreter_lock", json_string(interpreter_lock_to_str(target->runtime.interpreter_lock)));
    out_set(o, runtime, "free_threaded", json_boolean(target->runtime.free_threaded));
    out_set(o, runtime, "interpreters", out_number_or_null(target->runtime.interpreters));

    out_set(o, out, "argv", out_strings(o, target->argv, target->n_argv));
    out_set(o, out, "exe", out_text(target->exe));
    out_set(o, out, "pid", json_integer(target->pid));
    out_set(o, out, "runtime", runtime);
    out_set(o, out, "exit_status", status ? json_integer(target->exit_status) : json_null());
    out_set(o, out, "signal", target->signal ? json_integer(target->signal) : json_null());
    return out;
}

static json_t *finding_object(struct json_out *o, const struct finding *finding)
{
    const struct wording_finding *wording = wording_finding(finding->id);
    const char *slug = finding_slug(finding->id);
    json_t *sites = json_array();
    json_t *out = json_object();

    for (size_t i = 0; i < finding->n_sites; i++)
        out_push(o, sites, out_site(o, &finding->sites[i]));
    out_set(o, out, "id", json_sprintf("CA%04d", finding->id));
    out_set(o, out, "slug", json_string(slug ? slug : "?"));
    out_set(o, out, "severity", json_string(severity_to_str(finding->severity)));
    out_set(o, out, "title", json_string(wording ? wording->title : "finding"));
    out_set(o, out, "detail", out_text(finding->detail));
    out_set(o, out, "time_ns", out_number(finding->time_ns));
    out_set(o, out, "share", out_real(finding->share));
    out_set(o, out, "gain", finding->gain > 0.0 ? out_real(finding->gain) : json_null());
    out_set(o, out, "sites", sites);
    out_set(o, out, "advice", json_string(wording ? wording->action : ""));
    out_set(o, out, "remedy", out_text(finding->remedy));
    return out;
}

static json_t *root_object(struct json_out *o, const struct measurement *m, const struct advice *a)
{
    json_t *current = json_object();
    json_t *findings = json_array();
    json_t *root = json_object();

    out_set(o, current, "model", out_model(a->current_model));
    out_set(o, current, "workers", out_number(a->current_workers));
    for (size_t i = 0; i < a->n_findings; i++)
        out_push(o, findings, finding_object(o, &a->findings[i]));

    out_set(o, root, "schema_version", out_number(JSON_SCHEMA_VERSION));
    out_set(o, root, "tool", tool_object(o, m));
    out_set(o, root, "machine", machine_object(o, &m->machine));
    out_set(o, root, "target", target_object(o, &m->target));
    out_set(o, root, "measurement", json_measurement(o, m));
    out_set(o, root, "current", current);
    out_set(o, root, "recommendation", json_recommendation(o, &a->recommendation));
    out_set(o, root, "decision", json_decision(o, a));
    out_set(o, root, "evidence", json_evidence(o, &a->evidence));
    out_set(o, root, "findings", findings);
    out_set(o, root, "critical_path", json_critical_path(o, &a->critical_path));
    out_set(o, root, "wait_summary", json_wait_summary(o, a));
    return root;
}

int json_write(FILE *out, const struct measurement *m, const struct advice *a)
{
    struct json_out o = {0};
    json_t *root = root_object(&o, m, a);
    int r = 0;

    if (!root || o.failed)
        r = -ENOMEM;
    else
        r = out_document(root, out);
    json_decref(root);
    return r;
}
