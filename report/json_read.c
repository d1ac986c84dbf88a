/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/json_read.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdarg.h>

#include "analyzer/advice.h"
#include "analyzer/findings/findings.h"
#include "base/base.h"
#include "report/escape.h"
#include "report/json.h"

#define MAX_FILE_SIZE ((size_t)64 << 20)
#define MAX_ELEMENTS 65537u

/* One reading: the first complaint stays, later ones follow from it. */
struct in {
    char *message;
    size_t size;
    int error;
};

static void decref(json_t **json)
{
    json_decref(*json);
}

static PRINTF_LIKE(3, 4) void complain(struct in *in, int error, const char *format, ...)
{
    va_list args;

    if (in->error)
        return;
    in->error = error;
    va_start(args, format);
    (void)vsnprintf(in->message, in->size, format, args);
    va_end(args);
}

/* --- values; `where` is the name of the object, for the complaint --- */

static const json_t *object_in(struct in *in, const json_t *object, const char *where, const char *key)
{
    const json_t *value = json_object_get(object, key);

    if (!json_is_object(value))
        complain(in, -EBADMSG, "%s%s: expected an object", where, key);
    return value;
}

static const json_t *array_in(struct in *in, const json_t *object, const char *where, const char *key)
{
    const json_t *value = json_object_get(object, key);

    if (!json_is_array(value) || json_array_size(value) > MAX_ELEMENTS)
        complain(in, -EBADMSG, "%s.%s: expected an array of at most %u", where, key, MAX_ELEMENTS);
    return in->error ? NULL : value;
}

/* null counts as 0, as the writer has it. */
static uint64_t count_of(struct in *in, const json_t *value, uint64_t most, const char *where, const char *key)
{
    if (json_is_null(value))
        return 0;
    if (!json_is_integer(value) || json_integer_value(value) < 0 || (uint64_t)json_integer_value(value) > most) {
        complain(in, -EBADMSG, "%s.%s: expected a whole number from 0 to %llu", where, key, (unsigned long long)most);
        return 0;
    }
    return (uint64_t)json_integer_value(value);
}

static uint64_t time_in(struct in *in, const json_t *object, const char *where, const char *key)
{
    return count_of(in, json_object_get(object, key), INT64_MAX, where, key);
}

static uint32_t number_in(struct in *in, const json_t *object, const char *where, const char *key)
{
    return (uint32_t)count_of(in, json_object_get(object, key), INT32_MAX, where, key);
}

static double real_in(struct in *in, const json_t *object, const char *where, const char *key)
{
    const json_t *value = json_object_get(object, key);

    if (json_is_null(value))
        return 0.0;
    if (!json_is_number(value))
        complain(in, -EBADMSG, "%s.%s: expected a number", where, key);
    return json_number_value(value);
}

static bool flag_in(struct in *in, const json_t *object, const char *where, const char *key)
{
    const json_t *value = json_object_get(object, key);

    if (!json_is_boolean(value))
        complain(in, -EBADMSG, "%s.%s: expected true or false", where, key);
    return json_is_true(value);
}

/* @return the text, "" for null; valid as long as the document */
static const char *text_in(struct in *in, const json_t *object, const char *where, const char *key)
{
    const json_t *value = json_object_get(object, key);

    if (!json_is_string(value) && !json_is_null(value))
        complain(in, -EBADMSG, "%s.%s: expected a string", where, key);
    return json_is_string(value) ? json_string_value(value) : "";
}

static char *copy_of(struct in *in, const char *text)
{
    char *copy = strdup(text);

    if (!copy)
        complain(in, -ENOMEM, "out of memory");
    else
        escape_utf8_undo(copy);
    return copy;
}

/* @return a zeroed heap array of at least one element, NULL (complained) */
static void *array_of(struct in *in, size_t n, size_t size)
{
    void *array = calloc(n ? n : 1, size);

    if (!array)
        complain(in, -ENOMEM, "out of memory");
    return array;
}

