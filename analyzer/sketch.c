/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/sketch.h"

#include "analyzer/advice.h"
#include "analyzer/async_twins.h"
#include "analyzer/external.h"
#include "analyzer/findings/detect.h"
#include "analyzer/sketch_places.h"
#include "base/base.h"

/* More than that nobody reads; the others are named among the actions. */
#define MOST_SKETCHES 3

/* Blocking calls under way at once where nothing says how many are needed: what one peer bears as a rule. */
#define USUAL_CALLS 8
#define MOST_THREADS 32 /* as CPython's ThreadPoolExecutor has it */

struct context {
    const struct measurement *m;
    const struct advice *a;
    enum sketch_from from;
    uint32_t in_flight;
};

static const char *const ids[SKETCH_COUNT] = {[SKETCH_NONE] = "none",
#define X(symbol, name) [symbol] = name,
                                              SKETCH_LIST(X)
#undef X
};

const char *sketch_id_to_str(enum sketch_id id)
{
    return (size_t)id < ARRAY_SIZE(ids) ? ids[id] : "?";
}

void sketch_clear(struct sketch *sketch)
{
    free(sketch->function);
    free(sketch->coroutine);
    free(sketch->file);
    *sketch = (struct sketch){0};
}

struct sketch sketch_of_finding(int finding)
{
    static const struct sketch general[] = {
        {.finding = 1001, .id = SKETCH_PROCESSES, .from = SKETCH_FROM_LOOP},
        {.finding = 1203, .id = SKETCH_POOL_SIZE, .from = SKETCH_FROM_PROCESS_POOL},
        {.finding = 2001, .id = SKETCH_PROCESSES, .from = SKETCH_FROM_THREADS},
        {.finding = 2101, .id = SKETCH_MERGE_AT_END, .from = SKETCH_FROM_THREADS},
        {.finding = 2201, .id = SKETCH_WAIT_OUTSIDE_LOCK, .from = SKETCH_FROM_THREADS},
        {.finding = 3001, .id = SKETCH_THREADS, .from = SKETCH_FROM_LOOP},
        {.finding = 3002, .id = SKETCH_GATHER, .from = SKETCH_FROM_COROUTINES},
        {.finding = 3101, .id = SKETCH_THREADS_IN_LOOP, .from = SKETCH_FROM_COROUTINES},
        {.finding = 3102, .id = SKETCH_PROCESSES_IN_LOOP, .from = SKETCH_FROM_COROUTINES},
        {.finding = 3301, .id = SKETCH_KEPT_SESSION, .from = SKETCH_FROM_LOOP},
        {.finding = 3401, .id = SKETCH_GATHER_HTTP, .from = SKETCH_FROM_LOOP},
        {.finding = 4001, .id = SKETCH_PROCESSES, .from = SKETCH_FROM_PROCESSES},
        {.finding = 4002, .id = SKETCH_THREADS, .from = SKETCH_FROM_THREADS},
        {.finding = 4003, .id = SKETCH_THREADS, .from = SKETCH_FROM_THREADS},
        {.finding = 4101, .id = SKETCH_LOCAL_COUNTS, .from = SKETCH_FROM_PROCESSES},
        {.finding = 4102, .id = SKETCH_CHUNKS, .from = SKETCH_FROM_PROCESS_POOL},
    };

    for (size_t i = 0; i < ARRAY_SIZE(general); i++)
        if (general[i].finding == finding)
            return general[i];
    return (struct sketch){.finding = finding};
}

static bool computes(const struct site *site)
{
    return site->on_cpu;
}

static bool computes_in_loop(const struct site *site)
{
    return site->on_cpu && site->in_event_loop;
}

/* "requests": its get() answers with an object that has `content`; "urllib.request": urlopen() is read. */
static bool is_http(const char *library)
{
    return library && (strcmp(library, "requests") == 0 || strcmp(library, "urllib.request") == 0);
}

static const char *library_at(const struct context *c, const struct site *site)
{
    const struct async_twin *twin = site ? async_twin_of_site(c->m, site) : NULL;

    return twin ? twin->library : NULL;
}

static const char *library_waited_in(const struct context *c)
{
    const struct async_twin *twin = async_twin_seen(c->m);

    return twin ? twin->library : NULL;
}

static bool has_pool(const struct context *c)
{
    return c->from == SKETCH_FROM_THREAD_POOL || c->from == SKETCH_FROM_PROCESS_POOL || c->from == SKETCH_FROM_POOL;
}

static bool uses_multiprocessing(const struct context *c)
{
    return sketch_seen(c->m, "/multiprocessing/process.py");
}

