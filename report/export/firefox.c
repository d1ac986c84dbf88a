/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * profiler.firefox.com's "processed profile", version 48; later versions of the profiler upgrade it when they load it
 * (github.com/firefox-devtools/profiler: docs-developer/CHANGELOG-formats.md). A table is an object of columns.
 *
 * Each thread's timeline is markers. The places are call trees, in a track of their own for each process: weighted by
 * their time, and at equal distances over the run, as when they happened is not known (what lies outside the run the
 * profiler cuts off).
 */
#include <inttypes.h>

#include "base/base.h"
#include "probe/measurement.h"
#include "report/buffer.h"
#include "report/command.h"
#include "report/escape.h"
#include "report/export/export.h"
#include "report/export/intern.h"
#include "report/export/stacks.h"
#include "report/html/timeline_rows.h"
#include "report/json_out.h"
#include "report/wording.h"

/* States as in TIMELINE_ON_CPU, ...; category 0 is the one that the format wants for all else. */
#define STATES (CAUSE_COUNT + 2)
#define CATEGORY(state) ((int)(state) + 1)

/* Tracks shown before anybody picks others; there may be 10,000. */
#define MOST_VISIBLE 100

/* Of a command so many bytes. */
#define MOST_COMMAND 4000

#define FLAGS (JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(15))

struct firefox {
    FILE *out;
    const struct measurement *m;
    size_t threads; /* written so far */
    struct json_out o;
};

static const char *state_name(const struct measurement *m, unsigned state)
{
    if (state < TIMELINE_BLOCKED)
        return state == TIMELINE_ON_CPU ? "on-CPU" : "run queue";
    return wording_cause((enum cause)(state - TIMELINE_BLOCKED), m->target.runtime.kind);
}

/* Out of the colours that the format has. */
static const char *state_color(unsigned state)
{
    static const char *const colors[STATES] = {
        [TIMELINE_ON_CPU] = "green",
        [TIMELINE_RUNNABLE] = "yellow",
        [TIMELINE_BLOCKED + CAUSE_INTERPRETER_LOCK] = "red",
        [TIMELINE_BLOCKED + CAUSE_LOCK] = "magenta",
        [TIMELINE_BLOCKED + CAUSE_HANDOFF] = "purple",
        [TIMELINE_BLOCKED + CAUSE_NETWORK] = "blue",
        [TIMELINE_BLOCKED + CAUSE_DISK] = "brown",
        [TIMELINE_BLOCKED + CAUSE_IPC] = "lightblue",
        [TIMELINE_BLOCKED + CAUSE_MEMORY] = "orange",
        [TIMELINE_BLOCKED + CAUSE_IDLE] = "transparent",
    };

    return colors[state] ? colors[state] : "darkgrey";
}

/* What the target named, escaped as in the report. */
static json_t *text_of(const char *raw, size_t size)
{
    AUTO_BUFFER shown = {0};

    escape_terminal_field(&shown, raw, size, true);
    return shown.error ? NULL : json_string(buffer_text(&shown));
}

static json_t *ms_of(uint64_t ns)
{
    return json_real((double)ns / (double)NSEC_PER_MSEC);
}

/* The members of an object, for more to follow; takes it over. */
static void put_members(struct firefox *f, json_t *object)
{
    if (!object || json_dumpf(object, f->out, FLAGS | JSON_EMBED) < 0)
        f->o.failed = true;
    (void)fputs(",\n", f->out);
    json_decref(object);
}

/* The opening of a thread, up to its tables. @param name  taken over */
static void begin_thread(struct firefox *f, json_t *name, int32_t pid, int32_t tid, uint64_t birth_ns,
                         uint64_t death_ns)
{
    AUTO_BUFFER process = {0};
    char number[16];

    (void)snprintf(number, sizeof(number), "%d", (int)pid);
    stacks_process(&process, f->m, pid); /* escaped already */
    f->o.failed = f->o.failed || process.error;
    (void)fputs(f->threads++ > 0 ? ",\n{" : "\n{", f->out);
    put_members(f,
                json_pack("{s:o,s:s,s:s,s:s,s:i,s:b,s:b,s:i,s:n,s:o,s:o,s:[],s:{s:[],s:[],s:[],s:[],s:i},"
                          "s:{s:[],s:[],s:[],s:[],s:i}}",
                          "name", name, "processName", buffer_text(&process), "processType", "default", "pid", number,
                          "tid", (int)tid, "isMainThread", pid == tid, "showMarkersInTimeline", 1, "processStartupTime",
                          0, "processShutdownTime", "registerTime", ms_of(birth_ns), "unregisterTime", ms_of(death_ns),
                          "pausedRanges", "resourceTable", "lib", "name", "host", "type", "length", 0, "nativeSymbols",
                          "libIndex", "address", "name", "functionSize", "length", 0));
}