static enum model model_in(struct in *in, const json_t *object, const char *where, const char *key)
{
    const char *id = text_in(in, object, where, key);
    enum model model = MODEL_NONE;

    if (*id && model_from_str(id, &model) < 0)
        complain(in, -EBADMSG, "%s.%s: no such model", where, key);
    return model;
}

static void causes_in(struct in *in, const json_t *object, const char *where, uint64_t ret_values[CAUSE_COUNT])
{
    const json_t *causes = json_object_get(object, "blocked_ns");

    if (!json_is_object(causes))
        complain(in, -EBADMSG, "%s.blocked_ns: expected an object", where);
    for (int cause = 0; cause < CAUSE_COUNT; cause++) {
        const json_t *value = json_object_get(causes, cause_to_str((enum cause)cause));

        ret_values[cause] = value ? count_of(in, value, INT64_MAX, where, cause_to_str((enum cause)cause)) : 0;
    }
}

/* --- the objects of the document --- */

static void read_machine(struct in *in, const json_t *root, struct measurement *m)
{
    const json_t *tool = object_in(in, root, "", "tool"), *machine = object_in(in, root, "", "machine");

    (void)snprintf(m->tool_version, sizeof(m->tool_version), "%s", text_in(in, tool, "tool", "version"));
    (void)snprintf(m->probe, sizeof(m->probe), "%s", text_in(in, tool, "tool", "probe"));
    m->machine.cpus = number_in(in, machine, "machine", "cpus");
    m->machine.cpus_allowed = number_in(in, machine, "machine", "cpus_allowed");
    m->machine.cpu_quota = real_in(in, machine, "machine", "cpu_quota");
    m->machine.memory_bytes = time_in(in, machine, "machine", "memory_bytes");
    (void)snprintf(m->machine.kernel, sizeof(m->machine.kernel), "%s", text_in(in, machine, "machine", "kernel"));
}

static void read_runtime(struct in *in, const json_t *target, struct runtime *runtime)
{
    const json_t *object = json_object_get(target, "runtime");
    const char *lock = text_in(in, object, "target.runtime", "interpreter_lock");

    if (runtime_from_str(text_in(in, object, "target.runtime", "name"), &runtime->kind) < 0)
        complain(in, -EBADMSG, "target.runtime.name: no such runtime");
    (void)snprintf(runtime->version, sizeof(runtime->version), "%s", text_in(in, object, "target.runtime", "version"));
    if (strcmp(lock, "present") == 0)
        runtime->interpreter_lock = INTERPRETER_LOCK_PRESENT;
    else if (strcmp(lock, "unknown") == 0)
        runtime->interpreter_lock = INTERPRETER_LOCK_UNKNOWN;
}

static void read_target(struct in *in, const json_t *root, struct target *target)
{
    const json_t *object = object_in(in, root, "", "target"), *argv = array_in(in, object, "target", "argv");
    size_t n = json_array_size(argv);

    target->argv = array_of(in, n + 1, sizeof(*target->argv));
    for (size_t i = 0; i < n && !in->error; i++) {
        const char *word = json_string_value(json_array_get(argv, i));

        if (!word)
            complain(in, -EBADMSG, "target.argv[%zu]: expected a string", i);
        else if ((target->argv[i] = copy_of(in, word)))
            target->n_argv++;
    }
    read_runtime(in, object, &target->runtime);
    target->signal = (int32_t)number_in(in, object, "target", "signal");
    target->exit_status = (int32_t)number_in(in, object, "target", "exit_status");
    /* The writer says null to both while the program was still running. */
    target->exited = target->signal || json_is_integer(json_object_get(object, "exit_status"));
}

static void read_parallelism(struct in *in, const json_t *object, struct measurement *m)
{
    const json_t *times = array_in(in, json_object_get(object, "parallelism"), "measurement.parallelism", "time_at_ns");
    size_t n = json_array_size(times);

    m->parallelism_ns = array_of(in, n, sizeof(*m->parallelism_ns));
    for (size_t i = 0; i < n && !in->error; i++)
        m->parallelism_ns[i] =
            count_of(in, json_array_get(times, i), INT64_MAX, "measurement.parallelism", "time_at_ns");
    m->n_parallelism = m->parallelism_ns ? n : 0;
}