/* --- which --- */

static enum sketch_id of_coroutines(const struct context *c)
{
    if (c->from == SKETCH_FROM_COROUTINES)
        return SKETCH_NONE;
    return is_http(library_waited_in(c)) ? SKETCH_GATHER_HTTP : SKETCH_GATHER_CLIENT;
}

static enum sketch_id of_loops_in_processes(const struct context *c)
{
    if (c->from != SKETCH_FROM_COROUTINES)
        return SKETCH_GATHER_PER_PROCESS;
    return sketch_seen(c->m, "/uvicorn/server.py") ? SKETCH_SERVER_WORKERS : SKETCH_LOOP_PER_PROCESS;
}

static enum sketch_id of_switch(const struct context *c)
{
    switch (c->a->recommendation.model) {
    case MODEL_SERIAL:
        return c->from == SKETCH_FROM_COROUTINES ? SKETCH_NONE : SKETCH_LOOP;
    case MODEL_THREADS:
        return c->from == SKETCH_FROM_COROUTINES ? SKETCH_NONE : SKETCH_THREADS;
    case MODEL_COROUTINES:
        return of_coroutines(c);
    case MODEL_PROCESSES:
        return c->from == SKETCH_FROM_COROUTINES ? SKETCH_PROCESSES_IN_LOOP : SKETCH_PROCESSES;
    case MODEL_PROCESSES_COROUTINES:
        return of_loops_in_processes(c);
    case MODEL_COUNT:
    case MODEL_NONE:
        break;
    }
    return SKETCH_NONE;
}

/* A number of workers is a pool's. */
static enum sketch_id of_other_workers(const struct context *c)
{
    if (has_pool(c))
        return SKETCH_POOL_SIZE;
    if (c->from == SKETCH_FROM_THREADS || c->from == SKETCH_FROM_QUEUE)
        return SKETCH_THREADS;
    return c->from == SKETCH_FROM_PROCESSES && uses_multiprocessing(c) ? SKETCH_PROCESSES : SKETCH_NONE;
}

/* To mend what no finding shows: it was ignored, or what is wrong is the number of workers. */
static enum sketch_id of_fix(const struct context *c)
{
    static const struct {
        const char *why_id;
        enum sketch_id id;
    } fixes[] = {
        {"loop_gather", SKETCH_GATHER},
        {"bound_threads", SKETCH_THREADS},
        {"thread_pool", SKETCH_THREADS},
        /* Another number of workers mends neither a lock nor small messages. */
        {"lock_fix", SKETCH_NONE},
        {"ipc_batch", SKETCH_NONE},
    };
    const struct recommendation *r = &c->a->recommendation;

    for (size_t i = 0; r->why_id && i < ARRAY_SIZE(fixes); i++)
        if (strcmp(fixes[i].why_id, r->why_id) == 0)
            return fixes[i].id;
    return r->workers != c->a->current_workers ? of_other_workers(c) : SKETCH_NONE;
}

static enum sketch_id of_blocking_call(const struct context *c, const struct finding *finding)
{
    const char *library = library_at(c, finding->n_sites > 0 ? &finding->sites[0] : NULL);

    if (library && strcmp(library, "time.sleep") == 0)
        return SKETCH_ASYNC_SLEEP;
    return is_http(library) ? SKETCH_ASYNC_HTTP : SKETCH_THREADS_IN_LOOP;
}

static enum sketch_id of_connections(const struct context *c, const struct finding *finding)
{
    const char *library = library_at(c, finding->n_sites > 0 ? &finding->sites[0] : NULL);
    bool requests = library && strcmp(library, "requests") == 0;

    if (c->from == SKETCH_FROM_COROUTINES)
        return sketch_seen_in(finding, "/aiohttp/client.py") ? SKETCH_ASYNC_SESSION : SKETCH_NONE;
    if (requests && c->a->current_model == MODEL_THREADS)
        return SKETCH_SESSION_PER_THREAD;
    return requests ? SKETCH_KEPT_SESSION : SKETCH_KEPT_CONNECTION;
}

/* Items smaller than their transfer: where they are handed over tells how to hand over many. */
static enum sketch_id of_small_items(const struct finding *finding)
{
    if (sketch_from_of_finding(finding) != SKETCH_FROM_PROCESSES)
        return SKETCH_CHUNKS;
    return sketch_seen_in(finding, "/multiprocessing/queues.py") ? SKETCH_QUEUE_BATCHES : SKETCH_NONE;
}