/* --- timelines --- */

enum column { NAME, CATEGORY_OF, BEGIN, END, PHASE, DATA };

/* One value of a thread's stay in a state. @param waker  0: nobody known ended it */
static void put_value(struct firefox *f, enum column column, unsigned state, uint64_t begin_ns, uint64_t end_ns,
                      int32_t waker)
{
    uint64_t ns = column == BEGIN ? begin_ns : end_ns;

    switch (column) {
    case NAME: /* number of a string */
        (void)fprintf(f->out, "%u", state);
        break;
    case CATEGORY_OF:
        (void)fprintf(f->out, "%d", CATEGORY(state));
        break;
    case BEGIN:
    case END:
        (void)fprintf(f->out, "%" PRIu64 ".%06u", ns / NSEC_PER_MSEC, (unsigned)(ns % NSEC_PER_MSEC));
        break;
    case PHASE: /* an interval */
        (void)fputc('1', f->out);
        break;
    case DATA:
        (void)fputs("{\"type\":\"State\"", f->out);
        if (waker && state >= TIMELINE_BLOCKED)
            (void)fprintf(f->out, ",\"woken_by\":%d", (int)waker);
        (void)fputc('}', f->out);
        break;
    }
}

/* Written as it goes: a thread may have a million slices. @return values in it */
static size_t put_column(struct firefox *f, const char *key, enum column column, const struct thread *thread)
{
    uint64_t at = thread->birth_ns;
    size_t n = 0;

    (void)fprintf(f->out, "\"%s\":[", key);
    for (size_t i = 0; i < thread->n_slices; i++) {
        const struct slice *slice = &thread->slices[i];
        const uint64_t lengths[] = {slice->on_cpu_ns, slice->blocked_ns, slice->runnable_ns};
        const unsigned states[] = {TIMELINE_ON_CPU, TIMELINE_BLOCKED + (unsigned)slice->cause, TIMELINE_RUNNABLE};

        for (size_t k = 0; k < ARRAY_SIZE(lengths); at += lengths[k++]) {
            if (lengths[k] == 0)
                continue;
            (void)fputs(n++ > 0 ? "," : "", f->out);
            put_value(f, column, states[k], at, at + lengths[k], slice->waker_tid);
        }
    }
    (void)fputs("],", f->out);
    return n;
}

/* A thread must have samples: two without a stack, for its first and its last moment. */
static void put_thread(struct firefox *f, const struct thread *thread)
{
    static const char *const keys[] = {"name", "category", "startTime", "endTime", "phase", "data"};
    size_t n = 0;

    begin_thread(f, text_of(thread->name, sizeof(thread->name)), thread->pid, thread->tid, thread->birth_ns,
                 thread->death_ns);
    put_members(f, json_pack("{s:{s:[n,n],s:[o,o],s:n,s:s,s:i}}", "samples", "stack", "time", ms_of(thread->birth_ns),
                             ms_of(thread->death_ns), "weight", "weightType", "samples", "length", 2));
    (void)fputs("\"markers\":{", f->out);
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
        n = put_column(f, keys[i], (enum column)i, thread);
    (void)fprintf(f->out, "\"length\":%zu},\n", n);
    (void)fputs(
        "\"stackTable\":{\"frame\":[],\"prefix\":[],\"category\":[],\"subcategory\":[],\"length\":0},\n"
        "\"frameTable\":{\"func\":[],\"line\":[],\"category\":[],\"address\":[],\"inlineDepth\":[],\"subcategory\""
        ":[],\"nativeSymbol\":[],\"innerWindowID\":[],\"implementation\":[],\"column\":[],\"length\":0},\n"
        "\"funcTable\":{\"name\":[],\"fileName\":[],\"isJS\":[],\"relevantForJS\":[],\"resource\":[],"
        "\"lineNumber\":[],\"columnNumber\":[],\"length\":0},\n\"stringArray\":[",
        f->out);
    for (unsigned state = 0; state < STATES; state++)
        (void)fprintf(f->out, "%s\"%s\"", state > 0 ? "," : "", state_name(f->m, state));
    (void)fputs("]}", f->out);
}

/* --- places --- */

struct places {
    struct firefox *f;
    struct intern strings, known[3];               /* what has a number already, told apart by a text */
    json_t *functions, *frames, *stacks, *samples; /* tables */
    uint64_t at_ns, step_ns;                       /* where the next sample goes, and the distance */
};

static void places_clear(struct places *p)
{
    for (size_t i = 0; i < ARRAY_SIZE(p->known); i++)
        intern_clear(&p->known[i]);
    intern_clear(&p->strings);
    json_decref(p->functions);
    json_decref(p->frames);
    json_decref(p->stacks);
    json_decref(p->samples);
}