/* Every nanosecond of thread time is in exactly one bucket; shares above 1 would follow from anything else. */
static void check_sum(struct in *in, const struct repeat *run, const char *where)
{
    const uint64_t parts[] = {run->on_cpu_ns, run->runnable_ns, run->unattributed_ns};
    uint64_t rest = run->thread_time_ns;
    bool fits = true;

    for (size_t i = 0; i < ARRAY_SIZE(parts) + CAUSE_COUNT && fits; i++) {
        uint64_t part = i < ARRAY_SIZE(parts) ? parts[i] : run->blocked_ns[i - ARRAY_SIZE(parts)];

        fits = part <= rest;
        rest -= fits ? part : 0;
    }
    if (!fits || rest > 0)
        complain(in, -EBADMSG, "%s: on_cpu + runnable + blocked + unattributed is not thread_time", where);
}

/* Reports of earlier versions have no runs. */
static void read_runs(struct in *in, const json_t *object, struct measurement *m)
{
    const json_t *runs = json_object_get(object, "runs") ? array_in(in, object, "measurement", "runs") : NULL;
    size_t n = json_array_size(runs);

    m->repeats = n > 0 ? array_of(in, n, sizeof(*m->repeats)) : NULL;
    for (size_t i = 0; i < n && !in->error; i++) {
        const json_t *run = json_array_get(runs, i);

        m->repeats[i] = (struct repeat){
            .wall_ns = time_in(in, run, "measurement.runs", "wall_ns"),
            .thread_time_ns = time_in(in, run, "measurement.runs", "thread_time_ns"),
            .on_cpu_ns = time_in(in, run, "measurement.runs", "on_cpu_ns"),
            .runnable_ns = time_in(in, run, "measurement.runs", "runnable_ns"),
            .unattributed_ns = time_in(in, run, "measurement.runs", "unattributed_ns"),
        };
        causes_in(in, run, "measurement.runs", m->repeats[i].blocked_ns);
        check_sum(in, &m->repeats[i], "measurement.runs");
    }
    m->n_repeats = m->repeats ? n : 0;
}

static void read_measurement(struct in *in, const json_t *root, struct measurement *m)
{
    static const char where[] = "measurement";
    const json_t *object = object_in(in, root, "", where);
    struct repeat totals;

    m->wall_ns = time_in(in, object, where, "wall_ns");
    m->thread_time_ns = time_in(in, object, where, "thread_time_ns");
    m->on_cpu_ns = time_in(in, object, where, "on_cpu_ns");
    m->runnable_ns = time_in(in, object, where, "runnable_ns");
    m->unattributed_ns = time_in(in, object, where, "unattributed_ns");
    causes_in(in, object, where, m->blocked_ns);
    m->threads_total = time_in(in, object, where, "threads");
    m->processes_total = time_in(in, object, where, "processes");
    m->max_live_threads = time_in(in, object, where, "max_live_threads");
    m->loss.threads_dropped = time_in(in, json_object_get(object, "loss"), "measurement.loss", "threads_dropped");
    totals = (struct repeat){.thread_time_ns = m->thread_time_ns,
                             .on_cpu_ns = m->on_cpu_ns,
                             .runnable_ns = m->runnable_ns,
                             .unattributed_ns = m->unattributed_ns};
    memcpy(totals.blocked_ns, m->blocked_ns, sizeof(totals.blocked_ns));
    check_sum(in, &totals, where);
    read_parallelism(in, object, m);
    read_runs(in, object, m);
}