/* A lock of the program's own Python code; others are a library's to mend. */
static bool is_own_lock(const struct finding *finding)
{
    return finding->n_sites > 0 && sketch_own_frame(finding->sites[0].frames, finding->sites[0].n_frames);
}

/* How a finding is mended while the model stays. */
static enum sketch_id of_finding(const struct context *c, const struct finding *finding)
{
    switch (finding->id) {
    case 1203:
        return has_pool(c) ? SKETCH_POOL_SIZE : SKETCH_NONE;
    case 2101:
    case 2201:
        return is_own_lock(finding) ? sketch_of_finding(finding->id).id : SKETCH_NONE;
    case 3101:
        return of_blocking_call(c, finding);
    case 3301:
        return of_connections(c, finding);
    case 4001:
        /* Other programs, and forks by hand, are no matter of a pool of Python functions. */
        return uses_multiprocessing(c) ? SKETCH_PROCESSES : SKETCH_NONE;
    case 4101:
        return sketch_seen_in(finding, "/multiprocessing/managers.py") ? SKETCH_LOCAL_COUNTS : SKETCH_NONE;
    case 4102:
        return of_small_items(finding);
    case 3102: /* loops in several processes compute on every CPU already */
        return c->a->current_model == MODEL_COROUTINES ? SKETCH_PROCESSES_IN_LOOP : SKETCH_NONE;
    case 3002:
    case 4002:
    case 4003:
        return sketch_of_finding(finding->id).id;
    default: /* mended by the recommendation, or by nothing that ten lines could show */
        return SKETCH_NONE;
    }
}

/* --- where --- */

static bool in_workers(const struct context *c)
{
    return c->from != SKETCH_FROM_LOOP && c->from != SKETCH_FROM_COROUTINES;
}

/* Where most of what the sketch is about happens, when no finding has a place for it. */
static const struct site *busiest_site(const struct context *c, enum sketch_id id)
{
    const struct site *site = NULL;

    if (id == SKETCH_PROCESSES_IN_LOOP)
        return sketch_site(c->m, computes_in_loop, false);
    if (id != SKETCH_PROCESSES && id != SKETCH_CHUNKS && id != SKETCH_LOOP)
        site = sketch_site(c->m, site_waits_outside, in_workers(c));
    return site ? site : sketch_site(c->m, computes, in_workers(c));
}

/* "Crawler.fetch" is fetch to whoever calls it. NULL: not known, or no name of people's making ("<lambda>") */
static int copy_name(const struct frame *frame, char **ret)
{
    const char *dot = frame ? strrchr(frame->function, '.') : NULL;
    const char *name = !frame ? NULL : dot ? dot + 1 : frame->function;

    if (!name || name[0] == '<' || strcmp(name, "?") == 0)
        return 0;
    *ret = strdup(name);
    return *ret ? 0 : -ENOMEM;
}

/* In an event loop: the coroutine, and the function it calls that blocks or computes, where that is one of its own. */
static int fill_loop_place(const struct site *site, struct sketch *sketch)
{
    const struct frame *own = sketch_own_frame(site->frames, site->n_frames);
    const struct frame *coroutine = finding_coroutine(site);

    if (coroutine && copy_name(coroutine, &sketch->coroutine) < 0)
        return -ENOMEM;
    return own && !own->coroutine ? copy_name(own, &sketch->function) : 0;
}

/* A worker that takes items from a queue is no function of an item; what it calls with one is. */
static int fill_item_place(const struct site *site, struct sketch *sketch)
{
    const struct frame *worker = NULL, *called = NULL;

    if (sketch->from == SKETCH_FROM_QUEUE)
        called = sketch_called_frame(site->frames, site->n_frames, &worker);
    if (!worker)
        called = sketch_item_frame(site->frames, site->n_frames);
    return copy_name(called, &sketch->function);
}

static int fill_place(const struct site *site, struct sketch *sketch)
{
    bool loop = sketch->from == SKETCH_FROM_COROUTINES;
    const struct frame *frame;

    if (!site)
        return 0;
    frame = loop ? sketch_own_frame(site->frames, site->n_frames) : sketch_item_frame(site->frames, site->n_frames);
    if (!frame)
        return 0;
    sketch->file = strdup(frame->file);
    sketch->line = frame->line;
    if (!sketch->file)
        return -ENOMEM;
    return loop ? fill_loop_place(site, sketch) : fill_item_place(site, sketch);
}

/* Whose waits are longest may be who serves the others: where there are workers, the place is in one of them. */
static const struct site *site_of(const struct context *c, const struct finding *finding)
{
    for (size_t i = 0; in_workers(c) && i < finding->n_sites; i++)
        if (sketch_is_worker(&finding->sites[i]))
            return &finding->sites[i];
    return finding->n_sites > 0 ? &finding->sites[0] : NULL;
}