static uint64_t number_of(struct places *p, struct intern *intern, const char *text)
{
    uint64_t number = 0;

    if (intern_number(intern, text, &number) < 0)
        p->f->o.failed = true;
    return number;
}

/* Append a row, {"column": value, ...}, to a table of columns; takes the row over. */
static void add_row(struct places *p, json_t *table, json_t *row)
{
    json_int_t n = json_integer_value(json_object_get(table, "length"));
    const char *key;
    json_t *value;

    json_object_foreach (row, key, value) {
        if (n == 0)
            out_set(&p->f->o, table, key, json_array());
        out_push(&p->f->o, json_object_get(table, key), json_incref(value));
    }
    if (!row)
        p->f->o.failed = true;
    out_set(&p->f->o, table, "length", json_integer(n + 1));
    json_decref(row);
}

/* The number of what `key` tells apart. @param row  made in vain where it is known already; taken over */
static uint64_t known_or_new(struct places *p, size_t table_number, json_t *table, const struct buffer *key,
                             json_t *row)
{
    struct intern *intern = &p->known[table_number];
    size_t before = intern->n;
    uint64_t number = number_of(p, intern, buffer_text(key));

    if (key->error)
        p->f->o.failed = true;
    if (intern->n > before)
        add_row(p, table, row);
    else
        json_decref(row);
    return number;
}

/* @param file  NULL: not known; line 0: likewise. @return the number of a frame */
static uint64_t frame_of(struct places *p, const char *name, const char *file, uint32_t line, unsigned state)
{
    AUTO_BUFFER function_key = {0}, frame_key = {0};
    uint64_t function;

    buffer_format(&function_key, "%s\n%s", name, file ? file : "");
    function =
        known_or_new(p, 0, p->functions, &function_key,
                     json_pack("{s:I,s:o,s:b,s:b,s:i,s:n,s:n}", "name", (json_int_t)number_of(p, &p->strings, name),
                               "fileName", file ? out_number(number_of(p, &p->strings, file)) : json_null(), "isJS", 0,
                               "relevantForJS", 0, "resource", -1, "lineNumber", "columnNumber"));
    buffer_format(&frame_key, "%" PRIu64 " %u %u", function, line, state);
    return known_or_new(p, 1, p->frames, &frame_key,
                        json_pack("{s:I,s:o,s:i,s:i,s:i,s:i,s:n,s:i,s:n,s:n}", "func", (json_int_t)function, "line",
                                  out_number_or_null(line), "category", CATEGORY(state), "address", -1, "inlineDepth",
                                  0, "subcategory", 0, "nativeSymbol", "innerWindowID", 0, "implementation", "column"));
}

/* @param prefix  the stack that called it; -1: it is a root */
static int64_t stack_of(struct places *p, int64_t prefix, uint64_t frame, unsigned state)
{
    AUTO_BUFFER key = {0};

    buffer_format(&key, "%" PRId64 " %" PRIu64, prefix, frame);
    return (int64_t)known_or_new(p, 2, p->stacks, &key,
                                 json_pack("{s:I,s:o,s:i,s:i}", "frame", (json_int_t)frame, "prefix",
                                           prefix < 0 ? json_null() : json_integer(prefix), "category", CATEGORY(state),
                                           "subcategory", 0));
}

/* Below the root stands the state. */
static void add_site(struct places *p, const struct site *site)
{
    unsigned state = site->on_cpu ? TIMELINE_ON_CPU : TIMELINE_BLOCKED + (unsigned)site->cause;
    int64_t stack = stack_of(p, -1, frame_of(p, state_name(p->f->m, state), NULL, 0, state), state);

    for (size_t i = site->n_frames; i-- > 0;) {
        const struct frame *frame = &site->frames[i];
        const char *file = frame->file ? frame->file : frame->module;

        stack = stack_of(p, stack, frame_of(p, frame->function, file, frame->line, state), state);
    }
    add_row(p, p->samples,
            json_pack("{s:I,s:o,s:o}", "stack", (json_int_t)stack, "time", ms_of(p->at_ns), "weight",
                      ms_of(site->time_ns)));
    p->at_ns += p->step_ns;
}