static void read_recommendation(struct in *in, const json_t *root, struct recommendation *r)
{
    static const char where[] = "recommendation";
    const json_t *object = object_in(in, root, "", where), *interval = array_in(in, object, where, "interval");
    const char *change = text_in(in, object, where, "change"), *why = text_in(in, object, where, "why_id");

    r->model = model_in(in, object, where, "model");
    for (int i = CHANGE_KEEP; i <= CHANGE_SWITCH; i++)
        if (strcmp(change, change_to_str((enum change)i)) == 0)
            r->change = (enum change)i;
    r->workers = number_in(in, object, where, "workers");
    r->expected_speedup = real_in(in, object, where, "expected_speedup");
    r->now_ns = time_in(in, object, where, "now_ns");
    r->expected_ns = time_in(in, object, where, "expected_ns");
    r->replayed = flag_in(in, object, where, "replayed");
    r->why_id = *why ? copy_of(in, why) : NULL;
    for (size_t i = 0; i < 2; i++)
        r->interval[i] = json_number_value(json_array_get(interval, i));
}

static void read_scaling(struct in *in, const json_t *object, struct model_evidence *row)
{
    static const char where[] = "evidence.models.scaling";
    const json_t *points = array_in(in, object, "evidence.models", "scaling");
    size_t n = json_array_size(points);

    free(row->scaling); /* of an earlier row for the same model */
    row->scaling = n > 0 ? array_of(in, n, sizeof(*row->scaling)) : NULL;
    row->n_scaling = row->scaling ? n : 0;
    for (size_t i = 0; i < row->n_scaling; i++) {
        row->scaling[i].workers = number_in(in, json_array_get(points, i), where, "workers");
        row->scaling[i].speedup = real_in(in, json_array_get(points, i), where, "speedup");
    }
}

static void read_models(struct in *in, const json_t *root, struct evidence *e)
{
    static const char where[] = "evidence.models";
    const json_t *models = array_in(in, object_in(in, root, "", "evidence"), "evidence", "models");

    for (size_t i = 0; i < json_array_size(models) && !in->error; i++) {
        const json_t *object = json_array_get(models, i), *interval = array_in(in, object, where, "interval_ns");
        enum model model = model_in(in, object, where, "model");
        struct model_evidence *row;

        if (model == MODEL_NONE)
            continue;
        row = &e->models[model];
        row->available = true;
        row->workers = number_in(in, object, where, "workers");
        row->current = flag_in(in, object, where, "current");
        row->median_ns = time_in(in, object, where, "median_ns");
        for (size_t k = 0; k < 2; k++)
            row->interval_ns[k] = count_of(in, json_array_get(interval, k), INT64_MAX, where, "interval_ns");
        row->source = SOURCE_FORECAST;
        if (strcmp(text_in(in, object, where, "source"), evidence_source_to_str(SOURCE_REPLAY)) == 0)
            row->source = SOURCE_REPLAY;
        read_scaling(in, object, row);
    }
}

/* The first site: it is what findings are recognised by. */
static void read_site(struct in *in, const json_t *sites, struct finding *finding)
{
    static const char where[] = "findings.sites.stack";
    const json_t *stack;
    size_t n;

    if (json_array_size(sites) == 0)
        return;
    stack = array_in(in, json_array_get(sites, 0), "findings.sites", "stack");
    n = json_array_size(stack);
    finding->sites = array_of(in, 1, sizeof(*finding->sites));
    if (!finding->sites)
        return;
    finding->n_sites = 1;
    finding->sites[0].frames = array_of(in, n, sizeof(struct frame));
    for (size_t i = 0; i < n && !in->error; i++) {
        const json_t *object = json_array_get(stack, i);
        const char *file = text_in(in, object, where, "file"), *module = text_in(in, object, where, "module");
        struct frame *frame = &finding->sites[0].frames[i];

        frame->function = copy_of(in, text_in(in, object, where, "function"));
        frame->file = *file ? copy_of(in, file) : NULL;
        frame->module = *module ? copy_of(in, module) : NULL;
        frame->line = number_in(in, object, where, "line");
        finding->sites[0].n_frames++;
    }
}