static uint32_t bounded_calls(const struct context *c)
{
    uint32_t calls = c->in_flight > 0 ? c->in_flight : USUAL_CALLS;

    return calls < MOST_THREADS ? calls : MOST_THREADS;
}

static uint32_t workers_of(const struct context *c, enum sketch_id id, int finding)
{
    const struct recommendation *r = &c->a->recommendation;

    if (id == SKETCH_THREADS_IN_LOOP)
        return bounded_calls(c);
    /* With an event loop `workers` counts what is under way at once. */
    if (id == SKETCH_PROCESSES_IN_LOOP && r->model == MODEL_COROUTINES)
        return c->a->evidence.cpus;
    if (finding == 1203 && r->change == CHANGE_KEEP)
        return c->a->evidence.cpus;
    return r->workers;
}

/* Workers that are made for each item are what the finding is about, whatever else the program does. */
static enum sketch_from from_of(const struct context *c, const struct finding *finding)
{
    int id = finding ? finding->id : 0;

    if (id == 4001)
        return SKETCH_FROM_PROCESSES;
    if (id == 4102)
        return sketch_from_of_finding(finding);
    if (id == 4002 || id == 4003)
        return c->from == SKETCH_FROM_THREAD_POOL ? c->from : SKETCH_FROM_THREADS;
    return c->from;
}

/* Waits under way at once: of each event loop, where that was forecast, else what the advice says at all. */
static uint32_t in_flight_of(const struct context *c)
{
    const struct recommendation *r = &c->a->recommendation;

    return c->in_flight > 0 ? c->in_flight : r->model == MODEL_COROUTINES ? r->workers : 0;
}

static bool is_there(const struct recommendation *r, enum sketch_id id)
{
    for (size_t i = 0; i < r->n_sketches; i++)
        if (r->sketches[i].id == id)
            return true;
    return false;
}

/* @param finding  NULL: for the recommendation as a whole */
static int add(const struct context *c, enum sketch_id id, const struct finding *finding, struct recommendation *r)
{
    struct sketch sketch = {
        .id = id,
        .from = from_of(c, finding),
        .finding = finding ? finding->id : 0,
        .workers = workers_of(c, id, finding ? finding->id : 0),
        .workers_now = c->a->current_workers,
        .in_flight = in_flight_of(c),
        .batch = finding ? finding->batch : 0,
    };
    const struct site *site = finding ? site_of(c, finding) : NULL;

    if (id == SKETCH_NONE || is_there(r, id) || r->n_sketches == MOST_SKETCHES)
        return 0;
    site = site ? site : busiest_site(c, id);
    sketch.library = finding ? library_at(c, site) : library_waited_in(c);
    if (fill_place(site, &sketch) < 0) {
        sketch_clear(&sketch);
        return -ENOMEM;
    }
    r->sketches[r->n_sketches++] = sketch;
    return 0;
}

/* What a change of the model leaves as it is. */
static bool outlives_switch(const struct context *c, int finding)
{
    enum model model = c->a->recommendation.model;

    return finding == 3301 && (model == MODEL_THREADS || model == MODEL_PROCESSES);
}

static int add_all(const struct context *c, struct recommendation *r)
{
    int error = r->change == CHANGE_SWITCH ? add(c, of_switch(c), NULL, r) : 0;

    for (size_t i = 0; i < c->a->n_findings && error == 0; i++) {
        const struct finding *finding = &c->a->findings[i];

        if (finding->severity > SEVERITY_INFO && (r->change != CHANGE_SWITCH || outlives_switch(c, finding->id)))
            error = add(c, of_finding(c, finding), finding, r);
    }
    if (error == 0 && r->change == CHANGE_FIX && r->n_sketches == 0)
        error = add(c, of_fix(c), NULL, r);
    return error;
}

int sketches_fill(const struct measurement *m, uint32_t in_flight, struct advice *advice)
{
    struct recommendation *r = &advice->recommendation;
    const struct context c = {
        .m = m,
        .a = advice,
        .from = sketch_from_of(m, advice->current_model),
        .in_flight = in_flight,
    };

    if (m->target.runtime.kind != RUNTIME_CPYTHON && m->target.runtime.kind != RUNTIME_PYPY)
        return 0;
    if (r->model == MODEL_NONE)
        return 0;
    r->sketches = calloc(MOST_SKETCHES, sizeof(*r->sketches));
    return r->sketches ? add_all(&c, r) : -ENOMEM;
}