static void put_places(struct firefox *f, const struct site *const *sites, size_t n)
{
    CLEANUP(places_clear)
    struct places p = {
        .f = f, .functions = json_object(), .frames = json_object(), .stacks = json_object(), .samples = json_object()};
    json_t *strings = json_array();

    for (size_t i = 0; i < n; i++)
        add_site(&p, sites[i]);
    for (size_t i = 0; i < p.strings.n; i++)
        out_push(&f->o, strings, text_of(p.strings.texts[i], strlen(p.strings.texts[i])));
    out_set(&f->o, p.samples, "weightType", json_string("tracing-ms"));
    begin_thread(f, json_string("places, by time"), sites[0]->pid, 0, 0, f->m->wall_ns);
    put_members(f, json_pack("{s:O,s:O,s:O,s:O,s:o}", "samples", p.samples, "stackTable", p.stacks, "frameTable",
                             p.frames, "funcTable", p.functions, "stringArray", strings));
    (void)fputs("\"markers\":{\"data\":[],\"name\":[],\"startTime\":[],\"endTime\":[],\"phase\":[],\"category\":[],"
                "\"length\":0}}",
                f->out);
}

static int by_process(const void *a, const void *b)
{
    const struct site *left = *(const struct site *const *)a, *right = *(const struct site *const *)b;

    if (left->pid != right->pid)
        return left->pid < right->pid ? -1 : 1;
    return left < right ? -1 : left > right;
}

static void put_all_places(struct firefox *f)
{
    const struct measurement *m = f->m;
    AUTO_FREE const struct site **sites = calloc(m->n_sites + 1, sizeof(*sites));

    if (!sites) {
        f->o.failed = true;
        return;
    }
    for (size_t i = 0; i < m->n_sites; i++)
        sites[i] = &m->sites[i];
    qsort(sites, m->n_sites, sizeof(*sites), by_process);
    for (size_t i = 0, n; i < m->n_sites; i += n) {
        for (n = 1; i + n < m->n_sites && sites[i + n]->pid == sites[i]->pid; n++)
            continue;
        put_places(f, sites + i, n);
    }
}

/* --- the whole --- */

static json_t *categories(struct firefox *f)
{
    json_t *out = json_pack("[{s:s,s:s,s:[s]}]", "name", "Other", "color", "grey", "subcategories", "Other");

    for (unsigned state = 0; state < STATES; state++)
        out_push(&f->o, out,
                 json_pack("{s:s,s:s,s:[s]}", "name", state_name(f->m, state), "color", state_color(state),
                           "subcategories", "Other"));
    return out;
}

static json_t *meta(struct firefox *f)
{
    const struct measurement *m = f->m;
    AUTO_BUFFER command = {0};
    json_t *visible = json_array();

    command_add_cut(&command, &m->target, MOST_COMMAND);
    for (size_t i = 0; i < m->n_threads && i < MOST_VISIBLE; i++)
        out_push(&f->o, visible, out_number(i));
    return json_pack(
        "{s:i,s:i,s:i,s:i,s:i,s:i,s:s,s:o,s:o,s:o,s:o,s:i,s:i,s:o,s:b,s:b,s:b,s:b,s:b,s:o,s:o,"
        "s:[{s:s,s:[s,s,s],s:s,s:s,s:[{s:s,s:s,s:s}]}]}",
        "preprocessedProfileVersion", 48, "version", 28, "interval", 1, "startTime", 0, "processType", 0, "stackwalk",
        1, "product", "concadvise", "importedFrom", text_of(m->tool_version, sizeof(m->tool_version)), "arguments",
        text_of(buffer_text(&command), command.length), "oscpu", text_of(m->machine.kernel, sizeof(m->machine.kernel)),
        "CPUName", text_of(m->machine.cpu_name, sizeof(m->machine.cpu_name)), "logicalCPUs", (int)m->machine.cpus,
        "profilingStartTime", 0, "profilingEndTime", ms_of(m->wall_ns), "symbolicated", 1, "symbolicationNotSupported",
        1, "usesOnlyOneStackType", 1, "sourceCodeIsNotOnSearchfox", 1, "keepProfileThreadOrder", 1,
        "initialVisibleThreads", visible, "categories", categories(f), "markerSchema", "name", "State", "display",
        "marker-chart", "marker-table", "timeline-overview", "chartLabel", "{marker.name}", "tableLabel",
        "{marker.name}", "data", "key", "woken_by", "label", "woken by", "format", "tid");
}

int export_firefox(FILE *out, const struct measurement *m, const struct advice *a)
{
    struct firefox f = {.out = out, .m = m};

    (void)a;
    (void)fputs("{", out);
    put_members(
        &f, json_pack("{s:o,s:[],s:[],s:[],s:[]}", "meta", meta(&f), "libs", "pages", "counters", "profilerOverhead"));
    (void)fputs("\"threads\":[", out);
    for (size_t i = 0; i < m->n_threads; i++)
        put_thread(&f, &m->threads[i]);
    put_all_places(&f);
    (void)fputs("\n]}\n", out);
    return f.o.failed ? -ENOMEM : 0;
}