/* Findings of a later version have ids that this one can't word: they are left out. */
static void read_findings(struct in *in, const json_t *root, struct advice *a)
{
    static const char where[] = "findings";
    const json_t *findings = array_in(in, root, "report", where);

    a->findings = array_of(in, json_array_size(findings), sizeof(*a->findings));
    for (size_t i = 0; i < json_array_size(findings) && !in->error; i++) {
        const json_t *object = json_array_get(findings, i), *sites = array_in(in, object, where, "sites");
        const char *severity = text_in(in, object, where, "severity");
        int id = finding_from_str(text_in(in, object, where, "id"));
        struct finding *finding = &a->findings[a->n_findings];

        if (id < 0)
            continue;
        a->n_findings++;
        finding->id = id;
        for (int k = SEVERITY_INFO; k <= SEVERITY_HIGH; k++)
            if (strcmp(severity, severity_to_str((enum severity)k)) == 0)
                finding->severity = (enum severity)k;
        finding->time_ns = time_in(in, object, where, "time_ns");
        finding->share = real_in(in, object, where, "share");
        finding->detail = copy_of(in, text_in(in, object, where, "detail"));
        read_site(in, sites, finding);
    }
}

static void read_document(struct in *in, const json_t *root, struct measurement *m, struct advice *a)
{
    const json_t *current = object_in(in, root, "", "current");

    read_machine(in, root, m);
    read_target(in, root, &m->target);
    read_measurement(in, root, m);
    a->current_model = model_in(in, current, "current", "model");
    a->current_workers = number_in(in, current, "current", "workers");
    read_recommendation(in, root, &a->recommendation);
    read_models(in, root, &a->evidence);
    read_findings(in, root, a);
}

/* --- the file --- */

/* Non-blocking, so that a pipe that nobody writes to is an empty file. */
static int read_file(const char *path, char **ret_text, size_t *ret_size)
{
    AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    AUTO_FREE char *text = NULL;
    size_t capacity = 0, used = 0;

    if (fd < 0)
        return -errno;
    for (;;) {
        ssize_t got;

        if (base_grow(&text, &capacity, used + 65536, 1) < 0)
            return -ENOMEM;
        got = read(fd, text + used, capacity - used);
        if (got < 0 && errno != EINTR)
            return -errno;
        if (got == 0)
            break;
        used += got > 0 ? (size_t)got : 0;
        if (used > MAX_FILE_SIZE)
            return -EFBIG;
    }
    *ret_text = TAKE_PTR(text);
    *ret_size = used;
    return 0;
}

static int load_document(struct in *in, const char *path, json_t **ret_root)
{
    AUTO_FREE char *text = NULL;
    json_error_t error;
    const json_t *version;
    size_t size = 0;
    int r = read_file(path, &text, &size);

    if (r < 0) {
        complain(in, r, "cannot read: %s", strerror(-r));
        return r;
    }
    *ret_root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
    if (!*ret_root)
        complain(in, -ENOMSG, "line %d, column %d: %s", error.line, error.column, error.text);
    version = json_object_get(*ret_root, "schema_version");
    if (!json_is_integer(version) || json_object_get(*ret_root, "kind"))
        complain(in, -ENOMSG, "no schema_version of a report");
    else if (json_integer_value(version) > JSON_SCHEMA_VERSION)
        complain(in, -EPROTONOSUPPORT, "schema_version %lld", (long long)json_integer_value(version));
    return in->error;
}

int json_read(const char *path, struct measurement **ret_m, struct advice **ret_a, char *message, size_t size)
{
    CLEANUP(measurement_freep) struct measurement *m = measurement_new();
    CLEANUP(advice_freep) struct advice *a = advice_new();
    CLEANUP(decref) json_t *root = NULL;
    struct in in = {.message = message, .size = size};

    if (!m || !a)
        complain(&in, -ENOMEM, "out of memory");
    else if (load_document(&in, path, &root) == 0)
        read_document(&in, root, m, a);
    if (in.error)
        return in.error;
    *ret_m = TAKE_PTR(m);
    *ret_a = TAKE_PTR(a);
    return 0;
}
